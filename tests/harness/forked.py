"""Processes forked from one that has imported the program already: a start costs milliseconds, not a second.

Each runs `starter.py` or `worker.py` as its script does, with a folder and an environment of its own.
"""

import multiprocessing
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from multiprocessing import connection
from pathlib import Path
from typing import IO

_ENTRY = {"starter.py": "main", "worker.py": "app"}


# Starting a process also looks which others have ended, and of two threads that look at once one misses it.
_looking = threading.Lock()


class Forked:
    """A running process; its function must not return anything."""

    def __init__(self, target: Callable[..., None], *arguments: object) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.harness.preloaded"])
        self._process = context.Process(target=target, args=arguments, daemon=True)
        with _looking:
            self._process.start()

    def ended(self, seconds: float | None = None) -> int | None:
        """Waits for its end; the exit code, negative for a signal; None if it runs for `seconds` more."""
        if not connection.wait([self._process.sentinel], seconds):
            return None
        with _looking:
            self._process.join()
            return self._process.exitcode

    def terminate(self) -> None:
        """SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """SIGKILL; nothing when it has ended already."""
        self._process.kill()


def run_script(
    script: str,
    words: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    stdin: str,
    seconds: float,
) -> tuple[int, str, str]:
    """Exit code, stdout and stderr.

    Raises:
        TimeoutError: it has not ended after `seconds`, and is killed.
    """
    with (
        tempfile.NamedTemporaryFile() as given,
        tempfile.NamedTemporaryFile() as output,
        tempfile.NamedTemporaryFile() as errors,
    ):
        given.write(stdin.encode())
        given.flush()
        streams = (given.name, output.name, errors.name)
        process = Forked(_run, script, tuple(words), folder, dict(environment), streams)
        exit_code = process.ended(seconds)
        if exit_code is None:
            process.kill()
            process.ended()
            raise TimeoutError(f"{script} {' '.join(words)} has not ended after {seconds} s")
        return exit_code, _text(output), _text(errors)


def take_over(environment: Mapping[str, str], streams: Sequence[str]) -> None:
    """In the new process: the environment and the files for stdin, stdout and stderr."""
    os.environ.clear()
    os.environ.update(environment)
    for number, (name, flags) in enumerate(
        zip(streams, (os.O_RDONLY, os.O_WRONLY | os.O_APPEND, os.O_WRONLY | os.O_APPEND), strict=True)
    ):
        opened = os.open(name, flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - open as long as the process lives


def _run(
    script: str, words: Sequence[str], folder: Path, environment: Mapping[str, str], streams: Sequence[str]
) -> None:
    os.chdir(folder)
    take_over(environment, streams)
    sys.argv = [script, *words]
    entry: Callable[[], None] = getattr(import_module(script.removesuffix(".py")), _ENTRY[script])
    entry()


def _text(file: IO[bytes]) -> str:
    # By name: the process wrote through a descriptor of its own.
    return Path(file.name).read_text(encoding="utf-8")
