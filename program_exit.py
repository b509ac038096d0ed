"""How a process that used Temporal's SDK ends."""

import os
import sys
from typing import Final, NoReturn

OUTPUT_FAILED: Final = 3
"""The exit code where something outside of the program keeps it from telling what it has done."""


def leave(code: int) -> NoReturn:
    """Ends the process at once: the SDK's runtime can abort a normal interpreter exit (sdk-python #300)."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:  # the reader has seen enough: `starter.py list | head -1`
            discard_output()
        except OSError as error:  # such as a full disk
            output_failed(error, code or OUTPUT_FAILED)
    os._exit(code)


def output_failed(error: OSError, code: int = OUTPUT_FAILED) -> NoReturn:
    """Says that standard output takes nothing, and ends the process."""
    discard_output()
    sys.stderr.write(f"error: the output can't be written: {error.strerror}\n")
    leave(code)


def refuse_to_start(reason: str) -> NoReturn:
    """Says in one line what the operator has to see to first, and ends the process with 2."""
    sys.stderr.write(f"error: {reason}\n")
    leave(2)


def discard_output() -> None:
    """What is still to be written to standard output goes nowhere."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - open until the process ends
