"""The audit of a closure: what happened, who did it, and whether the evidence is whole."""

import asyncio
from collections.abc import Iterable
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.console import Group, RenderableType
from rich.table import Table

from closure.errors import RefusalType, Refused
from commandline.countdown import spoken_time
from commandline.installation import Installation, open_installation
from commandline.options import Account, AsJson, ClosureId
from commandline.standing import closure_not_found, recorded_document
from commandline.terminal import Answer, BadInput, ExitCode, execute, plain
from records.anchor_check import AnchorState, AnchorsUnreadable, AnchorVerdict, check_anchors, public_keys
from records.entries import AuditTrail, ReadEvent

app = typer.Typer()


@app.command()
def audit(
    account: Account,
    closure: ClosureId = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Check the hash chain, and compare it with the anchors of its heads."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The audit events of the last closure, or of the one named."""

    async def act() -> Answer:
        async with open_installation() as installation:
            document = await recorded_document(installation.records, account, closure)
            trail = await installation.records.trail(document.closure_id) if document else None
            anchors = await _anchors(installation, account, trail) if verify else None
            if trail is None:
                if anchors is not None and anchors.fault is not None:
                    return _lost_closure(account, anchors)
                raise Refused(RefusalType.CLOSURE_NOT_FOUND, closure_not_found(account, closure))
            return _trail_answer(trail) if anchors is None else _verified_answer(trail, anchors)

    execute(act, as_json=as_json)


async def _anchors(installation: Installation, account: str, trail: AuditTrail | None) -> AnchorVerdict:
    settings, records = installation.settings, installation.records
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
    return Answer(document, _events_table(trail.events))


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
        return plain(
            "Anchors: none. The file of CLOSURE_ANCHOR_FILE says nothing about this record, so a chain that "
            "was rewritten as a whole would not show.",
            style="yellow",
        )
    return plain(f"Anchors: it agrees with all {anchors.anchored} about this closure.", style="green")


def _events_table(events: Iterable[ReadEvent]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("#", "time", "event", "stage", "actor", "details", "hash"):
        width = 12 if name == "hash" else None
        table.add_column(name, overflow="fold", no_wrap=name in ("#", "time", "hash"), min_width=width)
    for event in events:
        stage = f"→ {event.stage_to.value}" if event.stage_to else ""
        details = ", ".join(f"{name}: {_short(value)}" for name, value in event.details.items())
        row = (
            str(event.sequence),
            spoken_time(event.time),
            event.event.value.replace("_", " "),
            stage,
            event.actor or "",
            details,
            event.hash[:12],
        )
        table.add_row(*(plain(text) for text in row))
    return table


def _short(value: JsonValue) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
