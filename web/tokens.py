"""`python -m web.tokens`: makes, lists and revokes the tokens that programs call the API with."""

import re
import sys
from typing import Annotated, Final, NoReturn

import typer
from pydantic import ValidationError

from closure.messages import IDENTIFIER
from keys.secret_file import SecretFault
from settings import Settings, setting_fault
from web.token_file import TOKEN_NAME, NameTaken, NoSuchToken, Scope, TokenFile

_SCOPES: Final = f"Some of {', '.join(Scope)}, with commas between them."

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="The tokens that programs call the API with, in CLOSURE_API_TOKENS_FILE.",
)


def _name(text: str) -> str:
    if not re.fullmatch(TOKEN_NAME, text):
        raise typer.BadParameter("up to 64 letters, digits, dots, dashes and underscores")
    return text


def _provider(text: str) -> str:
    if not re.fullmatch(IDENTIFIER, text):
        raise typer.BadParameter("1 to 200 characters, none of them a control character")
    return text


def _scopes(text: str) -> tuple[Scope, ...]:
    try:
        return tuple(dict.fromkeys(Scope(word.strip()) for word in text.split(",")))
    except ValueError:
        raise typer.BadParameter(_SCOPES, param_hint="--scope") from None


Name = Annotated[str, typer.Argument(metavar="NAME", parser=_name, help="Whose it is, such as a console.")]


@app.command()
def new(
    name: Name,
    scope: Annotated[str, typer.Option("--scope", metavar="SCOPE[,SCOPE]…", help=_SCOPES)],
    provider: Annotated[
        str | None,
        typer.Option(
            "--provider", metavar="P", parser=_provider, help="Only accounts of this provider exist for it."
        ),
    ] = None,
) -> None:
    """Prints a new token, once: only its hash is kept."""
    scopes = _scopes(scope)
    try:
        secret = _file().add(name, scopes, provider)
    except (NameTaken, SecretFault, OSError) as fault:
        _fail(fault)
    sys.stdout.write(f"{secret}\n")


@app.command(name="list")
def list_tokens() -> None:
    """One line for each token: name, scopes, provider and when it was made; never the token itself."""
    try:
        tokens = _file().tokens()
    except SecretFault as fault:
        _fail(fault)
    for each in tokens:
        limit = f"  only {each.provider}" if each.provider else ""
        sys.stdout.write(
            f"{each.name}  {','.join(each.scopes)}  {each.created_at:%Y-%m-%d %H:%M} UTC{limit}\n"
        )


@app.command()
def revoke(name: Name) -> None:
    """The token is good for nothing any more, at once."""
    try:
        _file().revoke(name)
    except (NoSuchToken, SecretFault, OSError) as fault:
        _fail(fault)


def _file() -> TokenFile:
    try:
        return TokenFile(Settings().api_tokens_file)
    except ValidationError as error:
        _fail(setting_fault(error))


def _fail(fault: Exception | str) -> NoReturn:
    sys.stderr.write(f"error: {fault}\n")
    raise typer.Exit(1 if isinstance(fault, NameTaken | NoSuchToken) else 2)


if __name__ == "__main__":
    app(prog_name="python -m web.tokens")
