"""`make demo`: accounts carried from the customer's click to the outcome by the starter's own commands.

The stories are in `demo_stories.py`; what they tell is compared with ``--json``, and the demo ends with 1 and
one line when anything is not as told.
"""

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

from deploy.choose_server import user_server
from deploy.demo_stories import STORIES
from deploy.demo_story import Narrator, NotAsTold, Starter
from deploy.down import down
from deploy.local_address import read_local_server
from deploy.up import PROJECT, Failure, up

DATA = Path(".closure")
ACCOUNTS = Path(__file__).with_name("demo_accounts")


def main() -> int:
    began = time.monotonic()
    os.chdir(PROJECT)
    try:
        _use_local_server()
        with _running_system() as web_ui:
            print(f"Web UI: {web_ui}")
            _tell_all()
            _heading(f"All closures ended as told, after {time.monotonic() - began:.0f} s")
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
def _running_system() -> Iterator[str]:
    """Server and worker: those of `make up` if they run, else our own until the end. Gives the Web UI."""
    local = read_local_server(DATA)
    was_up = local is not None and _answers(local.temporal_address)
    print("Using what `make up` started." if was_up else "Starting a local Temporal server and a worker …")
    try:
        with _alone():
            started = asyncio.run(up(DATA.resolve()))
        yield started.ui_url
        if was_up:
            print("The closures stay there: look at them in the Web UI.")
    finally:
        if not was_up:
            with _alone():
                stopped = ", ".join(down(DATA.resolve()))
            print(f"Stopped: {stopped}. `make up` starts them again, for looking around.")


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
    """Two at a time, since each waits for its own commands; the telling keeps its order.

    Raises:
        NotAsTold: as the stories do.
    """
    suffix = secrets.token_hex(3)
    with ThreadPoolExecutor(max_workers=2) as pool:
        narrators = [Narrator(live=number == 0) for number in range(len(STORIES))]
        tellings = []
        for number, (told, narrator) in enumerate(zip(STORIES, narrators, strict=True), start=1):
            account = f"{told.name}-{suffix}"
            narrator.say(_line(f"{number}. {account}: {told.title}"))
            file = _fresh_copy(told.name, suffix)
            tellings.append(pool.submit(told.tell, Starter(narrator), account, file))
        for telling, narrator in zip(tellings, narrators, strict=True):
            telling_fault = telling.exception()
            narrator.tell_what_was_kept()
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


def _heading(text: str) -> None:
    print(_line(text), flush=True)


def _line(text: str) -> str:
    return f"\n── {text} {'─' * max(0, 76 - len(text))}"


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # The SDK's threads may abort a process that ends normally.
    os._exit(status)
