"""Who of the staff may do what, and how often."""

from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import Depends, Request

from closure.errors import RefusalType, Refused
from records.roles import may_operate
from web.api.problems import Problem, ProblemType, require_within
from web.browser.sessions import Staff, StaffSession
from web.rate_limits import RateLimit
from web.service import WebService, service_of

logger = structlog.stdlib.get_logger("web")


def _operator(session: Staff) -> StaffSession:
    require_operator(session)
    return session


Operator = Annotated[StaffSession, Depends(_operator)]


def require_operator(session: StaffSession) -> None:
    """Passes for those who may act. Raises `Problem` (403)."""
    if not session.is_operator:
        raise Problem(HTTPStatus.FORBIDDEN, ProblemType.SCOPE_MISSING, "this sign-in only looks")


def require_calm(request: Request, limit: RateLimit | None = None) -> None:
    """Passes while not too much comes from one address. Raises `Problem` (429)."""
    address = request.client.host if request.client else ""
    require_within(limit or service_of(request).by_address, address)


async def require_writer(service: WebService) -> None:
    """Passes where this service's database user may write what operators do; one for customers may not.

    Raises:
        Refused: `ACCESS_REFUSED`.
        DatabaseUnreachable: the record can't be read.
    """
    if not await service.record.read(may_operate):
        raise Refused(
            RefusalType.ACCESS_REFUSED,
            "the database user of this web service may not write it: use the command line, or a web service "
            "that connects as your operators' user",
        )


def note_act(session: StaffSession, act: str, **what: str) -> None:
    """Who of the staff did what, in the log: the record has no place for them."""
    logger.info("staff acted", act=act, staff=session.name, **what)
