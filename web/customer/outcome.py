"""A closure that is confirmed, from the first minute to its outcome: looked at, and nothing else."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from fastapi import Request
from starlette.responses import Response

from closure.lifecycle import UNCONFIRMED, Mode, Stage
from closure.messages import Action, StatusDocument
from closure.visible_text import printable
from web.browser.languages import Reader
from web.browser.rendering import page, reader_for
from web.browser.sessions import CustomerSession
from web.customer.facts import Countdown, Fact, countdown_of
from web.customer.following import events_url
from web.customer.refund_progress import RefundProgress, refund_progress
from web.customer.results import show_result
from web.customer.waiting import waiting_sentence

_TEMPLATES: Final = {
    Stage.COOLING_OFF: "customer/cooling_off.html",
    Stage.SILENT: "customer/silent.html",
    Stage.RETAINED: "customer/retained.html",
    Stage.DELETING: "customer/retained.html",
}
_WORKING: Final = "customer/working.html"


@dataclass(frozen=True)
class Progress:
    """What the page shows; `waiting` is why it takes longer than planned, `then` what the countdown leads to.

    `is_working`: something goes on now, and nobody waits for a date.
    """

    account: str
    closure_id: str
    title: str
    lead: str
    is_working: bool
    countdown: Countdown | None
    then: str
    waiting: str | None
    can_withdraw: bool
    confirmed_at: datetime | None
    delete_after: datetime | None
    refund: RefundProgress | None
    owed: tuple[Fact, ...]
    events_url: str


async def show_progress(request: Request, session: CustomerSession, status: StatusDocument) -> Response:
    """The page of a closure as it stands; `status` is in the reader's language.

    Raises:
        DatabaseUnreachable: the record can't be read.
    """
    if status.outcome is not None:
        return await show_result(request, session, status)
    reader = reader_for(request, session)
    progress = _progress(reader, session, status, *_headline(status, reader))
    template = _TEMPLATES.get(status.stage, _WORKING)
    return page(request, template, {"progress": progress}, session=session)


def show_standing_withdrawal(request: Request, session: CustomerSession, status: StatusDocument) -> Response:
    """The page of a closure that ends as soon as a withdrawal is carried out: there is nothing to confirm."""
    reader = reader_for(request, session)
    lead = reader.text(
        "It takes longer than usual to carry it out. Nothing that can't be undone "
        "happens before it, and you needn't ask again."
    )
    progress = _progress(reader, session, status, reader.text("Your withdrawal is kept"), lead)
    return page(request, _WORKING, {"progress": replace(progress, countdown=None)}, session=session)


def _progress(
    reader: Reader, session: CustomerSession, status: StatusDocument, title: str, lead: str
) -> Progress:
    return Progress(
        account=printable(status.account_id),
        closure_id=status.closure_id,
        title=title,
        lead=lead,
        is_working=status.stage is not Stage.RETAINED,
        countdown=countdown_of(status),
        then=reader.text("Expires at") if status.stage in UNCONFIRMED else reader.text("Goes on at"),
        waiting=waiting_sentence(status, reader),
        can_withdraw=Action.WITHDRAW in status.actions and not session.web.is_view_only,
        confirmed_at=status.confirmed_at,
        delete_after=status.delete_after,
        refund=refund_progress(status.refund, reader) if status.refund is not None else None,
        owed=tuple(Fact(printable(each.title)) for each in status.owed),
        events_url=events_url(status),
    )


def _headline(status: StatusDocument, reader: Reader) -> tuple[str, str]:
    """What is going on, in a few words and in a sentence or two."""
    text = reader.text
    match status.stage:
        case Stage.OPENED:
            return text("We are taking up your request"), text("This takes a few seconds.")
        case Stage.CHECKING:
            return text("The system check is running"), text("We look for whatever must be settled first.")
        case Stage.BLOCKED | Stage.READY:
            return text("The closure is not confirmed yet"), text(
                "Nothing has changed. It waits for whoever started it, and "
                "expires by itself if nobody confirms."
            )
        case Stage.COOLING_OFF:
            return text("Confirmed. You can still change your mind"), text(
                "Until the time is up you can withdraw, and everything stays as "
                "it is. Then there is no way back."
            )
        case Stage.ENTERING if status.mode is Mode.KEEP_DATA:
            return text("Your account is being put to sleep"), text(
                "Numbers are released and subscriptions cancelled. Your data and your balance stay."
            )
        case Stage.ENTERING:
            return text("Your account is being stopped"), text(
                "Access and API keys stop working, sessions end, and what you gave up is released. "
                "This can no longer be stopped."
            )
        case Stage.SILENT:
            return text("Time until your account is closed"), ""
        case Stage.FINAL_CHECK:
            return text("Final check of your bills"), text(
                "We look at your bills one last time. If nothing is owed, the account is deleted; "
                "if something is, it goes back to normal use and we tell you."
            )
        case Stage.RESTORING:
            return text("Your account is going back to normal use"), text(
                "Something turned up that must be settled first. Access and API "
                "keys are being switched on again."
            )
        case Stage.RETAINED:
            return text("Your account is closed"), text(
                "It no longer works and nobody can open it again. Its data is deleted when the time is up."
            )
        case _:
            return text("Your data is being deleted"), text(
                "We delete it and read again until nothing is found. Then you get a signed certificate."
            )
