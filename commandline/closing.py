"""What a customer does with a closure: close, recheck, renounce, confirm, withdraw."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated
from uuid import uuid4

import typer
from temporalio.client import Client

from closure.accounts import Access
from closure.errors import RefusalType, Refused
from closure.lifecycle import IRREVOCABLE, Mode, Stage
from closure.messages import (
    ApproveRequest,
    CloseRequest,
    ClosureInput,
    ConfirmRequest,
    RenounceRequest,
    StatusDocument,
    WithdrawRequest,
)
from closure.model import WireModel
from commandline.connection import connect
from commandline.delivery import NoWorkflow, no_worker, query_status, send_recheck, send_update
from commandline.installation import Installation, open_installation
from commandline.next_step import STARTER
from commandline.opening import start_closure, until_earlier_run_has_ended
from commandline.options import (
    Account,
    Actor,
    AsJson,
    ClosureMode,
    Code,
    PasswordStdin,
    PolicyName,
    Totp,
    free_text,
    identifiers,
)
from commandline.proving import Given, given, how_to_prove, prove
from commandline.standing import completed, is_running
from commandline.terminal import Answer, Unreachable, execute

app = typer.Typer()

RECHECK_DEADLINE = timedelta(minutes=5)
"""How long a system check may take before the command stops waiting for it (A14)."""
LOOKING_AGAIN = frozenset({Stage.FINAL_CHECK, Stage.RETAINED, Stage.DELETING})
"""After confirming, these look again at billing, the refund, or what is held up."""
FINAL_LOOK_DEADLINE = timedelta(seconds=5)
_LOOK_SECONDS = 0.1


@app.command()
def close(
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
    as_json: AsJson = False,
) -> None:
    """Proves identity, starts the closure and prints the first checklist (A11 to A15)."""

    proof = given(code, totp, password_stdin=password_stdin)

    async def act() -> Answer:
        async with open_installation() as installation:
            return await _close(
                installation, account, actor, proof, policy, mode, agree, tuple(acknowledge or ()), wait=wait
            )

    execute(act, as_json=as_json)


async def _close(
    installation: Installation,
    account: str,
    actor: str,
    proof: Given,
    policy_name: str | None,
    mode: Mode,
    agree: bool,
    acknowledgements: tuple[str, ...],
    *,
    wait: bool,
) -> Answer:
    ports = await installation.ports()
    profile = await ports.directory.profile(account)
    policy = installation.policy_for(profile, policy_name)
    client = await connect()
    # Before the code is used up: these need no proof.
    if profile.access is Access.CLOSED:
        raise Refused(
            RefusalType.ACCOUNT_CLOSED, f"account {account} is closed for good; nobody can reopen it"
        )
    if (opened := await installation.records.open_closure(account)) is not None:
        raise Refused(
            RefusalType.CLOSURE_ALREADY_OPEN,
            f"account {account} already has an open closure, {opened.document.closure_id}: "
            f"{STARTER} status {account}",
        )
    last = await installation.records.last(account)
    await until_earlier_run_has_ended(client, last.document if last else None)
    proof_id = await prove(installation, account, actor, proof)
    if proof_id is None:
        raise Refused(
            RefusalType.IDENTITY_PROOF_REQUIRED,
            f"prove your identity: {how_to_prove(policy, account, actor)}",
        )
    document = await start_closure(
        client,
        installation.settings.task_queue,
        ClosureInput(
            closure_id=f"closure-{uuid4().hex}",
            account_id=account,
            provider=profile.provider,
            policy=policy.name,
            mode=mode,
        ),
        CloseRequest(actor=actor, proof_id=proof_id, agree=agree, acknowledgements=acknowledgements),
    )
    if wait:
        result = await client.get_workflow_handle(document.workflow_id, result_type=StatusDocument).result()
        document = result or document
    return (await completed(client, document)).answer()


@app.command()
def recheck(account: Account, as_json: AsJson = False) -> None:
    """Sends the recheck signal and waits for the next system check's result (A15)."""
    execute(lambda: _recheck(account), as_json=as_json)


async def _recheck(account: str) -> Answer:
    async with open_installation() as installation:
        client = await connect()
        before = await _open_document(installation, account)
        state = await query_status(client, before.workflow_id)
        if state is not None and state.document is not None:
            before = state.document
        if before.stage in IRREVOCABLE and before.stage not in LOOKING_AGAIN:
            raise Refused(
                RefusalType.IRREVOCABLE,
                "the closure has been confirmed: there is nothing to recheck in this stage",
            )
        try:
            await send_recheck(client, before.workflow_id)
        except NoWorkflow as error:
            raise await _not_running(client, before) from error
        return (await completed(client, await _next_survey(client, before))).answer()


async def _next_survey(client: Client, before: StatusDocument) -> StatusDocument:
    final = before.stage in LOOKING_AGAIN
    patience = FINAL_LOOK_DEADLINE if final else RECHECK_DEADLINE
    document = before
    try:
        async with asyncio.timeout(patience.total_seconds()):
            while not _has_looked_again(before, document):
                await asyncio.sleep(_LOOK_SECONDS)
                state = await query_status(client, before.workflow_id)
                if state is None:
                    raise Unreachable(no_worker("the recheck was sent but not answered"))
                document = state.document or document
    except TimeoutError as error:
        if not final:
            raise Unreachable(
                f"the system check still runs; look with `{STARTER} status {before.account_id}`"
            ) from error
    return document


