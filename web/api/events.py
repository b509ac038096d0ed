"""A closure's audit events as they come: server-sent events, which a browser follows by itself, or JSON."""

import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Header
from starlette.responses import Response, StreamingResponse

from client.following import follow_events, has_ended
from database import DatabaseUnreachable
from keys.secret_file import SecretFault
from records.entries import ReadEvent
from web.api.accepting import preferred
from web.api.access import Caller, Reader, account_of_closure
from web.api.description import READING, ClosureId, Service
from web.api.documents import EventList
from web.api.once import ApiRoute
from web.service import WebService

router = APIRouter(route_class=ApiRoute, tags=["read"])

HEARTBEAT: Final = 15.0
"""Seconds of silence after which a comment goes out, so that nothing on the way takes the line for dead."""
_STREAM: Final = "text/event-stream"
_JSON: Final = "application/json"
_HIGHEST_ID: Final = 2**31 - 1
_ONE_EVENT: Final = {
    "type": "object",
    "description": "Each event of the stream.",
    "properties": {
        "id": {"type": "string", "description": "Its sequence number."},
        "event": {"type": "string", "description": "Its type, such as `surveyed`."},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/ReadEvent"},
        },
    },
    "required": ["id", "event", "data"],
}


@router.get(
    "/closures/{closure_id}/events",
    responses={
        **READING,
        200: {"content": {_STREAM: {"schema": _ONE_EVENT}}},
        204: {"description": "All events were told, and no more will come: a browser stops asking."},
    },
    response_model=EventList,
)
async def follow(
    service: Service,
    caller: Reader,
    closure_id: ClosureId,
    accept: Annotated[str, Header(include_in_schema=False)] = _STREAM,
    last_event_id: Annotated[
        int,
        Header(
            alias="Last-Event-ID", ge=0, le=_HIGHEST_ID, description="Only events after this sequence number."
        ),
    ] = 0,
) -> Response:
    """Audit events so far and to come, until the closure has its outcome; as JSON only those so far."""
    account_id = await account_of_closure(service, caller, closure_id)
    records = service.closures.records
    if preferred(accept, (_STREAM, _JSON)) == _JSON:
        trail = await records.trail(closure_id)
        events = tuple(each for each in trail.events if each.sequence > last_event_id) if trail else ()
        document = EventList(closure_id=closure_id, account_id=account_id, events=events)
        return Response(document.model_dump_json(), media_type=_JSON)
    closure = await records.get(closure_id)
    if closure is not None and closure.event_count <= last_event_id and await has_ended(records, closure):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return StreamingResponse(
        _stream(service, caller, closure_id, last_event_id),
        media_type=_STREAM,
        headers={"X-Accel-Buffering": "no"},
    )


async def _stream(service: WebService, caller: Caller, closure_id: str, after: int) -> AsyncIterator[str]:
    """Ends early when the server stops, the token has gone, the database is away or an event is unreadable.

    Who follows asks again from where it was.
    """
    last_sign = time.monotonic()
    yield ": events follow\n\n"
    try:
        async for events in follow_events(service.closures.records, closure_id, after):
            if service.tokens.find(caller.secret) is None:
                return
            for each in events:
                yield _event(each)
            if events:
                last_sign = time.monotonic()
            elif time.monotonic() - last_sign > HEARTBEAT:
                last_sign = time.monotonic()
                yield ": still here\n\n"
            if service.stopping.is_set():
                return
    except (DatabaseUnreachable, SecretFault, ValueError):
        return


def _event(event: ReadEvent) -> str:
    return f"id: {event.sequence}\nevent: {event.event.value}\ndata: {event.model_dump_json()}\n\n"
