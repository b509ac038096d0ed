"""Many accounts at a time over HTTP: a service may leave that out, and lists that are too long."""

import logging
from collections.abc import Sequence

import httpx2
import pytest
from pydantic import ValidationError

from closure.errors import RefusalType
from connectors.account_reader import READ_TOGETHER, AccountReading
from connectors.http.asked import LARGEST_PAGE
from connectors.http.calling.faults import AnswerUnreadable, ServiceUnavailable
from connectors.http.problems import ProblemType
from connectors.ports import Platform
from database import Database
from tests.connectors.http.scripted import STATEMENT, Answer, Scripted, ok, problem
from tests.connectors.samples import account, load

PROFILE = {"account_id": "a-1", "provider": "twilio", "kind": "upgraded", "currency": "USD", "access": "open"}
NOTHING_ELSE = dict.fromkeys(("statement", "inventory", "relationships", "stores", "held", "payments"))


async def read(platform: Platform, *account_ids: str) -> Sequence[AccountReading]:
    assert platform.accounts is not None
    return await platform.accounts.read(account_ids, with_payments=True)


@pytest.mark.parametrize(
    "answer",
    [
        problem(404, ProblemType.PATH_NOT_FOUND),
        problem(405, ProblemType.METHOD_NOT_ALLOWED),
        httpx2.Response(404, text="no such page"),
    ],
    ids=["404", "405", "a page of the web server's"],
)
async def test_a_service_without_it_answers_for_nobody_and_nobody_is_told(
    answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    service = Scripted([answer, ok(STATEMENT)])
    platform = service.platform(failures=1)
    with caplog.at_level(logging.INFO, "connectors"):
        assert await read(platform, "a-1") == ()
    assert caplog.messages == []
    assert (await platform.billing.statement("a-1")).cash.minor == 1820
    assert service.slept == []


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (problem(503, ProblemType.UNAVAILABLE), ServiceUnavailable),
        (ok({"accounts": [{"profile": PROFILE}]}), AnswerUnreadable),
        (ok({"accounts": [{"profile": PROFILE, **NOTHING_ELSE, "held": "no"}]}), AnswerUnreadable),
        (problem(422, ProblemType.INVALID_REQUEST), AnswerUnreadable),
    ],
    ids=["away", "leaves out fields", "not as the schema says", "another version"],
)
async def test_an_answer_that_does_not_count_is_a_fault(answer: Answer, fault: type[Exception]) -> None:
    with pytest.raises(fault):
        await read(Scripted([answer]).platform(), "a-1")


async def test_what_a_service_has_no_answer_for_is_left_to_the_other_ports() -> None:
    held = {**NOTHING_ELSE, "held": True}
    (found,) = await read(Scripted([ok({"accounts": [{"profile": PROFILE, **held}]})]).platform(), "a-1", "b")
    assert found == AccountReading.model_validate({"profile": PROFILE, "held": True})


async def test_a_list_longer_than_a_page_is_left_to_its_own_pages(
    database: Database, platform: Platform
) -> None:
    def with_resources(name: str, number: int) -> dict[str, object]:
        return account(name, resources=[{"id": f"r-{each:04}", "product": "vm"} for each in range(number)])

    await load(database, with_resources("few", LARGEST_PAGE), with_resources("many", LARGEST_PAGE + 1))
    few, many = sorted(await read(platform, "few", "many"), key=lambda each: each.profile.account_id)
    assert few.inventory is not None
    assert len(few.inventory.resources) == LARGEST_PAGE
    assert many.inventory is None
    assert many.statement == await platform.billing.statement("many")
    assert len((await platform.inventory.inventory("many")).resources) == LARGEST_PAGE + 1


async def test_more_than_are_asked_for_together_are_refused_on_both_sides(platform: Platform) -> None:
    service = Scripted([problem(422, RefusalType.MALFORMED_INPUT)])
    too_many = [f"a-{number}" for number in range(READ_TOGETHER + 1)]
    with pytest.raises(ValidationError):
        await read(service.platform(), *too_many)
    assert service.requests == []
    assert await read(platform, *too_many[1:]) == ()
