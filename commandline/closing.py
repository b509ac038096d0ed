"""What a customer does with a closure: close, recheck, renounce, confirm, approve, withdraw."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from client.client import ClosureClient
from closure.languages import ENGLISH
from closure.lifecycle import Mode
from closure.messages import StatusDocument
from commandline.advice import Asked
from commandline.asking import is_at_terminal, plan_agreed_to
from commandline.commands import Purpose, starter_command
from commandline.following import when_over
from commandline.installation import Connected, on_closures
from commandline.options import (
    Account,
    Actor,
    AsJson,
    ClosureMode,
    Code,
    Language,
    PasswordStdin,
    PolicyName,
    Totp,
    free_text,
    item_ids,
)
from commandline.proving import given
from commandline.standing import answer_of, shown
from commandline.terminal import Answer, execute

app = typer.Typer()


@starter_command(app, Purpose.CLOSE, "close ali-100 --as u-1 --code 123456 --agree")
def close(
    context: typer.Context,
    account: Account,
    actor: Actor,
    code: Code = None,
    password_stdin: PasswordStdin = False,
    totp: Totp = None,
    policy: PolicyName = None,
    mode: ClosureMode = Mode.DELETE,
    agree: Annotated[bool, typer.Option("--agree", help="Agree to the policy's agreement.")] = False,
    acknowledge: Annotated[
        list[str] | None,
        typer.Option("--acknowledge", metavar="TEXT", help="Acknowledge a text; repeatable."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Return only when the closure has its outcome.")
    ] = False,
    language: Language = ENGLISH,
    as_json: AsJson = False,
) -> None:
    """Starts a closure and prints its first checklist (A11 to A15).

    It needs a proof of identity, and the policy's agreement and texts. From then on the system check runs.
    """
    proof = given(code, totp, password_stdin=password_stdin)

    async def act(there: Connected) -> Answer:
        document = await there.closures.close(
            account,
            actor,
            proof,
            policy=policy,
            mode=mode,
            agree=agree,
            acknowledgements=tuple(acknowledge or ()),
        )
        document = await when_over(there, document) if wait else shown(there, document)
        return answer_of(document, user=actor)

    execute(on_closures(context, act, language=language), as_json=as_json, asked=Asked(account, actor))


@starter_command(app, Purpose.CLOSE, "recheck ali-100")
def recheck(
    context: typer.Context, account: Account, language: Language = ENGLISH, as_json: AsJson = False
) -> None:
    """Lets the system check look again, and waits for the result (A15)."""
    _act(
        context,
        Asked(account),
        lambda closures: closures.recheck(account),
        language=language,
        as_json=as_json,
    )


@starter_command(
    app,
    Purpose.CLOSE,
    "renounce ali-100 balance --as u-1 --accept-risk",
    "renounce ali-100 --all --as u-1 --accept-risk",
)
def renounce(
    context: typer.Context,
    account: Account,
    actor: Actor,
    items: Annotated[
        list[str] | None,
        typer.Argument(metavar="ITEM", help="Items of the checklist.", callback=item_ids),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that can be given up.")] = False,
    accept_risk: Annotated[
        bool, typer.Option("--accept-risk", help="I know that what is given up can't be recovered.")
    ] = False,
    code: Code = None,
    password_stdin: PasswordStdin = False,
    totp: Totp = None,
    language: Language = ENGLISH,
    as_json: AsJson = False,
) -> None:
    """Gives up items of the checklist, at your own risk (A16, A26).

    What is given up is lost for good once the closure is confirmed.
    """
    if bool(items) is everything:
        raise typer.BadParameter("name items or give --all, one of them")
    proof = given(code, totp, password_stdin=password_stdin)

    def act(closures: ClosureClient) -> Awaitable[StatusDocument]:
        return closures.renounce(
            account,
            actor,
            item_ids=tuple(items or ()),
            all=everything,
            accept_risk=accept_risk,
            proof=proof,
        )

    _act(context, Asked(account, actor), act, language=language, as_json=as_json)


@starter_command(app, Purpose.CLOSE, 'confirm ali-100 --as u-1 --reason "moving away"')
def confirm(
    context: typer.Context,
    account: Account,
    actor: Actor,
    reason: Annotated[
        str, typer.Option("--reason", metavar="R", help="Why the account is closed.", callback=free_text)
    ],
    plan_hash: Annotated[
        str | None,
        typer.Option("--plan-hash", metavar="H", help="Hash of the plan you saw.", callback=free_text),
    ] = None,
    phrase: Annotated[
        str | None,
        typer.Option("--phrase", metavar="TEXT", help="What the policy wants typed.", callback=free_text),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask: the plan as it is now.")] = False,
    code: Code = None,
    password_stdin: PasswordStdin = False,
    totp: Totp = None,
    language: Language = ENGLISH,
    as_json: AsJson = False,
) -> None:
    """The last word: from here on nothing can be revoked (A17, A18).

    On a terminal it shows what will be lost and asks. Elsewhere it wants --yes, or the hash of the plan that
    was seen as --plan-hash.
    """
    asks = not yes and plan_hash is None
    if asks and (as_json or not is_at_terminal()):
        raise typer.BadParameter(
            "nobody can be asked here: give --plan-hash with the hash of the plan that was seen, or --yes"
        )
    proof = given(code, totp, password_stdin=password_stdin)

    async def act(there: Connected) -> Answer:
        seen = await plan_agreed_to(there, account) if asks else plan_hash
        document = await there.closures.confirm(
            account, actor, reason, plan_hash=seen, phrase=phrase, proof=proof
        )
        return answer_of(shown(there, document), user=actor)

    execute(on_closures(context, act, language=language), as_json=as_json, asked=Asked(account, actor))


@starter_command(app, Purpose.CLOSE, "approve ali-100 --as u-2 --plan-hash HASH")
def approve(
    context: typer.Context,
    account: Account,
    actor: Actor,
    plan_hash: Annotated[
        str, typer.Option("--plan-hash", metavar="H", help="Hash of the plan you saw.", callback=free_text)
    ],
    code: Code = None,
    password_stdin: PasswordStdin = False,
    totp: Totp = None,
    language: Language = ENGLISH,
    as_json: AsJson = False,
) -> None:
    """The second person's yes, where the policy wants one."""
    proof = given(code, totp, password_stdin=password_stdin)

    def act(closures: ClosureClient) -> Awaitable[StatusDocument]:
        return closures.approve(account, actor, plan_hash, proof=proof)

    _act(context, Asked(account, actor), act, language=language, as_json=as_json)


@starter_command(app, Purpose.CLOSE, "withdraw ali-100 --as u-1")
def withdraw(
    context: typer.Context,
    account: Account,
    actor: Actor,
    code: Code = None,
    password_stdin: PasswordStdin = False,
    totp: Totp = None,
    language: Language = ENGLISH,
    as_json: AsJson = False,
) -> None:
    """Keeps the account: ends a closure that can still be stopped."""
    proof = given(code, totp, password_stdin=password_stdin)

    def act(closures: ClosureClient) -> Awaitable[StatusDocument]:
        return closures.withdraw(account, actor, proof=proof)

    _act(context, Asked(account, actor), act, language=language, as_json=as_json)


def _act(
    context: typer.Context,
    asked: Asked,
    act: Callable[[ClosureClient], Awaitable[StatusDocument]],
    *,
    language: str,
    as_json: bool,
) -> None:
    async def on_connection(there: Connected) -> Answer:
        return answer_of(shown(there, await act(there.closures)), user=asked.actor)

    execute(on_closures(context, on_connection, language=language), as_json=as_json, asked=asked)
