"""`make demo`: accounts carried from the customer's click to the outcome by the starter's own commands.

The stories are in `demo_stories.py`. They tell what the commands answer, and the demo ends with 1 and one
line when anything is not as told. With ``--keep`` (`make demo KEEP=1`) everything goes on running.
"""

import argparse
import asyncio
import fcntl
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from local.choose_server import user_server
from local.demo_page import Page
from local.demo_stories import STORIES
from local.demo_story import NotAsTold
from local.down import down
from local.up import PROJECT, Failure, up
from temporal.local_address import read_local_server

DATA = Path(".closure")
INTRODUCTION = (
    "A line with $ is run as it stands; the result is below it. What is marked (checked) was asked of the "
    "system, too. Days pass in a moment: fast-forward moves the clock of one closure, which only a local "
    "server does."
)
STARTING = "Starting a local Temporal server, a worker and the web service …"
ACCOUNTS = Path(__file__).with_name("demo_accounts")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running")
    arguments = parser.parse_args()
    began = time.monotonic()
    os.chdir(PROJECT)
    try:
        _use_local_server()
        with _running_system(keep=arguments.keep):
            _tell_all()
            seconds = round(time.monotonic() - began)
            print(f"\nAll {len(STORIES)} accounts ended as they should, after {seconds} s.")
    except NotAsTold as fault:
        return _fail(1, f"the demo is not as told: {fault}")
    except ValidationError as error:
        return _fail(2, f"the demo failed: a setting is not valid: {error.errors()[0]['msg']}")
    except Failure as error:
        return _fail(3, f"the demo failed: {error}")
    except KeyboardInterrupt:
        return 130
    return 0


def _fail(status: int, reason: str) -> int:
    sys.stdout.flush()
    print(f"\n{reason}", file=sys.stderr)
    return status


def _use_local_server() -> None:
    """The story moves closures' clocks, which only a local server does.

    Raises:
        RuntimeError: Temporal's configuration can't be read.
    """
    if user_server() is None:
        return
    print("Temporal's settings name a server; the demo needs a local one to fast-forward, and uses that.")
    for name in [name for name in os.environ if name.startswith("TEMPORAL_")]:
        del os.environ[name]
    os.environ["TEMPORAL_CONFIG_FILE"] = os.devnull


@contextmanager
def _running_system(*, keep: bool) -> Iterator[None]:
    """All that `make up` starts: its own if it runs, else ours until the end, or as long as wanted."""
    local = read_local_server(DATA)
    was_up = local is not None and _answers(local.temporal_address)
    print("Using what `make up` started." if was_up else STARTING)
    Page(live=True).prose(INTRODUCTION)
    try:
        with _alone():
            started = asyncio.run(up(DATA.resolve()))
        yield
        if was_up or keep:
            print(f"Look at them: python starter.py list, or the Web UI: {started.ui_url}")
    finally:
        if was_up or keep:
            print("Server, worker and web service go on running. To stop them: make down")
        else:
            with _alone():
                *others, last = down(DATA.resolve()) or ["nothing"]
            stopped = " and ".join([", ".join(others), last] if others else [last])
            print(f"Stopped: {stopped}.\nTo keep them running: make demo KEEP=1")


@contextmanager
def _alone() -> Iterator[None]:
    """Only one of `make up`, `make down` and this at a time."""
    DATA.mkdir(parents=True, exist_ok=True)
    with (DATA / "up.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2):
            return True
    except (OSError, ValueError):
        return False


def _tell_all() -> None:
    """Two stories at a time, since each waits for its own commands; the telling keeps its order.

    Raises:
        NotAsTold: as the stories do.
    """
    suffix = secrets.token_hex(3)
    pages = [Page(live=number == 0) for number in range(len(STORIES))]
    with ThreadPoolExecutor(max_workers=2) as pool:
        tellings = []
        for number, (told, page) in enumerate(zip(STORIES, pages, strict=True), start=1):
            page.heading(f"{number}. {told.title}")
            file = _fresh_copy(told.name, suffix)
            tellings.append(pool.submit(told.tell, page, f"{told.name}-{suffix}", file))
        for telling, page in zip(tellings, pages, strict=True):
            telling_fault = telling.exception()
            page.tell_what_was_kept()
            if telling_fault is not None:
                pool.shutdown(cancel_futures=True)
                raise telling_fault


def _fresh_copy(name: str, suffix: str) -> Path:
    """The sample file with account ids and logins of this run's own, so that the demo can be run again."""
    text = (ACCOUNTS / f"{name}.yaml").read_text(encoding="utf-8").replace(name, f"{name}-{suffix}")
    file = DATA / "demo" / f"{name}-{suffix}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # The SDK's threads may abort a process that ends normally.
    os._exit(status)
