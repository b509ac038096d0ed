"""Reads the policy files of a folder."""

from pathlib import Path

from closure.policy import Policy, PolicyFault, parse_policy

__all__ = ["PolicyFault", "load_policies"]


def load_policies(directory: Path) -> dict[str, Policy]:
    """Every ``*.toml`` of `directory` by the policy's name, in the order of the names.

    Raises:
        PolicyFault: the folder or a file can't be read, holds no policy, or says something wrong.
    """
    try:
        files = sorted(path for path in directory.iterdir() if path.suffix == ".toml")
    except OSError as error:
        raise PolicyFault(str(directory), "", f"cannot be read: {error.strerror or error}") from error
    if not files:
        raise PolicyFault(str(directory), "", "holds no policy file (*.toml)")
    return {path.stem: _load(path) for path in files}


def _load(path: Path) -> Policy:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PolicyFault(path.name, "", f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise PolicyFault(path.name, "", f"is not UTF-8 text: byte {error.start}") from error
    return parse_policy(text, path.name)
