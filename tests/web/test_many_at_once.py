"""Many people at once, and some who are slow, on one web service and one worker."""

import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from closure.lifecycle import Stage
from tests.web.api_driver import ApiDriver, closing
from web.api.problems import body_refused
from web.guards import LimitedBody

PEOPLE = 50


@pytest.mark.long
async def test_fifty_people_close_at_once_on_one_worker(api: ApiDriver) -> None:
    accounts = [await api.account() for _ in range(PEOPLE)]
    answers = await asyncio.gather(
        *(api.post(f"/accounts/{each.account_id}/closures", closing()) for each in accounts)
    )
    assert [each.status_code for each in answers] == [201] * PEOPLE
    assert {each.json()["stage"] for each in answers} == {Stage.READY.value}
    confirmed = await asyncio.gather(
        *(
            api.post(
                f"/closures/{each.json()['closure_id']}/confirm",
                {"user_id": "u-1", "reason": "all at once", "plan_hash": each.json()["plan_hash"]},
            )
            for each in answers
        )
    )
    assert [each.status_code for each in confirmed] == [200] * PEOPLE


async def reading(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


async def nothing_more(message: Message) -> None:
    raise AssertionError(message)


@pytest.mark.parametrize("begun", [b"", b"{"])
async def test_a_body_that_stops_coming_is_given_up(begun: bytes) -> None:
    parts = iter([begun] if begun else [])

    async def receive() -> Message:
        part = next(parts, None)
        if part is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": part, "more_body": True}

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    with pytest.raises(HTTPException) as caught:
        await LimitedBody(reading, 100, lambda _: body_refused(), patience=0.01)(scope, receive, nothing_more)
    assert caught.value.status_code == 408


async def test_who_follows_may_be_silent_once_their_request_is_whole() -> None:
    gone = asyncio.Event()
    sent: list[Message] = []

    async def receive() -> Message:
        if not sent:
            sent.append({})
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def following(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "http.request"
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        assert not (await asyncio.wait({waiting}, timeout=0.05))[0], "no limit holds any more"
        gone.set()
        assert (await waiting)["type"] == "http.disconnect"

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await LimitedBody(following, 100, lambda _: body_refused(), patience=0.01)(scope, receive, nothing_more)
