"""How a service is called: again where that helps, by the same key, until what it accepted is done."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest

from closure.errors import RefusalType, Refused
from connectors.http.calling.breaker import CircuitBreaker
from connectors.http.calling.faults import (
    AnswerUnreadable,
    CircuitOpen,
    ServiceFault,
    ServiceThrottles,
    ServiceUnavailable,
    ServiceUnreachable,
    StillUnderWay,
)
from connectors.http.problems import ProblemType
from tests.connectors.http.scripted import STATEMENT, URL, Answer, Scripted, ok, problem

ERASED = {"objects": 12, "retained_because": None, "retained_until": None}
LOST = httpx2.ReadError("broken off")


def accepted(location: str = "../operations/op-1", **headers: str) -> httpx2.Response:
    return httpx2.Response(202, headers={"Location": location, **headers})


async def erase(service: Scripted, **options: float) -> int:
    return await service.platform(patience=options.get("patience", 60)).data_stores.erase(
        "a-1", "oss-1", key="c-1/erase/oss-1"
    )


async def test_a_read_stands_in_the_query_and_an_effect_in_the_body() -> None:
    service = Scripted([ok(STATEMENT), ok(ERASED)])
    platform = service.platform()
    await platform.billing.statement("a/1 &")
    await platform.data_stores.erase("a-1", "oss-1", key="c-1/erase/oss-1")
    read, effect = service.requests
    assert service.targets == [
        "GET /closure/v1/billing/statement?account_id=a%2F1+%26",
        "POST /closure/v1/data-stores/erase",
    ]
    assert json.loads(effect.content) == {"account_id": "a-1", "store_id": "oss-1"}
    assert service.keys == [None, "c-1/erase/oss-1"]
    assert effect.headers["Prefer"] == "respond-async, wait=7"
    assert {each.headers["Accept-Encoding"] for each in (read, effect)} == {"identity"}


@pytest.mark.parametrize(
    "failure", [LOST, httpx2.ConnectError("no"), httpx2.ReadTimeout("slow"), httpx2.Response(502)]
)
async def test_a_lost_answer_is_asked_for_again_with_the_same_key(failure: Answer) -> None:
    service = Scripted([failure, failure, ok(ERASED)])
    assert await erase(service) == 12
    assert service.keys == ["c-1/erase/oss-1"] * 3
    assert len({each.headers["Signature"] for each in service.requests}) == 3, "each is signed anew"
    assert service.slept[0] < service.slept[1], "with growing pauses"


async def test_a_service_that_stays_away_is_a_fault_without_what_was_asked() -> None:
    service = Scripted([LOST])
    with pytest.raises(ServiceUnreachable) as fault:
        await service.platform().directory.verify_password("a-1", "u-1", "correct horse")
    assert len(service.requests) == 1, "a code is good once: what checks is not sent again"
    assert fault.value.__cause__ is None
    assert "horse" not in str(fault.value)
    with pytest.raises(ServiceUnreachable):
        await erase(service)
    assert len(service.requests) == 4


async def test_what_is_logged_names_the_operation_and_the_fault_and_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(ServiceUnavailable):
        await Scripted([httpx2.Response(500, text="of acct-77")]).platform().billing.statement("acct-77")
    (record,) = [each for each in caplog.records if each.name.startswith("connectors.http")]
    said = vars(record)
    facts = (said["operation"], said["error"], said["fault"])
    assert facts == ("billing.statement", "ServiceUnavailable", "status 500")
    assert "acct-77" not in str(said)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_service_that_says_when_to_come_again_is_obeyed(status: int) -> None:
    service = Scripted([httpx2.Response(status, headers={"Retry-After": "7"}), ok(ERASED)])
    assert await erase(service) == 12
    assert service.slept == [7]


async def test_when_that_is_too_late_the_fault_says_it() -> None:
    service = Scripted([httpx2.Response(429, headers={"Retry-After": "60"}), ok(ERASED)])
    with pytest.raises(ServiceThrottles) as fault:
        await erase(service, patience=60)
    assert fault.value.retry_after == timedelta(seconds=60)
    assert service.slept == []


@pytest.mark.parametrize(
    ("said", "within"),
    [
        (lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True), (25, 30)),
        (lambda: format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True), (0, 0)),
        (lambda: "soon", None),
        (lambda: "-1", None),
        (lambda: "99999999999999999999", (86_400, 86_400)),
    ],
)
async def test_a_date_is_a_time_too(said: Callable[[], str], within: tuple[int, int] | None) -> None:
    service = Scripted([httpx2.Response(503, headers={"Retry-After": said()})])
    with pytest.raises(ServiceUnavailable) as fault:
        await erase(service, patience=0)
    found = fault.value.retry_after
    if within is None:
        assert found is None
    else:
        assert found is not None
        assert within[0] <= found.total_seconds() <= within[1]


async def test_what_was_accepted_is_followed_until_it_is_done() -> None:
    service = Scripted([accepted(**{"Retry-After": "2"}), accepted("op-1"), ok(ERASED)])
    assert await erase(service) == 12
    assert service.targets == [
        "POST /closure/v1/data-stores/erase",
        "GET /closure/v1/operations/op-1",
        "GET /closure/v1/operations/op-1",
    ]
    assert service.slept == [2, 1]
    assert all("Signature" in each.headers for each in service.requests)


async def test_the_status_address_may_answer_202_alone() -> None:
    service = Scripted([accepted(f"{URL}/jobs/7"), httpx2.Response(202), httpx2.Response(202), ok(ERASED)])
    assert await erase(service) == 12
    assert service.targets[1:] == ["GET /closure/v1/jobs/7"] * 3


async def test_what_was_accepted_may_be_refused() -> None:
    service = Scripted([accepted(), problem(409, RefusalType.THING_NOT_ALLOWED)])
    with pytest.raises(Refused):
        await service.platform().inventory.release_resource("a-1", "i-1", key="k")


async def test_what_takes_longer_than_a_call_is_looked_at_by_the_next_one() -> None:
    service = Scripted([accepted()])
    with pytest.raises(StillUnderWay):
        await erase(service, patience=5)
    assert service.now == 4
    service.answers.append(ok(ERASED))
    service.answers[:0] = [accepted()] * len(service.requests)
    assert await erase(service) == 12


async def test_a_status_that_nobody_knows_any_more_is_no_answer() -> None:
    with pytest.raises(AnswerUnreadable):
        await erase(Scripted([accepted(), problem(404, ProblemType.OPERATION_NOT_FOUND)]))


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/op",
        "//evil.example/op",
        "http://platform.example/op",
        "https://platform.example:444/op",
    ],
)
async def test_nobody_else_gets_our_signature(location: str) -> None:
    service = Scripted([accepted(location)])
    with pytest.raises(AnswerUnreadable):
        await erase(service)
    assert len(service.requests) == 1


async def test_without_an_address_the_effect_itself_is_asked_again_with_its_key() -> None:
    service = Scripted([httpx2.Response(202, headers={"Retry-After": "3"}), httpx2.Response(202), ok(ERASED)])
    assert await erase(service) == 12
    assert service.targets == ["POST /closure/v1/data-stores/erase"] * 3
    assert service.keys == ["c-1/erase/oss-1"] * 3
    assert len({each.content for each in service.requests}) == 1
    assert service.slept == [3, 1]


async def test_without_an_address_it_is_left_for_as_long_as_the_service_says() -> None:
    with pytest.raises(StillUnderWay) as fault:
        await erase(Scripted([httpx2.Response(202, headers={"Retry-After": "3600"})]))
    assert fault.value.retry_after == timedelta(hours=1)


async def test_a_code_is_never_sent_twice_to_ask_how_it_stands() -> None:
    service = Scripted([httpx2.Response(202), ok({"matches": True})])
    with pytest.raises(AnswerUnreadable):
        await service.platform().directory.verify_totp("a-1", "u-1", "123456")
    assert len(service.requests) == 1


async def test_who_fails_again_and_again_is_left_in_peace_then_tried_once() -> None:
    service = Scripted([httpx2.Response(500)])
    platform = service.platform(failures=3)

    async def asked() -> int:
        before = len(service.requests)
        with pytest.raises(ServiceFault):
            await platform.billing.statement("a-1")
        return len(service.requests) - before

    assert await asked() == 3
    assert await asked() == 0
    service.now += 10
    assert await asked() == 1, "one tries, and that was no good"
    assert await asked() == 0
    service.now += 10
    service.answers[:] = [ok(STATEMENT)]
    await platform.billing.statement("a-1")
    service.answers[:] = [httpx2.Response(500)]
    assert await asked() == 3, "all is forgotten"


async def test_an_answer_that_can_t_be_read_is_one_to_the_breaker() -> None:
    service = Scripted([httpx2.Response(500)])
    platform = service.platform(failures=4, limit=10)
    for answer, requests in ((httpx2.Response(500), 3), (ok(STATEMENT), 1), (httpx2.Response(500), 3)):
        service.answers[:] = [answer]
        before = len(service.requests)
        with pytest.raises(ServiceFault):
            await platform.billing.statement("a-1")
        assert len(service.requests) - before == requests


def test_while_one_tries_the_others_wait() -> None:
    moment = [0.0]
    breaker = CircuitBreaker(1, timedelta(seconds=10), lambda: moment[0])
    breaker.failed()
    moment[0] += 10
    breaker.enter()
    with pytest.raises(CircuitOpen):
        breaker.enter()
    breaker.succeeded()
    breaker.enter()


async def test_refusals_don_t_open_the_circuit() -> None:
    service = Scripted([problem(404, RefusalType.ACCOUNT_NOT_FOUND)])
    platform = service.platform(failures=1)
    for _ in range(3):
        with pytest.raises(Refused):
            await platform.billing.statement("a-1")


async def test_an_open_circuit_says_for_how_long() -> None:
    service = Scripted([httpx2.Response(500)])
    platform = service.platform(failures=1)
    with pytest.raises(CircuitOpen) as fault:
        await platform.billing.statement("a-1")
    assert fault.value.retry_after == timedelta(seconds=10) - timedelta(seconds=sum(service.slept))
