"""What a service's answers mean: the answer, a refusal, or a fault; never "nothing" for what is in doubt."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from closure.accounts import Channel
from closure.errors import RefusalType, Refused
from closure.money import Money
from connectors.http.calling.faults import (
    AnswerUnreadable,
    CredentialsRefused,
    KeyTaken,
    ServiceFault,
    ServiceThrottles,
    ServiceUnavailable,
)
from connectors.http.problems import REFUSALS, ProblemType
from connectors.ports import MustRetain, OutgoingMessage, Undeliverable
from tests.connectors.http.scripted import STATEMENT, Answer, Scripted, ok, problem
from tests.connectors.samples import NOON

JSON = {"Content-Type": "application/json"}


async def statement(answer: Answer, **options: Any) -> object:  # noqa: ANN401
    return await Scripted([answer]).platform(**options).billing.statement("a-1")


async def test_an_answer_is_read() -> None:
    found = await Scripted([ok(STATEMENT)]).platform().billing.statement("a-1")
    assert found.cash == Money.parse("18.20", "USD")
    more = await statement(ok({**STATEMENT, "invented_later": 1}))
    assert more == found


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refusal_is_final_and_keeps_its_type_sentence_and_facts(refusal: RefusalType) -> None:
    service = Scripted([problem(REFUSALS[refusal], refusal, detail="No \x1b[31mway", facts={"id": "i-1"})])
    with pytest.raises(Refused) as refused:
        await service.platform().inventory.release_resource("a-1", "i-1", key="k")
    assert (refused.value.type, refused.value.facts) == (refusal, {"id": "i-1"})
    assert refused.value.message == "No [31mway"
    assert len(service.requests) == 1


async def test_an_account_may_be_gone_by_410_too() -> None:
    """What is beyond the point of no return counts as done."""
    with pytest.raises(Refused) as refused:
        await statement(problem(410, RefusalType.ACCOUNT_NOT_FOUND))
    assert refused.value.type is RefusalType.ACCOUNT_NOT_FOUND


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(404, text="<html>no such page</html>"),
        httpx2.Response(404, json={"type": "urn:account-closure:AccountNotFound"}),
        problem(404, ProblemType.PATH_NOT_FOUND),
        problem(400, RefusalType.ACCOUNT_NOT_FOUND),
        problem(409, RefusalType.ACCOUNT_NOT_FOUND),
        problem(404, RefusalType.STALE_RUN),
        problem(409, RefusalType.STALE_RUN),
        httpx2.Response(404, content=b"{", headers={"Content-Type": "application/problem+json"}),
        httpx2.Response(410),
        httpx2.Response(405),
    ],
)
async def test_what_is_no_refusal_of_the_contract_says_nothing(answer: httpx2.Response) -> None:
    with pytest.raises(AnswerUnreadable):
        await statement(answer)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"{}",
        b"<html/>",
        json.dumps({name: value for name, value in STATEMENT.items() if name != "bills"}).encode(),
        json.dumps({**STATEMENT, "cash": {"minor": "1820", "currency": "USD"}}).encode(),
        json.dumps({**STATEMENT, "cash": {"minor": 18.2, "currency": "USD"}}).encode(),
        json.dumps({**STATEMENT, "promo": {"minor": 0, "currency": "EUR"}}).encode(),
        json.dumps({**STATEMENT, "usage_final_until": "yesterday"}).encode(),
        json.dumps({**STATEMENT, "bills": [{"bill_id": "b", "status": "unpaid"}]}).encode(),
    ],
)
async def test_a_malformed_answer_is_unknown_and_not_quoted(body: bytes) -> None:
    """Rule 5."""
    with pytest.raises(AnswerUnreadable) as fault:
        await statement(httpx2.Response(200, content=body, headers=JSON))
    assert "1820" not in str(fault.value)
    assert "yesterday" not in str(fault.value)


@pytest.mark.parametrize("status", [201, 204, 206, 301, 302, 307, 308])
async def test_another_status_is_no_answer_and_redirects_are_not_followed(status: int) -> None:
    service = Scripted(
        [httpx2.Response(status, json=STATEMENT, headers={"Location": "https://evil.example"})]
    )
    with pytest.raises(AnswerUnreadable):
        await service.platform().billing.statement("a-1")
    assert len(service.requests) == 1


async def test_another_media_type_is_no_answer() -> None:
    with pytest.raises(AnswerUnreadable):
        await statement(httpx2.Response(200, text=json.dumps(STATEMENT)))


@pytest.mark.parametrize(
    ("name", "left_out"),
    [("resources", "depends_on"), ("resources", "billing"), ("subscriptions", "renounceable")],
)
async def test_what_a_thing_leaves_out_is_unknown(name: str, left_out: str) -> None:
    things = {
        "resources": {
            "resource_id": "i-1", "product": "ecs", "billing": "subscription", "renounceable": True,
            "depends_on": [],
        },
        "subscriptions": {
            "subscription_id": "s-1", "product": "rds", "expires_at": "2027-03-01T00:00:00Z",
            "renounceable": True,
        },
    }  # fmt: skip
    page: dict[str, Any] = {
        "resources": [], "subscriptions": [], "domains": [], "icp_filings": [], "next_cursor": None,
    }  # fmt: skip
    whole = ok({**page, name: [things[name]]})
    await Scripted([whole]).platform().inventory.inventory("a-1")
    del things[name][left_out]
    with pytest.raises(AnswerUnreadable, match=left_out):
        await Scripted([ok({**page, name: [things[name]]})]).platform().inventory.inventory("a-1")


async def test_an_answer_may_be_as_long_as_the_limit_and_no_longer() -> None:
    body = json.dumps(STATEMENT).encode()
    answer = httpx2.Response(200, content=body, headers=JSON)
    assert await statement(answer, limit=len(body))
    with pytest.raises(AnswerUnreadable, match="longer than"):
        await statement(answer, limit=len(body) - 1)


async def test_a_packed_answer_is_not_unpacked() -> None:
    with pytest.raises(AnswerUnreadable, match="packed"):
        await statement(httpx2.Response(200, content=b"", headers={**JSON, "Content-Encoding": "gzip"}))


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (httpx2.Response(401), CredentialsRefused),
        (httpx2.Response(403), CredentialsRefused),
        (httpx2.Response(429), ServiceThrottles),
        (httpx2.Response(500), ServiceUnavailable),
        (httpx2.Response(503, headers={"Retry-After": "3600"}), ServiceUnavailable),
        (problem(422, ProblemType.IDEMPOTENCY_KEY_REUSED), KeyTaken),
        (problem(422, ProblemType.INVALID_REQUEST), AnswerUnreadable),
    ],
)
async def test_other_statuses_are_faults_of_their_kind(
    answer: httpx2.Response, fault: type[ServiceFault]
) -> None:
    with pytest.raises(fault):
        await statement(answer)


async def test_done_is_204_and_nothing_else() -> None:
    await Scripted([httpx2.Response(204)]).platform().inventory.release_resource("a-1", "i-1", key="k")
    with pytest.raises(AnswerUnreadable):
        await Scripted([ok({})]).platform().inventory.release_resource("a-1", "i-1", key="k")


async def test_what_must_be_retained_is_not_erased() -> None:
    def answer(**fields: object) -> Scripted:
        return Scripted([ok({"objects": 7, "retained_because": None, "retained_until": None, **fields})])

    async def erase(service: Scripted) -> int:
        return await service.platform().data_stores.erase("a-1", "books", key="k")

    for until, read in ((None, None), ("2036-01-01T01:00:00+01:00", datetime(2036, 1, 1, tzinfo=UTC))):
        with pytest.raises(MustRetain) as retained:
            await erase(answer(objects=0, retained_because="tax law", retained_until=until))
        assert (retained.value.because, retained.value.until) == ("tax law", read)
    assert await erase(answer()) == 7
    for wrong in ({"retained_because": ""}, {"retained_until": "soon"}, {"retained_until": "2036-01-01"}):
        with pytest.raises(AnswerUnreadable):
            await erase(answer(**wrong))


async def test_an_account_that_must_stay_is_a_final_answer_that_says_why() -> None:
    async def close(status: int, **members: object) -> None:
        service = Scripted([problem(status, ProblemType.MUST_RETAIN, {}, **members)])
        await service.platform().access.close("a-1", key="k", time=NOON)

    for until, read in ((None, None), ("2036-01-01T00:00:00Z", datetime(2036, 1, 1, tzinfo=UTC))):
        with pytest.raises(MustRetain) as kept:
            await close(409, detail="tax law", facts={"until": until})
        assert (kept.value.because, kept.value.until) == ("tax law", read)
    with pytest.raises(MustRetain):
        await close(409, detail="tax law")
    for wrong in ({"facts": {"until": "soon"}, "detail": "tax law"}, {"facts": {"until": None}}):
        with pytest.raises(AnswerUnreadable):
            await close(409, **wrong)
    with pytest.raises(AnswerUnreadable):
        await close(422, detail="tax law")


async def test_an_address_that_refuses_for_good_is_told_apart() -> None:
    message = OutgoingMessage(
        key="k", account_id="a-1", channel=Channel.EMAIL, template="t", bodies={"en": "Hello"}, time=NOON
    )
    refused = {"recipients": 1, "undelivered": {"addresses": 2, "reason": "550 5.1.1"}}
    with pytest.raises(Undeliverable) as fault:
        await Scripted([ok(refused)]).platform().messages.send(message)
    assert (fault.value.addresses, fault.value.reason) == (2, "550 5.1.1")
    assert await Scripted([ok({"recipients": 1, "undelivered": None})]).platform().messages.send(message) == 1
