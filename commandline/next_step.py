"""What to do next, for every stage: the commands a person would otherwise have to look up, to be copied."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from closure.lifecycle import Mode, Stage
from closure.messages import Action, IdentityMethod, ItemCategory, Standing, StatusDocument
from commandline.commands import STARTER
from commandline.countdown import spoken, spoken_time

if TYPE_CHECKING:
    from closure.policy import Policy  # which only some commands need, and takes long to import

_PROOFS = {IdentityMethod.PASSWORD: ["--password-stdin"], IdentityMethod.TOTP: ["--totp", "CODE"]}


def command(*words: str, options: Sequence[str] = ()) -> str:
    """A command of the starter as it would be typed.

    `words` are its name and what it is for. An id that looks like an option goes behind `--`, at the end.
    """
    like_option = next((place for place, word in enumerate(words) if word.startswith("-")), len(words))
    before, behind = words[:like_option], words[like_option:]
    return f"{STARTER} {shlex.join([*before, *options, *(['--'] if behind else []), *behind])}"


def close_command(
    policy: "Policy",
    consents: Sequence[str],
    account: str,
    user: str,
    mode: Mode = Mode.DELETE,
    *,
    by_code: bool = False,
) -> str:
    """The command that closes this account under this policy, with all that it asks for.

    `consents` are the texts to agree to or acknowledge, as `Policy.missing_consent` gives them. `by_code` is
    for a user who has been sent one.
    """
    words = ["--as", user]
    if policy.name != policy.provider:
        words += ["--policy", policy.name]
    if mode is not Mode.DELETE:
        words += ["--mode", mode.value]
    method = IdentityMethod.EMAIL_CODE if by_code else policy.identity.asked[0]
    words += _PROOFS.get(method, ["--code", "CODE"])
    for text in consents:
        is_agreement = policy.agreement is not None and text == str(policy.agreement)
        words += ["--agree"] if is_agreement else ["--acknowledge", text]
    return command("close", account, options=words)


def items_command(document: StatusDocument, page: int) -> str:
    """The command that shows this page of the checklist."""
    return command("status", document.account_id, options=("--items", "--page", str(page)))


def takes_proof(step: str) -> bool:
    """Whether the command of a step is an act of the customer's, which a proof of identity can go with."""
    words = step.partition(f"{STARTER} ")[2].split()
    return bool(words) and words[0] in (Action.RENOUNCE, Action.CONFIRM, Action.WITHDRAW)


def next_steps(
    document: StatusDocument, user: str | None = None, *, proof: Sequence[str] = ()
) -> tuple[str, ...]:
    """One sentence or command for each thing that can be done now; what goes on by itself is said too.

    `user` acts; without one, whoever asked for the closure. `proof` are options for the customer's acts.
    """
    return (*_steps(document, user, proof), *_more_items(document))


def _more_items(document: StatusDocument) -> tuple[str, ...]:
    if document.pages <= document.page:
        return ()
    rest = items_command(document, document.page + 1)
    return (f"{document.item_count} items in all; the next of them: {rest}",)


def _steps(document: StatusDocument, user: str | None, proof: Sequence[str]) -> tuple[str, ...]:
    account = document.account_id
    if document.standing is Standing.INTERRUPTED:
        return (f"No workflow carries it on. Let it go on: {command('resume', document.closure_id)}",)
    if document.standing is Standing.UNANSWERED and document.waiting_for is None:
        return (f"Start a worker with `make up`, then close it again: {command('plan', account)}",)
    if document.standing is Standing.UNANSWERED:
        start = (
            "What no worker takes up within a minute comes to nothing. Start one with `make up`, then look"
        )
        return (f"{start}: {command('status', account)}",)
    match document.stage:
        case Stage.OPENED | Stage.CHECKING:
            return (
                "The system check runs for a few minutes. Follow it: " + command("watch", account),
                *_acts(document, user, proof),
            )
        case Stage.BLOCKED | Stage.READY | Stage.COOLING_OFF:
            return _acts(document, user, proof)
        case Stage.ENTERING:
            follow = "The irreversible part begins by itself. Follow it: " + command("watch", account)
            return (*_held_up(document), follow)
        case Stage.SILENT | Stage.RETAINED:
            return (*_held_up(document), _wait(document))
        case Stage.FINAL_CHECK:
            return (
                "Billing decides; unreadable or unfinished billing is looked at again. Look now: "
                + command("recheck", account),
            )
        case Stage.RESTORING | Stage.DELETING:
            return (*_held_up(document), "It ends by itself. Follow it: " + command("watch", account))
        case Stage.RESTORED | Stage.REFUSED | Stage.WITHDRAWN | Stage.EXPIRED:
            advice = (document.restart_advice,) if document.restart_advice else ()
            return (*advice, *_evidence(document), "Start again when it suits: " + command("plan", account))
        case Stage.DORMANT:
            return (*_evidence(document), "Use it again, or close it for good: " + command("plan", account))
        case Stage.DELETED:
            audit = command("audit", account, options=["--verify"])
            return ("Nothing is left to do. The evidence: " + audit, *_evidence(document))


