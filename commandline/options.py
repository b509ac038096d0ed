"""Arguments and options that several commands share; what can't be right is refused before anything runs."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from closure.languages import LANGUAGE
from closure.lifecycle import Mode
from closure.messages import IDENTIFIER, ITEM_ID, LONGEST_ITEM_ID

_LANGUAGE = re.compile(LANGUAGE)
_IDENTIFIER = re.compile(IDENTIFIER)
_WHOLE_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_ITEM_ID = re.compile(ITEM_ID)


def identifier(text: str | None) -> str | None:
    """Typer callback: ids are short and printable; Python's stand-ins for undecodable bytes are not."""
    if text is None:
        return None
    if not _IDENTIFIER.fullmatch(text) or _is_no_text(text):
        raise typer.BadParameter("an id has 1 to 200 characters and no control characters")
    return text


def item_ids(texts: list[str] | None) -> list[str]:
    """Typer callback for ids of checklist items, as a checklist shows them."""
    for text in texts or []:
        if not _ITEM_ID.fullmatch(text) or _is_no_text(text):
            raise typer.BadParameter(
                f"an item id has 1 to {LONGEST_ITEM_ID} characters and no control characters"
            )
    return texts or []


def free_text(text: str | None) -> str | None:
    """Typer callback: text that can be encoded. Its rules are the policy's."""
    if text is not None and _is_no_text(text):
        raise typer.BadParameter("the text is not valid UTF-8")
    return text


def language_tag(text: str) -> str:
    """Typer callback for the form of a tag; which languages there are only the policies say."""
    if not _LANGUAGE.fullmatch(text):
        raise typer.BadParameter("a language is a tag such as en or zh-CN")
    return text


def _is_no_text(text: str) -> bool:
    """Python's stand-ins for undecodable bytes are none."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def instant(text: str) -> datetime:
    """Typer parser: a time with or without an offset, or a day; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter("give a time such as 2026-12-01 or 2026-12-01T08:00:00Z") from None


def whole_number(text: str | int) -> int:
    """Typer parser: a number of things or a place in a list, from 1 on."""
    if not _WHOLE_NUMBER.fullmatch(str(text)):
        raise typer.BadParameter("give a whole number from 1 on")
    return int(text)


def file_to_write(file: Path | None) -> Path | None:
    """Typer callback: a file can be written, a folder can't."""
    if file is not None and (str(file) in ("", ".") or file.is_dir()):
        raise typer.BadParameter("names a folder or nothing; give the name of a file")
    return file


class CodeMethod(StrEnum):
    """Identity methods that send a one-time code."""

    EMAIL_CODE = "email_code"
    SMS_CODE = "sms_code"


Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Account id.", callback=identifier)]
AccountOrClosure = Annotated[
    str, typer.Argument(metavar="ACCOUNT|CLOSURE", help="Account id, or closure id.", callback=identifier)
]
Actor = Annotated[
    str, typer.Option("--as", metavar="USER", help="Id of the user who acts.", callback=identifier)
]
Code = Annotated[
    str | None,
    typer.Option("--code", metavar="C", help="One-time code from `challenge`.", callback=free_text),
]
PasswordStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the user's password from the first line of standard input."),
]
Totp = Annotated[
    str | None,
    typer.Option("--totp", metavar="C", help="Current code of the authenticator app.", callback=free_text),
]
PolicyName = Annotated[
    str | None,
    typer.Option(
        "--policy", metavar="P", help="Policy; by default the account's provider's.", callback=identifier
    ),
]
ClosureMode = Annotated[
    Mode, typer.Option("--mode", help="Delete the account, or stop it and keep its data.")
]
ClosureId = Annotated[
    str | None,
    typer.Option("--closure", metavar="ID", help="A closure other than the last.", callback=identifier),
]
Language = Annotated[
    str,
    typer.Option(
        "--language", metavar="TAG", help="Of the policy's texts, such as en or zh.", callback=language_tag
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
