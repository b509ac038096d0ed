"""Print the part of requirements.lock that the program itself needs, hashes included.

The lock names, under every package, what asked for it; the development tools are what only the ``dev`` group,
or a package of it, asked for. Standard library only: it runs before anything is installed.
"""

import re
import sys
from pathlib import Path

PROJECT = "account-closure (pyproject.toml)"

_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", re.MULTILINE)
_REQUESTER = re.compile(r"^    #(?: via| {2}) +(\S.*?)$", re.MULTILINE)


def runtime_requirements(lock: str) -> str:
    """The entries of ``lock`` that the project reaches without its dev group, in the lock's order.

    Raises:
        ValueError: the text is not a lock with hashes and origins, as ``make lock`` writes it.
    """
    entries = _entries(lock)
    requesters = {name: set(_REQUESTER.findall(text)) for name, text in entries.items()}
    untraced = sorted(name for name, found in requesters.items() if not found)
    unhashed = sorted(name for name, text in entries.items() if "--hash=sha256:" not in text)
    if not entries or untraced or unhashed:
        raise ValueError(
            f"not a lock with hashes and origins: {', '.join(untraced + unhashed) or 'no package'}"
        )
    kept: set[str] = set()
    wanted = {PROJECT}
    while wanted:
        found = {name for name, by in requesters.items() if by & wanted} - kept
        kept |= found
        wanted = found
    if not kept:
        raise ValueError(f"nothing in the lock is asked for by {PROJECT}")
    return "".join(text for name, text in entries.items() if name in kept)


def _entries(lock: str) -> dict[str, str]:
    starts = list(_NAME.finditer(lock))
    ends = [*(start.start() for start in starts[1:]), len(lock)]
    return {start[1]: lock[start.start() : end] for start, end in zip(starts, ends, strict=False)}


def main() -> int:
    """Print the runtime part of the lock given as the only argument."""
    try:
        (path,) = sys.argv[1:]
        sys.stdout.write(runtime_requirements(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"runtime_requirements: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
