"""An e-mail's text as a page that mail clients show, in the provider's look.

Layout by tables, style beside each element, nothing from elsewhere: that is what mail clients have in common.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from closure.brand import DARK, LIGHT, Brand, LogoType
from closure.visible_text import printable
from closure.wording import words_of

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATE: Final = Path(__file__).with_name("mail_page.html")
_FONTS: Final = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, "
    "'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif"
)
_MEMBER: Final = "- "
"""What each member of a list begins with, in the texts that `closure.notices` renders."""


@dataclass(frozen=True)
class MailText:
    """What one e-mail says in one language: its text, whom it is about and where to look.

    `code` is a one-time code, which is shown large; `status_url` is where the closure can be seen:
    its page, or its certificate.
    """

    language: str
    subject: str
    body: str
    account_id: str
    code: str | None = None
    status_url: str | None = None
    is_certificate: bool = False

    @property
    def link_text(self) -> str:
        """What leads to `status_url`."""
        words = words_of(self.language)
        return words.see_certificate if self.is_certificate else words.see_status


@dataclass(frozen=True)
class _Block:
    """A paragraph's `lines`, or the `members` of a list."""

    lines: Sequence[str] = ()
    members: Sequence[str] = ()

    @property
    def opens_list(self) -> bool:
        """Whether it says what the list after it is of."""
        return bool(self.lines) and self.lines[-1].endswith((":", "："))


def mail_page(brand: Brand, text: MailText) -> str:
    """One HTML document. All that `text` says is text: nothing in it can be markup.

    The logo is in it as a ``data:`` address if it is a PNG, which is all that mail clients show.
    """
    words = words_of(text.language)
    return _template().render(
        brand=brand,
        words=words,
        language=text.language,
        subject=_one_line(text.subject),
        account=words.account.format(account=_one_line(text.account_id)),
        blocks=tuple(_blocks(printable(text.body))),
        code=_one_line(text.code) if text.code else None,
        status_url=text.status_url,
        link_text=text.link_text,
        logo=_picture(brand),
        light=LIGHT,
        dark=DARK,
        fonts=_FONTS,
    )


def _one_line(text: str) -> str:
    return " ".join(printable(text).split())


def _blocks(body: str) -> Iterator[_Block]:
    """Blank lines part paragraphs; in each, lines that are a list's members become one list."""
    lines = [line.strip() for line in body.splitlines()]
    for is_blank, paragraph in groupby(lines, key=lambda line: not line):
        if is_blank:
            continue
        for are_members, run in groupby(paragraph, key=lambda line: line.startswith(_MEMBER)):
            if are_members:
                yield _Block(members=tuple(line.removeprefix(_MEMBER) for line in run))
            else:
                yield _Block(lines=tuple(run))


def _picture(brand: Brand) -> str | None:
    if brand.logo is None or brand.logo.media_type is not LogoType.PNG:
        return None
    return f"data:{brand.logo.media_type};base64,{b64encode(brand.logo.content).decode('ascii')}"


@cache
def _template() -> "Template":
    # Here, since it takes a tenth of a second that only who sends mail has to wait for.
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