def _has_looked_again(before: StatusDocument, now: StatusDocument) -> bool:
    if now.outcome is not None:
        return True
    if before.stage in LOOKING_AGAIN:
        return (now.stage, now.refund) != (before.stage, before.refund)
    return now.survey_number > before.survey_number and now.stage is not Stage.CHECKING


@app.command()
def renounce(
    account: Account,
    actor: Actor,
    items: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ITEM]...", help="Items of the checklist.", callback=identifiers),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every renounceable item.")] = False,
    accept_risk: Annotated[
        bool, typer.Option("--accept-risk", help="I know that what is given up can't be recovered.")
    ] = False,
    code: Code = None,
    password_stdin: PasswordStdin = False,
    totp: Totp = None,
    as_json: AsJson = False,
) -> None:
    """Gives up renounceable items: they are lost for good once the closure is confirmed (A16, A26)."""
    if bool(items) is everything:
        raise typer.BadParameter("name items or give --all, one of them")

    def request(proof_id: str | None) -> RenounceRequest:
        return RenounceRequest(
            actor=actor,
            item_ids=tuple(items or ()),
            all=everything,
            accept_risk=accept_risk,
            proof_id=proof_id,
        )

    proof = given(code, totp, password_stdin=password_stdin)
    execute(lambda: _update(account, actor, "renounce", request, proof), as_json=as_json)


@app.command()
def confirm(
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
    code: Code = None,
    password_stdin: PasswordStdin = False,
    totp: Totp = None,
    as_json: AsJson = False,
) -> None:
    """Enters the irreversible part, if the plan is still the one that was seen (A17, A18)."""

    def request(proof_id: str | None) -> ConfirmRequest:
        return ConfirmRequest(
            actor=actor, reason=reason, plan_hash=plan_hash, phrase=phrase, proof_id=proof_id
        )

    proof = given(code, totp, password_stdin=password_stdin)
    execute(lambda: _update(account, actor, "confirm", request, proof), as_json=as_json)


@app.command()
def approve(
    account: Account,
    actor: Actor,
    plan_hash: Annotated[
        str, typer.Option("--plan-hash", metavar="H", help="Hash of the plan you saw.", callback=free_text)
    ],
    code: Code = None,
    password_stdin: PasswordStdin = False,
    totp: Totp = None,
    as_json: AsJson = False,
) -> None:
    """The second person's yes to the plan, where the policy wants one for accounts of high value."""

    def request(proof_id: str | None) -> ApproveRequest:
        return ApproveRequest(actor=actor, plan_hash=plan_hash, proof_id=proof_id)

    proof = given(code, totp, password_stdin=password_stdin)
    execute(lambda: _update(account, actor, "approve", request, proof), as_json=as_json)


@app.command()
def withdraw(
    account: Account,
    actor: Actor,
    code: Code = None,
    password_stdin: PasswordStdin = False,
    totp: Totp = None,
    as_json: AsJson = False,
) -> None:
    """Ends a closure that has not been confirmed; nothing was changed."""

    def request(proof_id: str | None) -> WithdrawRequest:
        return WithdrawRequest(actor=actor, proof_id=proof_id)

    proof = given(code, totp, password_stdin=password_stdin)
    execute(lambda: _update(account, actor, "withdraw", request, proof), as_json=as_json)


async def _update(
    account: str,
    actor: str,
    update: str,
    request: Callable[[str | None], WireModel],
    proof: Given,
) -> Answer:
    async with open_installation() as installation:
        client = await connect()
        opened = await _open_document(installation, account)
        proof_id = await prove(installation, account, actor, proof)
        update_id = f"{opened.closure_id}/{update}/{uuid4().hex}"
        try:
            document = await send_update(
                client, opened.workflow_id, update, request(proof_id), update_id=update_id
            )
        except NoWorkflow as error:
            raise await _not_running(client, opened) from error
        return (await completed(client, document)).answer()


async def _open_document(installation: Installation, account: str) -> StatusDocument:
    """The record's state of the account's open closure.

    Raises:
        Refused: `CLOSURE_NOT_FOUND`, or `CLOSURE_ENDED` when the last one has its outcome.
    """
    opened = await installation.records.open_closure(account)
    if opened is not None:
        return opened.document
    last = await installation.records.last(account)
    if last is None:
        raise Refused(RefusalType.CLOSURE_NOT_FOUND, f"account {account} has no closure")
    raise Refused(
        RefusalType.CLOSURE_ENDED, f"the closure of account {account} has ended: {last.document.stage.value}"
    )


async def _not_running(client: Client, document: StatusDocument) -> Refused | Unreachable:
    """Why nothing answers although the record says that the closure is open."""
    if await is_running(client, document.workflow_id):
        return Refused(RefusalType.CLOSURE_ENDED, "the closure has ended meanwhile; look at its status")
    return Unreachable(
        f"closure {document.closure_id} is open in the record but no workflow {document.workflow_id} runs on "
        "this server: is it the right server and namespace? If it was terminated, it must be resumed"
    )
