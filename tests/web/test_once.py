"""An `Idempotency-Key`: the same request acts once, however often and from how many at once it comes."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from records.idempotency import ABANDONED_AFTER, KEPT_FOR
from records.tables import record_acts, record_idempotency
from tests.web.api_driver import PASSWORD, ApiDriver, closing, document, problem
from web.api.once import REPEATED_HEADER

KEY = "5f0c8d9e"


async def acts_of(api: ApiDriver, account_id: str) -> int:
    query = select(record_acts.c.act_id).where(record_acts.c.account_id == account_id)
    return len(await api.installation.database.read(lambda each: each.scalars(query).all()))


async def kept(api: ApiDriver) -> int:
    query = select(record_idempotency.c.key_hash)
    return len(await api.installation.database.read(lambda each: each.scalars(query).all()))


async def age(api: ApiDriver, by: timedelta, *, answered: bool = True) -> None:
    """What is kept was begun so long ago."""
    values: dict[str, object] = {"began_at": datetime.now(UTC) - by}
    if not answered:
        values["answer"] = None
    await api.installation.database.write(
        lambda each: each.execute(update(record_idempotency).values(values))
    )


async def test_the_same_request_gets_the_same_answer_and_acts_once(api: ApiDriver) -> None:
    account = await api.account()
    path = f"/accounts/{account.account_id}/closures"
    first = await api.post(path, closing(), key=KEY)
    again = await api.post(path, closing(), key=KEY)
    assert (first.status_code, REPEATED_HEADER in first.headers) == (201, False)
    assert (again.status_code, again.headers[REPEATED_HEADER]) == (201, "true")
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["content-type"] == first.headers["content-type"]
    assert await acts_of(api, account.account_id) == 1
    # Without the key, or with another one, it is a request of its own.
    problem(await api.post(path, closing()), 409, "ClosureAlreadyOpen")
    problem(await api.post(path, closing(), key="other"), 409, "ClosureAlreadyOpen")
    # A token of its own has keys of its own.
    problem(await api.caller(name="second").post(path, closing(), key=KEY), 409, "ClosureAlreadyOpen")


async def test_another_request_under_the_key_is_refused(api: ApiDriver) -> None:
    account, other = await api.account(), await api.account()
    path = f"/accounts/{account.account_id}/closures"
    first = await api.post(path, closing(), key=KEY)
    for where, body in (
        (path, closing(agree=True)),
        (f"/accounts/{other.account_id}/closures", closing()),
        (f"{path}?x=1", closing()),
    ):
        problem(await api.post(where, body, key=KEY), 422, "IdempotencyKeyReused")
    assert (await api.post(path, closing(), key=KEY)).content == first.content
    assert await acts_of(api, other.account_id) == 0


async def test_a_refusal_is_an_answer_too(api: ApiDriver) -> None:
    account = await api.account()
    path, wrong = f"/accounts/{account.account_id}/closures", closing(proof={"password": "guessed"})
    first = await api.post(path, wrong, key=KEY)
    problem(first, 403, "SecretRefused")
    repeats = [await api.post(path, wrong, key=KEY) for _ in range(10)]
    assert {each.content for each in repeats} == {first.content}
    # They were no guesses: the right password needs no pause.
    await api.close(account)


async def test_of_many_at_once_one_acts_and_all_get_its_answer(api: ApiDriver) -> None:
    account = await api.account()
    path = f"/accounts/{account.account_id}/closures"
    answers = await asyncio.gather(*(api.post(path, closing(), key=KEY) for _ in range(8)))
    assert {each.status_code for each in answers} == {201}
    assert len({each.content for each in answers}) == 1
    assert sum(REPEATED_HEADER in each.headers for each in answers) == 7
    assert await acts_of(api, account.account_id) == 1


async def test_after_a_day_the_key_is_free_again(api: ApiDriver) -> None:
    account = await api.account()
    path, body = f"/accounts/{account.account_id}/closures", closing(proof=None)
    first = await api.post(path, body, key=KEY)
    await age(api, KEPT_FOR - timedelta(minutes=1))
    assert REPEATED_HEADER in (await api.post(path, body, key=KEY)).headers
    await age(api, KEPT_FOR + timedelta(seconds=1))
    again = await api.post(path, body, key=KEY)
    assert (again.status_code, REPEATED_HEADER in again.headers) == (first.status_code, False)
    await age(api, KEPT_FOR + timedelta(seconds=1))
    await api.post(path, body, key="other")
    assert await kept(api) == 1


async def test_what_somebody_left_without_an_answer_is_taken_up_when_they_are_gone(
    api: ApiDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await api.account()
    path, body = f"/accounts/{account.account_id}/closures", closing(proof=None)
    await api.post(path, body, key=KEY)
    await age(api, ABANDONED_AFTER - timedelta(minutes=1), answered=False)
    monkeypatch.setattr("web.api.once._PATIENCE", 0.3)
    waiting = await api.post(path, body, key=KEY)
    problem(waiting, 409, "IdempotencyKeyInUse")
    assert int(waiting.headers["retry-after"]) > 0
    await age(api, ABANDONED_AFTER + timedelta(seconds=1), answered=False)
    problem(await api.post(path, body, key=KEY), 403, "IdentityProofRequired")


async def test_a_key_that_is_none_is_refused(api: ApiDriver) -> None:
    for key in ("", " ", "two words", "x" * 201, "\x7f"):
        fault: Any = problem(await api.post("/accounts/a/closures", closing(), key=key), 422, "InvalidFields")
        assert [(each["location"], each["path"]) for each in fault["errors"]] == [
            ("header", "Idempotency-Key")
        ]


async def test_reading_takes_no_key(api: ApiDriver) -> None:
    account = await api.account()
    await api.close(account)
    headers = {"Idempotency-Key": KEY}
    path = f"/api/v1/accounts/{account.account_id}/closure"
    before = document(await api.http.get(path, headers=headers))
    await account.withdraw()
    assert document(await api.http.get(path, headers=headers))["stage"] != before["stage"]


async def test_the_database_shows_neither_the_request_nor_the_answer(api: ApiDriver) -> None:
    account = await api.account()
    answer = await api.post(f"/accounts/{account.account_id}/closures", closing(), key=KEY)
    rows = await api.installation.database.read(
        lambda connection: connection.execute(select(record_idempotency)).all()
    )
    assert len(rows) == 1
    stored = b"".join(value if isinstance(value, bytes) else str(value).encode() for value in rows[0])
    token = api.http.headers["authorization"].removeprefix("Bearer ")
    for shown in (KEY, PASSWORD, token, account.account_id, json.loads(answer.text)["closure_id"]):
        assert shown.encode() not in stored
