"""Following a closure's audit events: as they come, after a cut, to the end; or as JSON."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from closure.lifecycle import Outcome
from tests.harness.account_driver import AccountDriver
from tests.harness.waiting import eventually
from tests.web.api_driver import ApiDriver, closing, document, problem
from tests.web.live_server import live

STREAM = {"Accept": "text/event-stream"}


class Told:
    """What a follower has heard: events and comments, until the stream's end or a cut."""

    def __init__(self, http: httpx2.AsyncClient, closure_id: str, after: int | None = None) -> None:
        self.events: list[dict[str, Any]] = []
        self.comments: list[str] = []
        self.status = 0
        self.headers = httpx2.Headers()
        self._news = asyncio.Condition()
        headers = STREAM if after is None else {**STREAM, "Last-Event-ID": str(after)}
        path = f"/api/v1/closures/{closure_id}/events"
        self.task = asyncio.create_task(self._follow(http, path, headers))

    async def _follow(self, http: httpx2.AsyncClient, path: str, headers: dict[str, str]) -> None:
        async with http.stream("GET", path, headers=headers) as answer:
            self.status, self.headers = answer.status_code, answer.headers
            async for block in _blocks(answer):
                await self._note(block)

    async def _note(self, block: list[str]) -> None:
        async with self._news:
            fields = dict(line.split(": ", 1) for line in block if not line.startswith(":"))
            if fields:
                assert set(fields) == {"id", "event", "data"}
                event = json.loads(fields["data"])
                assert (fields["id"], fields["event"]) == (str(event["sequence"]), event["event"])
                self.events.append(event)
            else:
                self.comments += block
            self._news.notify_all()

    @property
    def sequences(self) -> list[int]:
        return [each["sequence"] for each in self.events]

    async def until(self, event: str) -> None:
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: any(each["event"] == event for each in self.events))

    async def end(self) -> None:
        async with asyncio.timeout(30):
            await self.task

    async def cut(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def _blocks(answer: httpx2.Response) -> AsyncIterator[list[str]]:
    block: list[str] = []
    async for line in answer.aiter_lines():
        if line:
            block.append(line)
        elif block:
            yield block
            block = []


async def all_events(account: AccountDriver) -> list[int]:
    return [each.sequence for each in await account.events()]


async def test_events_come_as_they_happen_until_the_outcome(api: ApiDriver) -> None:
    account = await api.account()
    await api.close(account)
    async with live(api) as http:
        told = Told(http, account.closure_id)
        await told.until("surveyed")
        assert told.headers["content-type"].startswith("text/event-stream")
        assert told.headers["cache-control"] == "no-store"
        await account.withdraw()
        await told.end()
        assert told.sequences == await all_events(account)
        assert told.events[-1]["stage_to"] == Outcome.WITHDRAWN.value


async def test_after_a_cut_one_goes_on_where_one_was(api: ApiDriver) -> None:
    account = await api.account()
    await api.close(account)
    async with live(api) as http:
        first = Told(http, account.closure_id)
        await first.until("surveyed")
        await first.cut()
        await account.recheck()
        second = Told(http, account.closure_id, first.sequences[-1])
        await second.until("surveyed")
        await account.withdraw()
        await second.end()
        assert first.sequences + second.sequences == await all_events(account)
        # Of what has ended and was told there is no more: a browser stops asking.
        done = await http.get(
            f"/api/v1/closures/{account.closure_id}/events",
            headers={**STREAM, "Last-Event-ID": str(second.sequences[-1])},
        )
        assert (done.status_code, done.content) == (204, b"")


async def test_a_stream_ends_with_its_token(api: ApiDriver) -> None:
    account = await api.account()
    await api.close(account)
    async with live(api) as http:
        told = Told(http, account.closure_id)
        await told.until("surveyed")
        api.tokens.revoke("console")
        await told.end()
        await account.withdraw()
        assert len(told.sequences) < len(await all_events(account))


async def test_the_certificate_is_waited_for(api: ApiDriver) -> None:
    account = await api.account()
    opened = await api.close(account)
    async with live(api) as http:
        told = Told(http, account.closure_id)
        said = {"user_id": "u-1", "reason": "x", "plan_hash": opened["plan_hash"]}
        assert (await api.post(f"/closures/{account.closure_id}/confirm", said)).status_code == 200
        await told.until("access_stopped")
        await account.end_of_retention()
        await told.end()
        assert told.sequences == await all_events(account)
        assert (await api.get(f"/closures/{account.closure_id}/certificate")).status_code == 200


async def test_a_silent_stream_shows_that_it_lives_and_ends_with_the_server(
    api: ApiDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.api.events.HEARTBEAT", 0.2)
    account = await api.account()
    await api.close(account)
    async with live(api) as http:
        told = Told(http, account.closure_id)
        await told.until("surveyed")

        async def comments() -> list[str]:
            return told.comments

        await eventually(comments, lambda said: ": still here" in said, "a sign of life")
        api.service.stopping.set()
        await told.end()


async def test_as_json_there_are_those_so_far(api: ApiDriver) -> None:
    account = await api.account()
    await api.close(account)
    path = f"/api/v1/closures/{account.closure_id}/events"
    every: Any = document(await api.http.get(path, headers={"Accept": "application/json"}))
    assert [each["sequence"] for each in every["events"]] == await all_events(account)
    assert (every["closure_id"], every["account_id"]) == (account.closure_id, account.account_id)
    later: Any = document(
        await api.http.get(path, headers={"Accept": "application/json", "Last-Event-ID": "2"})
    )
    assert later["events"] == every["events"][2:]
    for wrong in ("-1", "x", "99999999999"):
        answer = await api.http.get(path, headers={"Last-Event-ID": wrong})
        problem(answer, 422, "InvalidFields")


async def test_a_close_that_was_refused_has_no_events_and_ends(api: ApiDriver) -> None:
    account = await api.account()
    refused = await api.post(f"/accounts/{account.account_id}/closures", closing(acknowledgements=[]))
    problem(refused, 422, "AcknowledgementRequired")
    asked = await api.installation.records.last_close(account.account_id)
    assert asked is not None
    async with live(api) as http:
        told = Told(http, asked.closure_id)
        await told.end()
        assert (told.status, told.events) == (200, [])
