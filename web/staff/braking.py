"""The brake, from the staff pages: on or off, for a closure, a provider or the whole installation."""

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from client.brakes import LONGEST_REASON, Brakes, BrakeTarget
from closure.errors import RefusalType, Refused
from closure.model import Model
from closure.visible_text import printable
from records.brakes import BrakeScope
from web.api.access import account_of_closure
from web.browser.forms import read_form
from web.browser.rendering import page, reader_for
from web.browser.sessions import StaffSession
from web.service import WebService, service_of
from web.staff.access import Operator, note_act, require_calm, require_writer
from web.staff.acting import Asked, Input, ask
from web.staff.brakes_shown import brake_url
from web.staff.closure_page import Done
from web.staff.rows import closure_url

_LONGEST_NAME: Final = 200
_LONGEST_OWN_REASON: Final = LONGEST_REASON - 100
"""The name of who says it goes behind it."""


class Turn(StrEnum):
    """Which way the brake is turned."""

    ON = "on"
    OFF = "off"


_TITLES: Final = {Turn.ON: "Put the brake on", Turn.OFF: "Lift the brake"}
_MEANINGS: Final = {
    Turn.ON: "While the brake is on, nothing irreversible happens; deadlines stay, and restoring goes on. "
    "Anybody who looks after closures sees your reason.",
    Turn.OFF: "What waited goes on from its next look: within the hour, or at a recheck. Another brake that "
    "is on still holds.",
}
_DONE: Final = {Turn.ON: Done.BRAKE_ON, Turn.OFF: Done.BRAKE_OFF}

router = APIRouter()

Target = Annotated[str, Query(max_length=_LONGEST_NAME)]


class Braking(Model):
    """Which brake, and why."""

    scope: BrakeScope
    target: str = Field(default="", max_length=_LONGEST_NAME)
    reason: str = Field(default="", max_length=_LONGEST_OWN_REASON)


@router.get("/staff/brake")
async def choose_brake(request: Request, session: Operator) -> Response:
    """For what a brake may be put on, beside a single closure."""
    reader, service = reader_for(request, session), service_of(request)
    ways = [
        (
            reader.text("All closures of %(provider)s", provider=printable(each)),
            brake_url(BrakeScope.PROVIDER, each, turn="on"),
        )
        for each in sorted(service.closures.planning.providers)
        if session.may_see(each)
    ]
    if session.may_see(None):
        everything = brake_url(BrakeScope.INSTALLATION, "", turn="on")
        ways.append((reader.text("The whole installation"), everything))
    return page(request, "staff/brake.html", {"ways": ways}, session=session)


@router.get("/staff/brake/{turn}")
async def ask_turn(
    request: Request, session: Operator, turn: Turn, scope: BrakeScope, target: Target = ""
) -> Response:
    """What happens when it is put on, or lifted."""
    braking = Braking(scope=scope, target=target)
    await _require_seen(service_of(request), session, braking)
    return ask(request, session, _asked(request, session, braking, turn))


@router.post("/staff/brake/{turn}")
async def turn_brake(request: Request, session: Operator, turn: Turn) -> Response:
    """Puts it on, where it stays as it is if it was on already; or lifts exactly this one."""
    service = service_of(request)
    require_calm(request)
    form = await read_form(request, session, Braking)
    await _require_seen(service, session, form)
    if not form.reason.strip():
        return ask(request, session, _asked(request, session, form, turn, is_reason_missing=True))
    brakes = Brakes(service.record, service.closures.planning.providers)
    target = BrakeTarget(scope=form.scope, name=form.target)
    reason = f"{form.reason.strip()} (staff: {session.name})"
    match turn:
        case Turn.ON:
            await brakes.put_on(target, reason)
        case Turn.OFF:
            await brakes.lift(target, reason)
    note_act(session, f"brake {turn.value}", scope=form.scope.value, target=form.target)
    is_closure = form.scope is BrakeScope.CLOSURE
    back = f"{closure_url(form.target)}?done={_DONE[turn].value}" if is_closure else "/staff?tab=brakes"
    return RedirectResponse(back, HTTPStatus.SEE_OTHER)


async def _require_seen(service: WebService, session: StaffSession, braking: Braking) -> None:
    """Passes for what exists for the operator; all others are told that there is no such thing."""
    await require_writer(service)
    match braking.scope:
        case BrakeScope.CLOSURE:
            await account_of_closure(service, session, braking.target)
        case BrakeScope.PROVIDER:
            is_known = braking.target in service.closures.planning.providers
            _require(session.may_see(braking.target) and is_known)
        case BrakeScope.INSTALLATION:
            _require(session.may_see(None) and not braking.target)


def _require(is_seen: bool) -> None:
    if not is_seen:
        raise Refused(RefusalType.ACCOUNT_NOT_FOUND, "there is nothing of this name")


def _asked(
    request: Request,
    session: StaffSession,
    braking: Braking,
    turn: Turn,
    *,
    is_reason_missing: bool = False,
) -> Asked:
    reader = reader_for(request, session)
    about = {
        BrakeScope.CLOSURE: printable(braking.target),
        BrakeScope.PROVIDER: reader.text("All closures of %(provider)s", provider=printable(braking.target)),
        BrakeScope.INSTALLATION: reader.text("The whole installation"),
    }[braking.scope]
    is_closure = braking.scope is BrakeScope.CLOSURE
    title = reader.text(_TITLES[turn])
    return Asked(
        title=title,
        what=reader.text(_MEANINGS[turn]),
        button=title,
        back=closure_url(braking.target) if is_closure else "/staff?tab=brakes",
        about=about,
        fields=(
            Input(
                "reason",
                reader.text("Why?"),
                reader.text("For the record; your sign-in's name is added."),
                printable(braking.reason),
                _LONGEST_OWN_REASON,
            ),
        ),
        hidden=(("scope", braking.scope.value), ("target", braking.target)),
        fault=reader.text("A reason is needed.") if is_reason_missing else "",
        is_grave=turn is Turn.ON,
    )
