"""Reading a secret from a file that other users can't read."""

import os
import stat
from pathlib import Path

CONTAINER_SECRETS = Path("/run/secrets")
"""Compose mounts secrets there with the mode that they have outside, for a container's only user."""


class SecretFault(Exception):
    """A secret that can't be used; the message says which and why, never what is in it."""


def read_secret(file: Path, what: str) -> str:
    """The text of a file that only its owner can read, or that lies in a folder only its owner can enter.

    Raises:
        SecretFault: it can't be read, or others can read or change it; `what` says what the file is for.
    """
    try:
        with file.open("rb") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            text = opened.read().decode("utf-8")
        folder = stat.S_IMODE(file.absolute().parent.stat().st_mode)
    except OSError as error:
        raise SecretFault(f"{what} {file} can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise SecretFault(f"{what} {file} is no text in UTF-8") from None
    is_sheltered = not folder & 0o077 or file.absolute().is_relative_to(CONTAINER_SECRETS)
    if mode & (0o022 if is_sheltered else 0o077):
        raise SecretFault(f"{what} {file} is open to other users (mode {mode:04o}): chmod 600 {file}")
    return text
