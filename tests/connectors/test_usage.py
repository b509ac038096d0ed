"""Trying to use an account, in every state of its access."""

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from closure.accounts import Access, RequestKind
from closure.errors import RefusalType, Refused
from connectors.embedded import EmbeddedPlatform, tables
from connectors.embedded.usage import Scope, request
from database import transaction
from tests.connectors.samples import NOON, account, bring_to, load

KEYS = [{"id": "k-1"}, {"id": "k-2"}]
kinds = pytest.mark.parametrize("kind", RequestKind)


async def refusal(engine: AsyncEngine, kind: RequestKind, account_id: str = "a-1") -> RefusalType:
    with pytest.raises(Refused) as refused:
        await request(engine, account_id, kind)
    return refused.value.type


@kinds
async def test_an_open_account_serves_everything(engine: AsyncEngine, kind: RequestKind) -> None:
    await load(engine, account(api_keys=KEYS))
    assert (await request(engine, "a-1", kind)).scope is Scope.FULL


@kinds
async def test_in_the_silent_period_signing_in_shows_the_closure_only(
    engine: AsyncEngine, platform: EmbeddedPlatform, kind: RequestKind
) -> None:
    """A20."""
    await load(engine, account(api_keys=KEYS))
    await bring_to(platform, Access.CLOSURE_STATUS_ONLY)
    if kind is RequestKind.SIGN_IN:
        assert (await request(engine, "a-1", kind)).scope is Scope.CLOSURE_STATUS
    else:
        assert await refusal(engine, kind) is RefusalType.ACCESS_REFUSED


@kinds
async def test_a_stopped_account_serves_nothing(engine: AsyncEngine, kind: RequestKind) -> None:
    """T4."""
    await load(engine, account())
    async with transaction(engine) as connection:
        await connection.execute(update(tables.accounts).values(access=Access.STOPPED, stopped_at=NOON))
    assert await refusal(engine, kind) is RefusalType.ACCESS_REFUSED


@kinds
async def test_a_closed_account_serves_nothing(
    engine: AsyncEngine, platform: EmbeddedPlatform, kind: RequestKind
) -> None:
    """A22, T3."""
    await load(engine, account())
    await bring_to(platform, Access.CLOSED)
    assert await refusal(engine, kind) is RefusalType.ACCOUNT_CLOSED


@kinds
async def test_a_restored_account_serves_everything(
    engine: AsyncEngine, platform: EmbeddedPlatform, kind: RequestKind
) -> None:
    """A23."""
    await load(engine, account(api_keys=KEYS))
    await bring_to(platform, Access.CLOSURE_STATUS_ONLY)
    await platform.access.reopen("a-1", key="reopen", time=NOON)
    assert (await request(engine, "a-1", kind)).scope is Scope.FULL


async def test_api_requests_need_a_key_that_works_where_there_are_keys(engine: AsyncEngine) -> None:
    await load(engine, account(api_keys=KEYS), account("without", api_keys=[]))
    key = tables.api_keys.c
    for name, works in (("k-1", True), ("k-2", False)):
        async with transaction(engine) as connection:
            await connection.execute(update(tables.api_keys).where(key.id == name).values(enabled=False))
        if works:
            assert (await request(engine, "a-1", RequestKind.API)).scope is Scope.FULL
        else:
            assert await refusal(engine, RequestKind.API) is RefusalType.ACCESS_REFUSED
    assert (await request(engine, "a-1", RequestKind.CALL)).scope is Scope.FULL
    assert (await request(engine, "without", RequestKind.API)).scope is Scope.FULL


async def test_an_unknown_account(engine: AsyncEngine) -> None:
    assert await refusal(engine, RequestKind.API, "nobody") is RefusalType.ACCOUNT_NOT_FOUND
