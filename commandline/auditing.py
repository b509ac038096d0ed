"""The audit of a closure: what happened, who did it, and whether the evidence is whole."""

import asyncio
from collections.abc import Iterable
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.console import Group, RenderableType
from rich.text import Text

from closure.errors import RefusalType, Refused
from closure.event_sentences import SENTENCES, facts_of
from commandline.commands import Purpose, starter_command
from commandline.countdown import spoken_time
from commandline.installation import Installation, on_record
from commandline.layout import fitting, whole
from commandline.options import Account, AsJson, ClosureId
from commandline.rendering import stage_style
from commandline.terminal import Answer, BadInput, ExitCode, execute, plain
from records.anchor_check import AnchorState, AnchorsUnreadable, AnchorVerdict, check_anchors, public_keys
from records.entries import AuditTrail, ReadEvent
from records.reading import ClosureRecords

app = typer.Typer()

_INDENT = "     "


@starter_command(app, Purpose.LOOK, "audit ali-100 --verify")
def audit(
    context: typer.Context,
    account: Account,
    closure: ClosureId = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Check the hash chain, and compare it with the anchors of its heads."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What happened in a closure, event by event.

    --verify checks the evidence.
    """

    async def act(installation: Installation) -> Answer:
        records = ClosureRecords(installation.record)
        found = await (records.last(account) if closure is None else records.get(closure))
        is_here = found is not None and found.state.account_id == account
        trail = await records.trail(found.closure_id) if found is not None and is_here else None
        anchors = await _anchors(installation, account, trail) if verify else None
        if trail is None:
            if anchors is not None and anchors.fault is not None:
                return _lost_closure(account, anchors)
            raise _not_found(account, closure)
        return _trail_answer(trail) if anchors is None else _verified_answer(trail, anchors)

    execute(on_record(context, act), as_json=as_json)


def _not_found(account: str, closure: str | None) -> Refused:
    named = "" if closure is None else f" {closure}"
    facts = {"account_id": account} if closure is None else {"account_id": account, "closure_id": closure}
    return Refused(
        RefusalType.CLOSURE_NOT_FOUND, f"account {account} has no closure{named} in the record", facts=facts
    )


async def _anchors(installation: Installation, account: str, trail: AuditTrail | None) -> AnchorVerdict:
    settings, records = installation.settings, ClosureRecords(installation.record)
    record_id, closure_ids = await records.record_id(), await records.closure_ids(account)
    try:
        return await asyncio.to_thread(
            check_anchors,
            settings.anchor_file,
            public_keys(settings.signing_key_file.parent),
            record_id=record_id,
            account_id=account,
            closure_ids=closure_ids,
            trail=trail,
        )
    except AnchorsUnreadable as error:
        raise BadInput(f"CLOSURE_ANCHOR_FILE: {error}") from error


def _lost_closure(account: str, anchors: AnchorVerdict) -> Answer:
    message = f"the record does not agree with its anchors: {anchors.fault}"
    document: dict[str, JsonValue] = {
        "account_id": account,
        "events": [],
        "verified": False,
        "anchors": anchors.state.value,
        "anchor_fault": anchors.fault,
        "error": {"type": "AuditChainBroken", "message": message},
    }
    return Answer(document, plain(message, style="bold red"), ExitCode.REFUSED)


def _trail_answer(trail: AuditTrail) -> Answer:
    document: dict[str, JsonValue] = {
        "closure_id": trail.closure_id,
        "account_id": trail.account_id,
        "events": [event.model_dump(mode="json") for event in trail.events],
    }
    return Answer(document, _events_text(trail.events))


def _verified_answer(trail: AuditTrail, anchors: AnchorVerdict) -> Answer:
    answer = _trail_answer(trail)
    assert isinstance(answer.document, dict)
    faults = []
    if trail.fault is not None:
        place = f"event {trail.fault.sequence}" if trail.fault.sequence else "the closure's row"
        faults.append(f"the chain breaks at {place}: {trail.fault.reason}")
        answer.document["fault"] = trail.fault.model_dump(mode="json")
    if anchors.fault is not None:
        faults.append(f"the record does not agree with its anchors: {anchors.fault}")
        answer.document["anchor_fault"] = anchors.fault
    answer.document["verified"] = not faults
    answer.document["anchors"] = anchors.state.value
    answer.document["anchored"] = anchors.anchored
    parts: list[RenderableType] = [answer.text, plain("")]
    if trail.fault is None:
        parts.append(plain(f"The chain of {len(trail.events)} events is whole.", style="green"))
    parts += [plain(fault, style="bold red") for fault in faults]
    if anchors.fault is None:
        parts.append(_anchors_text(anchors))
    if not faults:
        return Answer(answer.document, Group(*parts))
    answer.document["error"] = {"type": "AuditChainBroken", "message": "; ".join(faults)}
    return Answer(answer.document, Group(*parts), ExitCode.REFUSED)


def _anchors_text(anchors: AnchorVerdict) -> RenderableType:
    if anchors.state is AnchorState.NONE:
        said = (
            "Anchors: none yet. The file of CLOSURE_ANCHOR_FILE says nothing about this record, so a chain "
            "that was rewritten as a whole would not show."
        )
        return fitting(plain(said, style="yellow"))
    return plain(f"Anchors: it agrees with all {anchors.anchored} about this closure.", style="green")


def _events_text(events: Iterable[ReadEvent]) -> RenderableType:
    return Group(*(_event_text(event) for event in events))


def _event_text(event: ReadEvent) -> RenderableType:
    """When, what happened, who did it, and the facts, each on a line of its own; hashes whole."""
    stage = f"  → {event.stage_to.value}" if event.stage_to else ""
    first = Text.assemble(
        plain(f"{event.sequence:>3}  {spoken_time(event.time)}"),
        plain(stage, style=stage_style(event.stage_to.value) if event.stage_to else ""),
    )
    sentence = plain(SENTENCES[event.event], style="bold")
    if event.actor is not None:
        sentence.append(f"  By {event.actor}.", style="not bold")
    facts = [
        fitting(plain(f"{name}: {said}", style="dim"), indent=_INDENT)
        for name, said in facts_of(event.details, spoken_time)
    ]
    if event.erased:
        facts.append(
            fitting(plain("what was personal in it was erased with the account", "dim"), indent=_INDENT)
        )
    end = whole(plain(f"{_INDENT}hash: {event.hash}", style="dim"))
    return Group(whole(first), fitting(sentence, indent=_INDENT), *facts, end)
