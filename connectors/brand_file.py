"""Reads a provider's brand from its file, and the logo beside it."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from closure.brand import Brand
from closure.model import first_fault
from connectors.setting_faults import BrandFault

__all__ = ["BrandFault", "load_brand"]


def load_brand(path: Path | None) -> Brand:
    """The brand of the TOML file `path`, or the neutral one; `logo` names a PNG or SVG in the same folder.

    Raises:
        BrandFault: a file can't be read, or says something wrong.
    """
    if path is None:
        return Brand()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BrandFault(str(path), "", f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise BrandFault(path.name, "", f"is not UTF-8 text: byte {error.start}") from error
    except (ValueError, RecursionError) as error:  # beside TOMLDecodeError: endless numbers and nesting
        raise BrandFault(path.name, "", f"not valid TOML: {error}") from error
    if "logo" in content:
        content["logo"] = {"content": _read_logo(path, content["logo"])}
    try:
        return Brand.model_validate(content)
    except ValidationError as error:
        key, reason = first_fault(error)
        raise BrandFault(path.name, key.removesuffix(".content"), reason) from error


def _read_logo(path: Path, name: object) -> bytes:
    if not isinstance(name, str) or Path(name).name != name:
        raise BrandFault(path.name, "logo", "is no name of a file beside this one")
    try:
        return (path.parent / name).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise BrandFault(path.name, "logo", f"{name} cannot be read: {reason or error}") from error
