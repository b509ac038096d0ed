"""Trying to use an account, in every state of its access."""

import pytest
from sqlalchemy import update

from closure.accounts import Access, RequestKind
from closure.errors import RefusalType, Refused
from connectors.embedded import tables
from connectors.embedded.usage import Scope, request
from connectors.ports import Platform
from database import Database
from tests.connectors.samples import NOON, account, bring_to, load

KEYS = [{"id": "k-1"}, {"id": "k-2"}]
kinds = pytest.mark.parametrize("kind", RequestKind)


async def refusal(database: Database, kind: RequestKind, account_id: str = "a-1") -> RefusalType:
    with pytest.raises(Refused) as refused:
        await request(database, account_id, kind)
    return refused.value.type


async def disable(database: Database, key: str) -> None:
    disabling = update(tables.api_keys).where(tables.api_keys.c.id == key).values(enabled=False)
    await database.write(lambda connection: connection.execute(disabling))


@kinds
async def test_an_open_account_serves_everything(database: Database, kind: RequestKind) -> None:
    await load(database, account(api_keys=KEYS))
    assert (await request(database, "a-1", kind)).scope is Scope.FULL


@kinds
async def test_in_the_silent_period_signing_in_shows_the_closure_only(
    database: Database, platform: Platform, kind: RequestKind
) -> None:
    """A20."""
    await load(database, account(api_keys=KEYS))
    await bring_to(platform, Access.CLOSURE_STATUS_ONLY)
    if kind is RequestKind.SIGN_IN:
        assert (await request(database, "a-1", kind)).scope is Scope.CLOSURE_STATUS
    else:
        assert await refusal(database, kind) is RefusalType.ACCESS_REFUSED


@kinds
async def test_a_stopped_account_serves_nothing(database: Database, kind: RequestKind) -> None:
    """T4."""
    await load(database, account())
    stopping = update(tables.accounts).values(access=Access.STOPPED, stopped_at=NOON)
    await database.write(lambda connection: connection.execute(stopping))
    assert await refusal(database, kind) is RefusalType.ACCESS_REFUSED


@kinds
async def test_a_closed_account_serves_nothing(
    database: Database, platform: Platform, kind: RequestKind
) -> None:
    """A22, T3."""
    await load(database, account())
    await bring_to(platform, Access.CLOSED)
    assert await refusal(database, kind) is RefusalType.ACCOUNT_CLOSED


@kinds
async def test_a_restored_account_serves_everything(
    database: Database, platform: Platform, kind: RequestKind
) -> None:
    """A23."""
    await load(database, account(api_keys=KEYS))
    await bring_to(platform, Access.CLOSURE_STATUS_ONLY)
    await platform.access.reopen("a-1", key="reopen", time=NOON)
    assert (await request(database, "a-1", kind)).scope is Scope.FULL


async def test_api_requests_need_a_key_that_works_where_there_are_keys(database: Database) -> None:
    await load(database, account(api_keys=KEYS), account("without", api_keys=[]))
    for name, works in (("k-1", True), ("k-2", False)):
        await disable(database, name)
        if works:
            assert (await request(database, "a-1", RequestKind.API)).scope is Scope.FULL
        else:
            assert await refusal(database, RequestKind.API) is RefusalType.ACCESS_REFUSED
    assert (await request(database, "a-1", RequestKind.CALL)).scope is Scope.FULL
    assert (await request(database, "without", RequestKind.API)).scope is Scope.FULL


async def test_an_unknown_account(database: Database) -> None:
    assert await refusal(database, RequestKind.API, "nobody") is RefusalType.ACCOUNT_NOT_FOUND
