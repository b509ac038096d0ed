"""Reads the policy files of a folder."""

from collections import defaultdict
from pathlib import Path

from closure.policy import Policy
from closure.policy_text import PolicyFault, parse_policy, translation_file

__all__ = ["PolicyFault", "load_policies"]


def load_policies(directory: Path) -> dict[str, Policy]:
    """Every policy of `directory` by its name, in the order of the names.

    ``acme.toml`` is a policy, ``acme.zh.toml`` its texts in Chinese.

    Raises:
        PolicyFault: the folder or a file can't be read, holds no policy, or says something wrong.
    """
    try:
        files = sorted(path for path in directory.iterdir() if path.suffix == ".toml")
    except OSError as error:
        raise PolicyFault(str(directory), "", f"cannot be read: {error.strerror or error}") from error
    if not files:
        raise PolicyFault(str(directory), "", "holds no policy file (*.toml)")
    texts: dict[str, str] = {}
    translations: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for path in files:
        name, is_translation, language = path.stem.partition(".")
        if is_translation:
            translations[name][language] = _read(path)
        else:
            texts[name] = _read(path)
    for name in translations.keys() - texts.keys():
        file = translation_file(name, min(translations[name]))
        raise PolicyFault(file, "", f"there is no {name}.toml whose texts it could have")
    return {name: parse_policy(text, f"{name}.toml", translations[name]) for name, text in texts.items()}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise PolicyFault(path.name, "", f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise PolicyFault(path.name, "", f"is not UTF-8 text: byte {error.start}") from error
