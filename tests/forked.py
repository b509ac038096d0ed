"""Processes forked from one that has imported the program already: a start costs milliseconds, not a second.

Each runs `starter.py` or `worker.py` as its script does, with a folder and an environment of its own.
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import IO

PRELOADED = [
    *("starter", "worker", "tests.faults.stricken_worker"),
    *(
        f"commandline.{name}"
        for name in ("auditing", "certifying", "clock", "closing", "export", "looking", "platform", "proving")
    ),
    *("connectors.embedded", "connectors.embedded.loading", "deploy.fast_forward"),
]
_ENTRY = {"starter.py": "main", "worker.py": "app"}


def forking() -> ForkServerContext:
    """Starts processes; all of a test run from the same parent."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


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
        process = forking().Process(
            target=_run, args=(script, tuple(words), folder, dict(environment), streams), daemon=True
        )
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"{script} {' '.join(words)} has not ended after {seconds} s")
        return process.exitcode, _text(output), _text(errors)


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
