"""The cache: complete and unchanged, or not there; and never written by two at once."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from local import versions
from local.go_build import GoBuild
from local.installation import MARKER, InstallationUnavailable, Report, cache_directory
from tests.local.programs import printing

quiet: Report = lambda _text, _share=None: None  # noqa: E731


class Builder:
    """Writes programs that print the version asked for; `before` runs first."""

    def __init__(self, before: Callable[[str], None] = lambda module: None) -> None:
        self._before = before
        self.built: list[str] = []

    def build(self, module: str, into: Path, report: Report) -> None:
        self._before(module)
        self.built.append(module)
        printing(into / "server", f"version {module.rpartition('@v')[2]}")


def test_a_finished_build_is_found_again_and_not_repeated(tmp_path: Path) -> None:
    builder = Builder()
    built = GoBuild(tmp_path, builder).obtain(quiet)
    assert builder.built == [versions.SERVER_MODULE, versions.UI_MODULE]
    assert built.server != built.ui
    again = GoBuild(tmp_path, builder)
    assert again.cached() == built == again.obtain(quiet)
    assert len(builder.built) == 2


def test_nothing_is_cached_in_an_empty_folder(tmp_path: Path) -> None:
    assert GoBuild(tmp_path, Builder()).cached() is None


def _truncate(build: GoBuild) -> None:
    program = build.folder / "server" / "server"
    program.write_bytes(program.read_bytes()[:-2])


def _remove_a_program(build: GoBuild) -> None:
    (build.folder / "ui" / "server").unlink()


def _remove_the_marker(build: GoBuild) -> None:
    (build.folder / MARKER).unlink()


def _break_the_marker(build: GoBuild) -> None:
    (build.folder / MARKER).write_bytes(b'{"version": "\xff')


def _another_version(build: GoBuild) -> None:
    marker = build.folder / MARKER
    marker.write_text(marker.read_text().replace(versions.SERVER_VERSION, "1.0.0"))


def _forbid_running(build: GoBuild) -> None:
    (build.folder / "server" / "server").chmod(0o644)


@pytest.mark.parametrize(
    "damage",
    [
        _truncate,
        _remove_a_program,
        _remove_the_marker,
        _break_the_marker,
        _another_version,
        _forbid_running,
    ],
)
def test_a_damaged_build_is_noticed_and_redone_whole(
    tmp_path: Path, damage: Callable[[GoBuild], None]
) -> None:
    builder = Builder()
    build = GoBuild(tmp_path, builder)
    built = build.obtain(quiet)
    damage(build)
    assert build.cached() is None
    assert build.obtain(quiet) == build.cached() == built
    assert len(builder.built) == 4


def test_an_interrupted_build_counts_for_nothing(tmp_path: Path) -> None:
    def interrupt(module: str) -> None:
        if module == versions.UI_MODULE:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GoBuild(tmp_path, Builder(interrupt)).obtain(quiet)
    build = GoBuild(tmp_path, Builder())
    assert build.cached() is None
    assert build.obtain(quiet) == build.cached()


def test_a_build_of_another_version_is_refused(tmp_path: Path) -> None:
    class Stale(Builder):
        def build(self, module: str, into: Path, report: Report) -> None:
            printing(into / "server", "version 1.29.0")

    build = GoBuild(tmp_path, Stale())
    with pytest.raises(InstallationUnavailable, match=f"not version {versions.SERVER_VERSION}"):
        build.obtain(quiet)
    assert build.cached() is None


def test_a_program_that_does_not_run_is_refused(tmp_path: Path) -> None:
    class Broken(Builder):
        def build(self, module: str, into: Path, report: Report) -> None:
            printing(into / "server", "").write_bytes(b"\x7fELF")

    with pytest.raises(InstallationUnavailable, match="does not run"):
        GoBuild(tmp_path, Broken()).obtain(quiet)


def test_two_at_once_build_once_and_the_second_says_that_it_waits(tmp_path: Path) -> None:
    waiting = threading.Event()
    said: list[str] = []

    def wait_for_the_second(module: str) -> None:
        assert waiting.wait(30)

    builder = Builder(wait_for_the_second)
    started = threading.Event()
    first = threading.Thread(
        target=lambda: GoBuild(tmp_path, _announcing(builder, started)).obtain(quiet), daemon=True
    )
    first.start()
    assert started.wait(30)

    def hear(line: str, _share: float | None = None) -> None:
        said.append(line)
        waiting.set()

    second = Builder()
    built = GoBuild(tmp_path, second).obtain(hear)
    first.join(30)
    assert second.built == []
    assert len(builder.built) == 2
    assert GoBuild(tmp_path).cached() == built
    assert len(said) == 1
    assert "another process prepares" in said[0]


def _announcing(builder: Builder, started: threading.Event) -> Builder:
    class Announcing(Builder):
        def build(self, module: str, into: Path, report: Report) -> None:
            started.set()
            builder.build(module, into, report)

    return Announcing()


def test_a_cache_that_cannot_be_written_is_one_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InstallationUnavailable, match=r"can't be written.*XDG_CACHE_HOME"):
        GoBuild(tmp_path / "file", Builder()).obtain(quiet)


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"XDG_CACHE_HOME": "/var/cache/somebody"}, Path("/var/cache/somebody/account-closure")),
        ({"XDG_CACHE_HOME": "relative"}, Path.home() / ".cache" / "account-closure"),
        ({"XDG_CACHE_HOME": ""}, Path.home() / ".cache" / "account-closure"),
        ({}, Path.home() / ".cache" / "account-closure"),
    ],
)
def test_the_cache_is_the_users(environment: dict[str, str], folder: Path) -> None:
    assert cache_directory(environment) == folder
    assert os.path.isabs(cache_directory(environment))
