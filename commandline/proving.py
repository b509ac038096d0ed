"""How a user proves who they are before an act: a code that is sent, or what is typed."""

import sys
from getpass import getpass
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.console import Group

from client.identity import ProofOfIdentity
from closure.lifecycle import Mode
from closure.messages import IdentityMethod
from commandline.advice import Asked
from commandline.commands import Purpose, starter_command
from commandline.installation import Connected, on_closures
from commandline.layout import bullet_list, fitting
from commandline.next_step import close_command, command, next_steps, takes_proof
from commandline.options import Account, Actor, AsJson, CodeMethod, PolicyName
from commandline.terminal import Answer, execute

app = typer.Typer()

_LONGEST_PASSWORD = 4096


@starter_command(app, Purpose.CLOSE, "challenge ali-100 --as u-1 --method email_code")
def challenge(
    context: typer.Context,
    account: Account,
    actor: Actor,
    method: Annotated[CodeMethod, typer.Option("--method", help="Where the code is sent.")],
    policy: PolicyName = None,
    as_json: AsJson = False,
) -> None:
    """Sends a one-time code to a user (A12).

    The answer is the same whether the user exists or not.
    """

    async def act(there: Connected) -> Answer:
        sent = await there.closures.challenge(account, actor, IdentityMethod(method.value), policy=policy)
        document: dict[str, JsonValue] = {
            "account_id": account,
            "user_id": actor,
            "method": method.value,
            "expires_at": sent.expires_at.isoformat(),
        }
        minutes = int(sent.lifetime.total_seconds() // 60)
        said = (
            f"If {actor} is a user of {account} with an address for it, a code has been sent; "
            f"it is good for {minutes} minutes."
        )
        read = f"On the embedded platform read it: {command('platform', 'outbox', account)}"
        steps = [read, *await _uses(there, account, actor, policy)]
        return Answer(document, Group(fitting(said), bullet_list("Next", steps)))

    execute(on_closures(context, act), as_json=as_json, asked=Asked(account, actor))


async def _uses(there: Connected, account: str, actor: str, policy: str | None) -> list[str]:
    """What the code can be given to now."""
    opened = await there.closures.records.open_closure(account)
    if opened is None:
        profile = await there.installation.platform.directory.profile(account)
        chosen = there.closures.policy_for(profile, policy)
        consents = chosen.missing_consent(profile.kind, Mode.DELETE, False, ())
        return [f"Then: {close_command(chosen, consents, account, actor, by_code=True)}"]
    document = await there.closures.status(closure_id=opened.closure_id)
    return [step for step in next_steps(document, actor, proof=["--code", "CODE"]) if takes_proof(step)]


def given(code: str | None, totp: str | None, *, password_stdin: bool) -> ProofOfIdentity:
    """What was given on the command line, on standard input, or at a prompt; never a password as an argument.

    Raises:
        typer.BadParameter: more than one, or no password where one was announced.
    """
    if [code is not None, totp is not None, password_stdin].count(True) > 1:
        raise typer.BadParameter("give one of --code, --password-stdin and --totp")
    if not password_stdin:
        return ProofOfIdentity(code=code, totp=totp)
    if sys.stdin.isatty():
        password = getpass("Password: ", stream=sys.stderr)
    else:
        password = sys.stdin.readline(_LONGEST_PASSWORD).rstrip("\r\n")
    if not password:
        raise typer.BadParameter("--password-stdin: there was no password on standard input")
    return ProofOfIdentity(password=password)
