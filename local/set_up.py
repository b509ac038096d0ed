"""Creates `.venv` from `requirements.lock`: `python3 local/set_up.py`, what every make target runs first.

Standard library only, and no syntax newer than Python 3.6 outside of annotations, so that an old Python
gets a sentence instead of a SyntaxError.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.progress import ProgressLine

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
REQUIREMENTS = ROOT / "requirements.lock"
STAMP = VENV / "requirements.sha256"
LOCK_FILE = ROOT / ".venv.lock"
ROUTINE = ("Collecting ", "Ignoring ", "Downloading ", "  Downloading ", "  Using cached ", "Using cached ")
"""What pip says of a package with which nothing is wrong."""


def fail(message: str) -> None:
    """Ends the process with one line that says what failed and what to do."""
    sys.stderr.write("set-up failed: " + message + "\n")
    raise SystemExit(2)


def require_current_python() -> None:
    if sys.hexversion < 0x030B0000:
        found = "%d.%d (%s)" % (sys.version_info[0], sys.version_info[1], sys.executable)  # noqa: UP031
        fail("Python 3.11 or newer is needed, found " + found + "; run `make PYTHON=/path/to/python3.11 …`.")


def wanted_stamp() -> str:
    """What the finished `.venv` was made from: the lock file's content and the Python version."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    return "%s python-%d.%d" % (digest, sys.version_info[0], sys.version_info[1])  # noqa: UP031


def is_complete() -> bool:
    return VENV_PYTHON.exists() and STAMP.is_file() and STAMP.read_text() == wanted_stamp()


def run(command: "list[str]", what: str, advice: str) -> None:
    """Runs one step; its output goes to the terminal only when it fails."""
    finished = subprocess.run(
        command, check=False, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if finished.returncode != 0:
        sys.stderr.write(finished.stdout.decode(errors="replace"))
        fail(what + " ended with status " + str(finished.returncode) + "; " + advice)


def create_environment() -> "list[str]":
    """Creates `.venv` and returns the pip command that installs into it."""
    advice = "delete .venv and try again, or name another Python: `make PYTHON=/path/to/python3.11 …`."
    if importlib.util.find_spec("ensurepip") is not None:
        run([sys.executable, "-m", "venv", "--clear", str(VENV)], "creating .venv", advice)
        return [str(VENV_PYTHON), "-m", "pip"]
    if importlib.util.find_spec("pip") is not None:
        # Debian ships venv without ensurepip; pip itself can install into another environment.
        run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)], "creating .venv", advice)
        return [sys.executable, "-m", "pip", "--python", str(VENV_PYTHON)]
    fail("this Python has neither ensurepip nor pip; install pip or run `make PYTHON=…`.")
    raise AssertionError("unreachable")


def install() -> None:
    # Only a new Python can read it: not before this one was looked at.
    sys.path.insert(0, str(ROOT))
    from local.progress import ProgressLine

    progress = ProgressLine()
    try:
        progress("setting up .venv (once, about a minute)", 0)
        pip = create_environment()
        install_packages(pip, progress)
        progress("set up .venv", 1)
    finally:
        progress.finish()
    unfinished = STAMP.with_suffix(".unfinished")
    unfinished.write_text(wanted_stamp())
    os.replace(str(unfinished), str(STAMP))


def install_packages(pip: "list[str]", progress: "ProgressLine") -> None:
    """Installs what `requirements.lock` names."""
    names = [line for line in REQUIREMENTS.read_text().splitlines() if line[:1].strip() not in ("", "#", "-")]
    options = ["--progress-bar", "off", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    process = subprocess.Popen(
        [*pip, "install", *options, "-r", str(REQUIREMENTS)],
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    said = []
    fetched = 0
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        # A package that another system or Python needs is ignored, and counts as done.
        if line.startswith(("Collecting ", "Ignoring ")):
            fetched += 1
            progress("fetching the packages", share_of(fetched, names) / 2)
        elif line.startswith("Installing collected packages"):
            show_installing(process, names, progress)
    status = process.wait()
    if status != 0:
        progress.finish()
        sys.stderr.write("".join(line for line in said if not line.startswith(ROUTINE)))
        fail(
            "installing requirements.lock ended with status "
            + str(status)
            + "; check that the package index is reachable (`pip config list` names it) and try again."
        )


def show_installing(process: "subprocess.Popen[str]", names: "list[str]", progress: "ProgressLine") -> None:
    """Follows by what is there already: of this part pip says nothing until its end."""
    while True:
        installed = len(list(VENV.glob("lib/*/site-packages/*.dist-info")))
        progress("installing them", 0.5 + share_of(installed, names) / 2)
        try:
            process.wait(0.2)
            return
        except subprocess.TimeoutExpired:
            continue


def share_of(done: int, names: "list[str]") -> float:
    return min(1.0, done / max(1, len(names)))


def main() -> None:
    require_current_python()
    if is_complete():
        return
    import fcntl

    with LOCK_FILE.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second `make` waits here, then finds the work done
        if not is_complete():
            install()


if __name__ == "__main__":
    main()
