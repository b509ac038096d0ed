"""Background processes: started detached, remembered by pid and start time, and only those ever signalled."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from private_files import make_private_folder, owner_only

_POLL_SECONDS = 0.05

# Children of this very process stay zombies until waited for; keeping the handles lets us reap them.
_children: dict[int, "subprocess.Popen[bytes]"] = {}


@dataclass(frozen=True)
class ProcessIdentity:
    """A process, told apart from a later one with the same pid by its start time (opaque text)."""

    pid: int
    started: str


def start_detached(
    command: Sequence[str],
    *,
    log_file: Path,
    environment: Mapping[str, str] | None = None,
    working_directory: Path | None = None,
) -> ProcessIdentity:
    """Starts a process that outlives this one and holds none of its pipes.

    Raises OSError when the program can't be started.
    """
    make_private_folder(log_file.parent)
    with open(log_file, "ab", opener=owner_only) as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=working_directory,
            env=None if environment is None else dict(environment),
        )
    _children[child.pid] = child
    # A child that ended at once has no start time any more: an identity that is never running.
    return ProcessIdentity(child.pid, _start_time(child.pid) or "ended")


def identity_of(pid: int) -> ProcessIdentity | None:
    """The process that has this pid now, or None."""
    started = _start_time(pid)
    return None if started is None else ProcessIdentity(pid, started)


def is_running(process: ProcessIdentity) -> bool:
    """Whether that very process still runs; a zombie or a successor with its pid doesn't count."""
    _reap(process.pid)
    return _start_time(process.pid) == process.started


def kill(process: ProcessIdentity) -> None:
    """SIGKILL, then waits until the process is gone; nothing when it is gone already."""
    if _send(process, signal.SIGKILL):
        _wait_until_gone(process, seconds=10)


def stop(process: ProcessIdentity, *, grace_seconds: float = 15) -> None:
    """SIGTERM, then SIGKILL for one that still runs after `grace_seconds`."""
    if _send(process, signal.SIGTERM) and not _wait_until_gone(process, seconds=grace_seconds):
        kill(process)


def _send(process: ProcessIdentity, which: signal.Signals) -> bool:
    """Whether the signal was sent, which it is to that very process only."""
    try:
        if sys.platform == "linux":
            # The descriptor pins the process: its pid can't be reused between the check and the signal.
            with _descriptor(process.pid) as descriptor:
                if not is_running(process):
                    return False
                signal.pidfd_send_signal(descriptor, which)
        else:
            if not is_running(process):
                return False
            os.kill(process.pid, which)
    except ProcessLookupError:
        return False
    return True


def _wait_until_gone(process: ProcessIdentity, *, seconds: float) -> bool:
    if sys.platform == "linux":
        try:
            with _descriptor(process.pid) as descriptor:
                waiter = select.poll()
                waiter.register(descriptor, select.POLLIN)
                # Also for a zombie: its other threads may still hold sockets for a moment.
                if _seen(process.pid)[1] == process.started:
                    waiter.poll(seconds * 1000)
        except ProcessLookupError:
            return True
    else:
        deadline = time.monotonic() + seconds
        while is_running(process) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    return not is_running(process)


if sys.platform == "linux":

    @contextmanager
    def _descriptor(pid: int) -> Iterator[int]:
        """Raises ProcessLookupError when no process has this pid."""
        descriptor = os.pidfd_open(pid)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _reap(pid: int) -> None:
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]


def _start_time(pid: int) -> str | None:
    """When the process was started, as the operating system words it; None for none or a zombie."""
    state, started = _seen(pid)
    return None if state in {"", "Z", "X"} else started


def _seen(pid: int) -> tuple[str, str]:
    """State letter and start time of whatever has this pid; two empty texts for nothing."""
    if sys.platform == "linux":
        try:
            # After the program's name, which may hold spaces and brackets: state is field 3, start field 22.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            # Start times count from the boot, so another boot's don't compare.
            started = Path("/proc/sys/kernel/random/boot_id").read_text().strip() + "/" + fields[19]
        except (FileNotFoundError, ProcessLookupError):
            return "", ""
        state = fields[0]
    else:
        command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
        listed = subprocess.run(command, capture_output=True, text=True, check=False)
        state, _, started = listed.stdout.strip().partition(" ")
    return state[:1], started.strip()
