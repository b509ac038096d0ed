"""The command-line tool with its development server, by the SDK's own download.

Of the download only the program is kept: the SDK ties a server it has started to its own process, so
the download runs in a child process and the server is started from the cached program later.
"""

import asyncio
import json
import os
import platform
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

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

CATALOGUE = "https://temporal.download/cli/default"

# A network that drops packets would make the SDK hang; the probe decides within this time.
PROBE_SECONDS = 4.0
DOWNLOAD_SECONDS = 600.0


class DevServerDownload:
    """The tool below `<cache>/temporal-cli-sdk-<SDK version>/<platform>`."""

    def __init__(self, cache: Path | None = None, catalogue: str = CATALOGUE) -> None:
        self._catalogue = catalogue
        self._version = f"sdk {versions.SDK_VERSION}"
        self.folder = (
            (cache or cache_directory()) / f"temporal-cli-sdk-{versions.SDK_VERSION}" / platform_name()
        )
        self._program = self.folder / "temporal"

    def cached(self) -> ServerInstallation | None:
        if not is_complete(self.folder, self._version, {"temporal": self._program}):
            return None
        return ServerInstallation(InstallationKind.DOWNLOADED, self._program, self._program)

    def obtain(self, report: Report) -> ServerInstallation:
        """Downloads; gives up within 5 seconds where the network doesn't allow it.

        Raises InstallationUnavailable, also for a tool whose server can't skip time.
        """
        with only_one(self.folder, report):
            finished = self.cached()
            if finished is not None:
                return finished
            self._run_child("probe", self._catalogue, seconds=PROBE_SECONDS)
            report("downloading the Temporal development server (once)")
            start_over(self.folder)
            self._run_child("download", str(self.folder), seconds=DOWNLOAD_SECONDS)
            self._keep_program()
            mark_complete(self.folder, self._version, {"temporal": self._program})
            return ServerInstallation(InstallationKind.DOWNLOADED, self._program, self._program)

    def _run_child(self, *arguments: str, seconds: float) -> None:
        """A child process, since neither name look-ups nor the SDK's download can be timed out within."""
        command = [sys.executable, "-m", __name__, *arguments]
        root = Path(__file__).parent.parent
        try:
            child = subprocess.run(
                command, cwd=root, capture_output=True, text=True, check=False, timeout=seconds
            )
        except subprocess.TimeoutExpired as error:
            raise InstallationUnavailable(
                f"{self._catalogue} did not answer within {seconds:.0f} s"
            ) from error
        if child.returncode != 0:
            reason = (child.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise InstallationUnavailable(f"{arguments[0]} of the development server failed: {reason}")

    def _keep_program(self) -> None:
        downloaded = [path for path in self.folder.iterdir() if path.is_file() and os.access(path, os.X_OK)]
        if len(downloaded) != 1:
            raise InstallationUnavailable(f"expected one program in {self.folder}, found {len(downloaded)}")
        require_time_skipping(downloaded[0])
        downloaded[0].replace(self._program)


def require_time_skipping(program: Path) -> None:
    """Raises InstallationUnavailable for a tool with an older server than the one this project pins."""
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, timeout=30
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallationUnavailable(f"the downloaded {program.name} does not run: {error}") from error
    found = re.search(r"Server (\d+)\.(\d+)\.(\d+)", answer)
    wanted = tuple(int(part) for part in versions.SERVER_VERSION.split("."))
    if found is None or tuple(int(part) for part in found.groups()) < wanted:
        raise InstallationUnavailable(f"the downloaded server is too old: {answer.strip()!r}")


def probe(catalogue: str) -> None:
    """Asks the catalogue for the download and reads its first byte. Raises OSError or ValueError."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    query = urllib.parse.urlencode(
        {"arch": machine, "platform": sys.platform, "format": "tar.gz", "sdk-name": "sdk-python"}
    )
    with urllib.request.urlopen(f"{catalogue}?{query}", timeout=PROBE_SECONDS) as answer:
        archive = json.load(answer)["archiveUrl"]
    with urllib.request.urlopen(archive, timeout=PROBE_SECONDS) as answer:
        answer.read(1)


async def download(folder: Path) -> None:
    """Lets the SDK download the tool into `folder`, starting its server once. Raises RuntimeError."""
    from temporalio.testing import WorkflowEnvironment

    environment = await WorkflowEnvironment.start_local(download_dest_dir=str(folder))
    await environment.shutdown()


def _main(step: str, argument: str) -> None:
    try:
        if step == "probe":
            probe(argument)
        else:
            asyncio.run(download(Path(argument)))
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
        os._exit(1)
    # The SDK's threads may abort a process that ends normally.
    os._exit(0)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