def _held_up(document: StatusDocument) -> tuple[str, ...]:
    """What staff can do about a closure that waits for more than time."""
    steps = []
    refund = document.refund
    if refund is not None and refund.failed is not None:
        options = ("--amount", refund.failed, "--reference", "REFERENCE")
        paid = command("refund", "settle", document.closure_id, options=options)
        steps.append(f"Pay what failed another way, then record it: {paid}")
    elif document.waiting_for is not None and Action.RECHECK in document.actions:
        again = command("recheck", document.account_id)
        steps.append(f"It looks again by itself. When that is dealt with, at once: {again}")
    return tuple(steps)


def _acts(document: StatusDocument, user: str | None, proof: Sequence[str]) -> tuple[str, ...]:
    """What the customer can do, by the actions that would not be refused."""
    account, acting = document.account_id, user or document.opened_by or "USER"
    steps = []
    if Action.RENOUNCE in document.actions:
        given_up = command("renounce", account, options=["--all", "--as", acting, "--accept-risk", *proof])
        steps.append(f"Give up what can be given up (risk: it is lost for good): {given_up}")
    if document.stage is Stage.BLOCKED:
        steps += _unblock(document)
    if Action.APPROVE in document.actions and document.plan_hash:
        approve = command("approve", account, options=["--as", "USER", "--plan-hash", document.plan_hash])
        steps.append(f"A second person must approve the plan first: {approve}")
    if Action.CONFIRM in document.actions:
        steps.append(f"Confirm; from then on nothing can be revoked: {_confirm(document, acting, proof)}")
    if document.stage is Stage.COOLING_OFF:
        when = f" at {spoken_time(document.cool_off_until)}" if document.cool_off_until else " by itself"
        steps.append(f"The irreversible part begins{when}. Follow it: {command('watch', account)}")
    if Action.WITHDRAW in document.actions:
        withdraw = command("withdraw", account, options=["--as", acting, *proof])
        steps.append(f"Or keep the account: {withdraw}")
    return tuple(steps) or (f"Look again: {command('status', account)}",)


def _unblock(document: StatusDocument) -> list[str]:
    account = document.account_id
    blocking = {item.category for item in document.checklist if item.blocks}
    steps = []
    if ItemCategory.MANUAL in blocking:
        steps.append(
            "Handle the other items as described. What the account has, on the embedded platform: "
            + command("platform", "show", account)
        )
    if blocking - {ItemCategory.RENOUNCEABLE}:
        steps.append("Then let the system check look again: " + command("recheck", account))
    return steps


def _confirm(document: StatusDocument, user: str, proof: Sequence[str]) -> str:
    words = ["--as", user, "--reason", "REASON"]
    if document.phrase:
        words += ["--phrase", document.phrase]
    if document.plan_hash:
        words += ["--plan-hash", document.plan_hash]
    return command("confirm", document.account_id, options=[*words, *proof])


def _evidence(document: StatusDocument) -> tuple[str, ...]:
    if document.certificate_id is None:
        return ()
    written = command("certificate", document.closure_id, options=["--output", f"{document.closure_id}.pdf"])
    return (f"Its certificate: {written}",)


def _wait(document: StatusDocument) -> str:
    silent = document.stage is Stage.SILENT
    what = "The silent period" if silent else "The retention"
    until = document.silent_until if silent else document.delete_after
    left = (
        f", {spoken(document.remaining_seconds)} from now" if document.remaining_seconds is not None else ""
    )
    when = f" until {spoken_time(until)}{left}" if until else ""
    follow = command("watch", document.account_id)
    return f"{what} lasts{when}; nobody can shorten or revoke it. Follow it: {follow}"
