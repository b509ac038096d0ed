"""How a user proves who they are before an act. Codes and passwords end here: only the proof's id goes on."""

import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from getpass import getpass
from typing import Annotated
from uuid import uuid4

import typer
from pydantic import JsonValue

from closure.accounts import Access, Channel
from closure.errors import RefusalType, Refused
from closure.messages import IdentityMethod
from closure.notices import render
from closure.policy import Policy
from commandline.installation import Installation, open_installation
from commandline.next_step import STARTER
from commandline.options import Account, Actor, AsJson, CodeMethod
from commandline.terminal import Answer, execute
from connectors.ports import OutgoingMessage
from records.identity import CODE_LIFETIME

app = typer.Typer()

_LONGEST_PASSWORD = 4096
_CHANNELS = {CodeMethod.EMAIL_CODE: Channel.EMAIL, CodeMethod.SMS_CODE: Channel.SMS}


@app.command()
def challenge(
    account: Account,
    actor: Actor,
    method: Annotated[CodeMethod, typer.Option("--method", help="Where the code is sent.")],
    as_json: AsJson = False,
) -> None:
    """Sends a one-time code to the user; the answer is the same whether the user exists or not (A12)."""
    execute(lambda: _challenge(account, actor, method), as_json=as_json)


async def _challenge(account: str, actor: str, method: CodeMethod) -> Answer:
    async with open_installation() as installation:
        ports = await installation.ports()
        profile = await ports.directory.profile(account)
        if profile.access is Access.CLOSED:
            raise Refused(RefusalType.ACCOUNT_CLOSED, f"account {account} is closed for good")
        policy = installation.policy_for(profile, None)
        identity_method = IdentityMethod(method.value)
        policy.require_method(identity_method)
        code = await installation.identity.issue_code(account, actor, identity_method)
        channel, now = _CHANNELS[method], datetime.now(UTC)
        minutes = int(CODE_LIFETIME.total_seconds() // 60)
        await ports.messages.send(
            OutgoingMessage(
                key=f"challenge/{uuid4().hex}",
                account_id=account,
                channel=channel,
                template="identity_code",
                bodies=render(policy, "identity_code", channel, code=code, minutes=minutes),
                user_id=actor,
                time=now,
            )
        )
        document: dict[str, JsonValue] = {
            "account_id": account,
            "user_id": actor,
            "method": method.value,
            "expires_at": (now + CODE_LIFETIME).isoformat(),
        }
        text = (
            f"If {actor} is a user of {account} with an address for it, a code has been sent; "
            f"it is good for {minutes} minutes.\n"
            f"On the embedded platform read it with: {STARTER} platform outbox {account}\n"
            f"Then: {STARTER} close {account} --as {actor} --code CODE"
        )
        return Answer(document, text)


@dataclass(frozen=True)
class Given:
    """What the user gave to prove who they are; at most one of them."""

    code: str | None = None
    totp: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


def given(code: str | None, totp: str | None, *, password_stdin: bool) -> Given:
    """What was given on the command line, on standard input, or at a prompt; never a password as an argument.

    Raises:
        typer.BadParameter: more than one, or no password where one was announced.
    """
    if [code is not None, totp is not None, password_stdin].count(True) > 1:
        raise typer.BadParameter("give one of --code, --password-stdin and --totp")
    if not password_stdin:
        return Given(code=code, totp=totp)
    if sys.stdin.isatty():
        password = getpass("Password: ", stream=sys.stderr)
    else:
        password = sys.stdin.readline(_LONGEST_PASSWORD).rstrip("\r\n")
    if not password:
        raise typer.BadParameter("--password-stdin: there was no password on standard input")
    return Given(password=password)


async def prove(installation: Installation, account: str, actor: str, proof: Given) -> str | None:
    """The id of a proof for who knows the code or the password; None when nothing was given.

    Raises:
        Refused: `CODE_REFUSED` or `SECRET_REFUSED`.
    """
    identity = installation.identity
    if proof.code is not None:
        return (await identity.prove_by_code(account, actor, proof.code)).proof_id
    directory = (await installation.ports()).directory
    if proof.totp is not None:
        method, verified = IdentityMethod.TOTP, partial(directory.verify_totp, account, actor, proof.totp)
    elif proof.password is not None:
        method = IdentityMethod.PASSWORD
        verified = partial(directory.verify_password, account, actor, proof.password)
    else:
        return None
    return (await identity.prove_by_secret(account, actor, method, verified)).proof_id


def how_to_prove(policy: Policy, account: str, actor: str) -> str:
    """What a user of an account under this policy gives as proof."""
    methods = policy.identity.methods
    if IdentityMethod.PASSWORD in methods:
        return "give your password with --password-stdin"
    if methods[0] is IdentityMethod.TOTP:
        return "give the current code of your authenticator app with --totp"
    return f"give --code; get one: {STARTER} challenge {account} --as {actor} --method {methods[0]}"
