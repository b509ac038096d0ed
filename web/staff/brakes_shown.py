"""Brakes that are on, as far as they exist for who looks."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from closure.visible_text import printable
from records.brakes import Brake, BrakeScope, brakes_on
from web.browser.languages import Reader
from web.browser.sessions import StaffSession
from web.service import WebService
from web.staff.rows import closure_url
from web.staff.words import Moment, moment


@dataclass(frozen=True)
class ShownBrake:
    """`lift_url` where who looks may lift it."""

    what: str
    reason: str
    since: Moment
    closure_url: str | None
    lift_url: str | None


def brake_url(scope: BrakeScope, target: str, *, turn: str) -> str:
    """Where this brake is put on or lifted."""
    return f"/staff/brake/{turn}?{urlencode({'scope': scope.value, 'target': target})}"


async def seen_brakes(
    service: WebService, session: StaffSession, reader: Reader, now: datetime, closure_id: str | None = None
) -> tuple[ShownBrake, ...]:
    """All that are on and concern who looks, or those that hold this closure; oldest first."""
    found = []
    for brake in await service.record.read(brakes_on):
        provider = await _provider_of(service, brake)
        is_seen = brake.scope is BrakeScope.INSTALLATION or session.may_see(provider)
        if is_seen and (closure_id is None or await _holds(service, brake, closure_id)):
            found.append(_shown(reader, session, brake, provider, now))
    return tuple(found)


async def _provider_of(service: WebService, brake: Brake) -> str | None:
    match brake.scope:
        case BrakeScope.INSTALLATION:
            return None
        case BrakeScope.PROVIDER:
            return brake.target
        case BrakeScope.CLOSURE:
            closure = await service.closures.records.get(brake.target)
            return closure.state.provider if closure is not None else None


async def _holds(service: WebService, brake: Brake, closure_id: str) -> bool:
    match brake.scope:
        case BrakeScope.INSTALLATION:
            return True
        case BrakeScope.PROVIDER:
            closure = await service.closures.records.get(closure_id)
            return closure is not None and closure.state.provider == brake.target
        case BrakeScope.CLOSURE:
            return brake.target == closure_id


def _shown(
    reader: Reader, session: StaffSession, brake: Brake, provider: str | None, now: datetime
) -> ShownBrake:
    what = {
        BrakeScope.INSTALLATION: reader.text("The whole installation"),
        BrakeScope.PROVIDER: reader.text("All closures of %(provider)s", provider=printable(brake.target)),
        BrakeScope.CLOSURE: reader.text("Closure %(closure)s", closure=printable(brake.target)),
    }[brake.scope]
    is_closure = brake.scope is BrakeScope.CLOSURE
    may_lift = session.is_operator and session.may_see(provider)
    return ShownBrake(
        what=what,
        reason=printable(brake.reason),
        since=moment(reader, brake.set_at, now),
        closure_url=closure_url(brake.target) if is_closure else None,
        lift_url=brake_url(brake.scope, brake.target, turn="off") if may_lift else None,
    )
