"""Arguments and options that several commands share; what can't be right is refused before anything runs."""

import re
from enum import StrEnum
from typing import Annotated

import typer

from closure.lifecycle import Mode, Stage
from closure.messages import IDENTIFIER

_IDENTIFIER = re.compile(IDENTIFIER)


def identifier(text: str | None) -> str | None:
    """Typer callback: ids are short and printable; Python's stand-ins for undecodable bytes are not."""
    if text is None:
        return None
    if not _IDENTIFIER.fullmatch(text) or any("\ud800" <= character <= "\udfff" for character in text):
        raise typer.BadParameter("an id has 1 to 200 characters and no control characters")
    return text


def identifiers(texts: list[str] | None) -> list[str]:
    """Typer callback for several ids."""
    for text in texts or []:
        identifier(text)
    return texts or []


def free_text(text: str | None) -> str | None:
    """Typer callback: text that can be encoded. Its rules are the policy's."""
    if text is not None and any("\ud800" <= character <= "\udfff" for character in text):
        raise typer.BadParameter("the text is not valid UTF-8")
    return text


class CodeMethod(StrEnum):
    """Identity methods that send a one-time code."""

    EMAIL_CODE = "email_code"
    SMS_CODE = "sms_code"


Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Account id.", callback=identifier)]
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
StageFilter = Annotated[Stage | None, typer.Option("--stage", help="Only closures in this stage.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
