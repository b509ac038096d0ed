"""PostgreSQL over a network that fails: what was committed unheard is known by its key."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection, make_url

from connectors.embedded import embedded_platform
from database import Database, DatabaseUnreachable
from database.database import Result, Work
from tests.connectors.samples import account, everything, load
from tests.connectors.test_ports import EFFECTS, FULL
from tests.harness.databases import Backend
from tests.harness.toxiproxy import (
    ANSWER_LOST,
    HALF_OPEN,
    NARROW,
    RESET_AT_ANSWER,
    SLICED,
    SLOW,
    UNHEARD,
    Network,
    Toxic,
    Toxiproxy,
    toxiproxy,
)

pytestmark = pytest.mark.parametrize("prepared_database_url", [Backend.POSTGRESQL], indirect=True)


class Far(Database):
    """A database beyond a network, which fails as the next transaction commits."""

    def __init__(self, url: str, network: Network) -> None:
        super().__init__(url)
        self.network = network
        self.next_commit: Toxic | None = None

    async def write(self, work: Work[Result]) -> Result:
        fails, self.next_commit = self.next_commit, None
        if fails is None:
            return await super().write(work)
        loop = asyncio.get_running_loop()

        def and_fail(connection: Connection) -> Result:
            result = work(connection)
            asyncio.run_coroutine_threadsafe(self.network.suffer(fails), loop).result()
            return result

        return await super().write(and_fail)


@pytest.fixture(scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Toxiproxy]:
    async with toxiproxy(tmp_path_factory.mktemp("toxiproxy")) as running:
        yield running


@pytest.fixture
async def far(prepared_database_url: str, database: Database, proxy: Toxiproxy) -> AsyncIterator[Far]:
    """The way round to `database`, in which there is an account."""
    await load(database, account(**FULL))
    url = make_url(prepared_database_url)
    assert url.port is not None
    async with proxy.network_to(url.port) as network:
        opened = Far(url.set(port=network.port).render_as_string(hide_password=False), network)
        yield opened
        await opened.dispose()


@pytest.mark.parametrize("what", [ANSWER_LOST, RESET_AT_ANSWER], ids=str)
@pytest.mark.parametrize("name", EFFECTS)
async def test_an_effect_that_was_committed_unheard_happens_once(
    far: Far, database: Database, name: str, what: Toxic
) -> None:
    platform, before = embedded_platform(far), await everything(database)
    far.next_commit = what
    with pytest.raises(DatabaseUnreachable):
        await EFFECTS[name](platform, "key")
    await far.network.recover(what)
    after = await everything(database)
    assert after != before, "it has happened"
    await EFFECTS[name](platform, "key")
    assert await everything(database) == after


@pytest.mark.parametrize("what", [SLOW, NARROW, SLICED], ids=str)
async def test_what_is_only_slow_or_comes_in_pieces_is_waited_for(
    far: Far, database: Database, what: Toxic
) -> None:
    async with far.network.suffering(what):
        found = await embedded_platform(far).billing.statement("a-1")
    assert found == await embedded_platform(database).billing.statement("a-1")


@pytest.mark.parametrize("what", [HALF_OPEN, UNHEARD], ids=str)
async def test_silence_after_idle_is_an_error_within_seconds_and_holds_nothing_up(
    far: Far, what: Toxic
) -> None:
    """A middlebox that has forgotten the connection: what is sent is taken, and nothing comes back."""
    platform = embedded_platform(far)
    found = await platform.billing.statement("a-1")
    async with far.network.suffering(what):
        for _ in range(2):
            with pytest.raises(DatabaseUnreachable):
                await asyncio.wait_for(platform.billing.statement("a-1"), 60)
    assert await platform.billing.statement("a-1") == found


async def test_a_server_that_comes_back_is_used_again_at_once(far: Far) -> None:
    """Its connections in the pool are broken by then."""
    platform = embedded_platform(far)
    found = await platform.billing.statement("a-1")
    await far.network.refuse()
    with pytest.raises(DatabaseUnreachable):
        await platform.billing.statement("a-1")
    await far.network.listen()
    assert await platform.billing.statement("a-1") == found
    await far.network.refuse()
    await far.network.listen()
    assert await platform.data_stores.erase("a-1", "oss-1", key="key") == 1200
