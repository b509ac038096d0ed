"""The live system check (A14): sources tick off as they answer, after a reload and without scripts, too."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from activities.sources import SurveyProgress
from closure.lifecycle import REVOCABLE, Stage
from closure.messages import Standing, StatusDocument
from closure.survey import Source
from closure.wording import words_of
from database import DatabaseUnreachable
from web.browser.rendering import rendered
from web.customer.visit import HOME, PageRoute, Visit, Visiting
from web.customer.ways import Step, steps_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)

CHECKING: Final = frozenset({Stage.OPENED, Stage.CHECKING})
_LOOK: Final = 0.7
"""Seconds between two looks."""
_HEARTBEAT: Final = 15.0
_AT_ONCE: Final = 55.0
"""Seconds after which the browser asks again, so that a session that has ended follows nothing."""


_STEPS: Final[Mapping[str | None, Step | None]] = {
    "renounce": Step.CHECKLIST,
    "confirm": Step.CONFIRM,
    "approve": Step.CONFIRM,
    "withdraw": None,
}
"""By what an act is called while it is under way; all others have the account checked."""


@dataclass(frozen=True)
class ShownSource:
    """`state` is done, running or waiting."""

    name: str
    state: str


@dataclass(frozen=True)
class ShownCheck:
    """How far it is. `acts` says that an act of the customer's is carried out rather than a check."""

    sources: tuple[ShownSource, ...]
    subaccounts_read: int = 0
    subaccounts: int = 0
    acts: bool = False

    @property
    def done(self) -> int:
        return sum(each.state == "done" for each in self.sources)


async def is_checking(visit: Visit, document: StatusDocument | None) -> bool:
    """Whether something runs that the customer waits for."""
    if await visit.service.underway.is_under_way(visit.session.web):
        return True
    if document is None:
        return False
    if document.standing is Standing.UNANSWERED:
        return document.waiting_for is not None
    return document.stage in CHECKING


async def show_check(visit: Visit, document: StatusDocument | None) -> Response:
    """The page, as things stand; a script of ours follows them."""
    step = _step(await visit.service.underway.under_way(visit.session.web))
    values = {
        "account_id": visit.account_id,
        "check": await _shown(visit, document),
        "steps": steps_of(visit.reader, step) if step is not None else (),
        "document": document,
        "may_withdraw": step is Step.CONFIRM and document is not None and document.stage in REVOCABLE,
    }
    return visit.page("check.html", values)


def _step(what: str | None) -> Step | None:
    """Which step runs, of an act that is called so; none for what leads off the way."""
    name = what.partition("/")[0] if what is not None else None
    return _STEPS.get(name, Step.CHECK)


@router.get(f"{HOME}/check/events")
async def follow_check(visit: Visiting) -> Response:
    """How far it is, whenever that changes (`progress`), and its end (`over`)."""
    return StreamingResponse(
        _events(visit), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _events(visit: Visit) -> AsyncIterator[str]:
    """Ends when the server stops, or the record is away: the browser asks again by itself."""
    began = last_sign = time.monotonic()
    told = ""
    yield "retry: 1000\n\n"
    try:
        while not visit.service.stopping.is_set() and time.monotonic() - began < _AT_ONCE:
            document = await visit.status()
            if not await is_checking(visit, document):
                yield "event: over\ndata: .\n\n"
                return
            values = {"check": await _shown(visit, document)}
            part = rendered(visit.request, "customer/check_progress.html", values, session=visit.session)
            if part != told:
                told, last_sign = part, time.monotonic()
                yield "event: progress\n" + "".join(f"data: {line}\n" for line in part.splitlines()) + "\n"
            elif time.monotonic() - last_sign > _HEARTBEAT:
                last_sign = time.monotonic()
                yield ": still here\n\n"
            await asyncio.sleep(_LOOK)
    except DatabaseUnreachable:
        return


async def _shown(visit: Visit, document: StatusDocument | None) -> ShownCheck:
    progress = None
    with_payments = False
    if document is not None and document.standing is not Standing.UNANSWERED:
        progress = await visit.closures.check_progress(document)
        with_payments = (await visit.closures.records.policy(document.closure_id)).refund is not None
    words = words_of(visit.reader.language)
    is_running = document is not None and document.stage in CHECKING
    return ShownCheck(
        sources=tuple(
            ShownSource(words.sources[each], _state(each, progress, is_running=is_running))
            for each in Source
            if with_payments or each is not Source.PAYMENTS
        ),
        subaccounts_read=progress.subaccounts_read if progress else 0,
        subaccounts=progress.subaccounts if progress else 0,
        acts=not is_running,
    )


def _state(source: Source, progress: SurveyProgress | None, *, is_running: bool) -> str:
    if progress is None:
        return "running" if is_running else "waiting"
    if source.value in progress.running:
        return "running"
    return "done" if source.value in progress.done else "waiting"
