"""How a user proves who they are before an act. Codes and passwords end here: only the proof's id goes on."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import typer
from pydantic import JsonValue

from closure.accounts import Access, Channel
from closure.errors import RefusalType, Refused
from closure.messages import IdentityMethod
from closure.notices import render
from commandline.installation import Installation, open_installation
from commandline.next_step import STARTER
from commandline.options import Account, Actor, AsJson, CodeMethod
from commandline.terminal import Answer, execute
from connectors.ports import OutgoingMessage
from records.identity import CODE_LIFETIME

app = typer.Typer()

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
        if identity_method not in policy.identity.methods:
            offered = ", ".join(policy.identity.methods)
            raise Refused(
                RefusalType.IDENTITY_METHOD_REFUSED,
                f"policy {policy.name} does not accept {method.value}; it accepts: {offered}",
            )
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


async def prove(installation: Installation, account: str, actor: str, code: str | None) -> str | None:
    """The id of a proof for who knows the code; None when no code was given.

    Raises:
        Refused: `CODE_REFUSED`.
    """
    if code is None:
        return None
    return (await installation.identity.prove_by_code(account, actor, code)).proof_id
