"""`python -m local.down`: stops what `python -m local.up` started here; `make down`. Data stays."""

import fcntl
import os
import sys
from pathlib import Path

from local.local_web import LocalWeb
from local.local_worker import LocalWorker
from local.temporal_server import stop_local_server
from local.up import PROJECT
from temporal.local_address import forget_local_server


def down(data_directory: Path, *, project: Path = PROJECT) -> list[str]:
    """Stops web service, worker, Web UI and server, in this order. What still ran."""
    stopped: list[str] = []
    if LocalWeb(data_directory, project).stop():
        stopped.append("web service")
    if LocalWorker(data_directory, project).stop():
        stopped.append("worker")
    if stop_local_server(data_directory):
        stopped.append("Temporal server")
    forget_local_server(data_directory)
    return stopped


def main() -> int:
    data_directory = Path(".closure").resolve()
    if not data_directory.exists():
        print("nothing was running")
        return 0
    with (data_directory / "up.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stopped = down(data_directory)
    print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)
