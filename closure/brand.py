"""How a provider's pages and mails look: name, logo, colours, where to get help."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, HttpUrl, StringConstraints, TypeAdapter, ValidationError, field_validator

from closure.model import Model
from closure.visible_text import is_unseen

READABLE: Final = 4.5
"""The contrast that WCAG 2 asks of text at level AA."""
LIGHT: Final = "#f4f5f7"
DARK: Final = "#22262d"
"""What text in the accent colour must be readable on: the darkest light surface, the lightest dark one."""
LOGO_LIMIT: Final = 65_536
"""Bytes: every mail carries it."""

Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$", to_lower=True)]
"""Red, green and blue, such as ``#1f5fbf``."""

_BLACK: Final = "#000000"
_WHITE: Final = "#ffffff"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_SVG: Final = "{http://www.w3.org/2000/svg}"
_ADDRESS: Final = TypeAdapter(HttpUrl)


class LogoType(StrEnum):
    """By media type."""

    PNG = "image/png"
    SVG = "image/svg+xml"


class Logo(Model):
    """A picture that does nothing: an SVG with a script in it is none."""

    content: bytes

    @field_validator("content")
    @classmethod
    def _is_picture(cls, content: bytes) -> bytes:
        if len(content) > LOGO_LIMIT:
            raise ValueError(f"is larger than {LOGO_LIMIT // 1024} KiB")
        if not content.startswith(_PNG):
            _require_still_svg(content)
        return content

    @property
    def media_type(self) -> LogoType:
        return LogoType.PNG if self.content.startswith(_PNG) else LogoType.SVG


class Brand(Model):
    """One provider's look; without a file of their own it is nobody's.

    `accent` is for buttons and the like on light pages, `accent_dark` on dark ones; without it, `accent` made
    light enough to be seen there.
    """

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)] = (
        "Account closure"
    )
    support_url: str | None = None
    accent: Colour = "#1f5fbf"
    accent_dark: Colour = Field(default_factory=lambda data: readable(data["accent"], DARK))
    logo: Logo | None = None

    @field_validator("name")
    @classmethod
    def _is_one_line(cls, name: str) -> str:
        if "\n" in name or any(map(is_unseen, name)):
            raise ValueError("has a character that can't be seen")
        return name

    @field_validator("support_url")
    @classmethod
    def _is_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        try:
            return str(_ADDRESS.validate_python(url))
        except ValidationError as error:
            raise ValueError("is no http:// or https:// address") from error

    @property
    def on_accent(self) -> str:
        """Black or white, whichever is the better to read on `accent`; READABLE on any."""
        return _better_on(self.accent)

    @property
    def on_accent_dark(self) -> str:
        return _better_on(self.accent_dark)

    @property
    def link(self) -> str:
        """The accent as a colour of text on light pages: as dark as it takes."""
        return readable(self.accent, LIGHT)

    @property
    def link_dark(self) -> str:
        """The accent as a colour of text on dark pages."""
        return readable(self.accent_dark, DARK)


def contrast(one: str, other: str) -> float:
    """Of two colours, from 1 to 21 (WCAG 2)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def readable(colour: str, on: str) -> str:
    """The colour, mixed with as little black or white as makes text of it readable on `on`."""
    pole = _parts(_better_on(on))
    parts = _parts(colour)
    steps = 50
    for step in range(steps + 1):
        mixed = (round(part + (end - part) * step / steps) for part, end in zip(parts, pole, strict=True))
        candidate = "#" + "".join(f"{part:02x}" for part in mixed)
        if contrast(candidate, on) >= READABLE:
            return candidate
    raise AssertionError("black or white is readable on any colour")


def _better_on(colour: str) -> str:
    return max(_WHITE, _BLACK, key=lambda text: contrast(text, colour))


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(part / 255) for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _require_still_svg(content: bytes) -> None:
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise ValueError("is an SVG with a document type: leave it out")
    from xml.etree import ElementTree  # for the few that have such a logo

    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise ValueError("is neither a PNG nor an SVG picture") from error
    if root.tag != f"{_SVG}svg":
        raise ValueError("is neither a PNG nor an SVG picture")
    for element in root.iter():
        if element.tag.removeprefix(_SVG).lower() in {"script", "foreignobject"} or any(
            name.lower().startswith("on") for name in element.attrib
        ):
            raise ValueError("is an SVG that has a script in it")
