"""A service behind a network that fails: what is asked again, by which key, and what has happened."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.embedded import embedded_platform, tables
from connectors.http.calling.breaker import CircuitBreaker
from connectors.http.calling.caller import Patience
from connectors.http.calling.faults import CircuitOpen, ServiceUnreachable
from connectors.http.operations import IDEMPOTENCY_KEY, VERSION_PATH
from connectors.ports import Platform
from database import Database
from local.ports import HOST
from tests.connectors.samples import account, count, everything, load
from tests.connectors.test_ports import EFFECTS, FULL
from tests.harness.served_platform import ServedPlatform, calling
from tests.harness.toxiproxy import (
    ANSWER_CUT,
    ANSWER_LOST,
    HALF_OPEN,
    NARROW,
    RESET,
    RESET_AT_ANSWER,
    SLICED,
    SLOW,
    UNHEARD,
    Network,
    Stream,
    Toxic,
    Toxiproxy,
    toxic,
    toxiproxy,
)

pytestmark = pytest.mark.long

KEY = "c-1/erase/oss-1"


class Seen:
    """The idempotency keys of all requests that have reached the service; empty for reads."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application
        self.keys: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.keys.append(headers.get(IDEMPOTENCY_KEY.lower(), ""))
        await self._application(scope, receive, send)


class Far:
    """The embedded platform behind a network."""

    def __init__(self, network: Network, seen: Seen) -> None:
        self.network = network
        self.seen = seen
        self.pauses = 0
        self.now = 0.0
        self._recovers: Toxic | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.network.port}{VERSION_PATH}"

    def ports(self, *, seconds: float = 60, failures: int = 100) -> Platform:
        """The ports over it. It is waited for so many real seconds; between attempts no time goes by."""
        patience = timedelta(seconds=seconds)
        return calling(
            self.url,
            breaker=CircuitBreaker(failures, timedelta(seconds=10), lambda: self.now),
            patience=Patience(call=patience, answer=patience),
            sleep=self._pause,
        )

    async def suffer_until_asked_again(self, what: Toxic) -> None:
        """The network fails so until the first pause between two attempts."""
        await self.network.suffer(what)
        self._recovers = what

    async def _pause(self, seconds: float) -> None:
        self.pauses += 1
        if self._recovers is not None:
            await self.network.recover(self._recovers)
            self._recovers = None


@pytest.fixture(scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Toxiproxy]:
    async with toxiproxy(tmp_path_factory.mktemp("toxiproxy")) as running:
        yield running


@pytest.fixture
async def network(service: ServedPlatform, proxy: Toxiproxy) -> AsyncIterator[Network]:
    """One that each test may break."""
    port = urlsplit(service.url).port
    assert port is not None
    async with proxy.network_to(port) as opened:
        yield opened


@pytest.fixture
async def far(database: Database, service: ServedPlatform, network: Network) -> Far:
    await load(database, account(**FULL))
    service.serve(embedded_platform(database))
    service.exchangeable.application = seen = Seen(service.exchangeable.application)
    return Far(network, seen)


async def erase(platform: Platform) -> int:
    """1200 at every call with the key, as at the first."""
    return await platform.data_stores.erase("a-1", "oss-1", key=KEY)


@pytest.mark.parametrize(
    ("what", "arrives"),
    [(ANSWER_LOST, True), (ANSWER_CUT, True), (RESET_AT_ANSWER, True), (RESET, False)],
    ids=str,
)
async def test_what_breaks_off_is_asked_again_with_the_same_key(
    far: Far, database: Database, what: Toxic, arrives: bool
) -> None:
    platform = far.ports()
    await far.suffer_until_asked_again(what)
    assert await erase(platform) == 1200
    assert far.seen.keys == [KEY] * (2 if arrives else 1)
    assert far.pauses == 1
    assert await count(database, tables.data_stores) == 0
    await platform.aclose()


@pytest.mark.parametrize("name", EFFECTS)
async def test_every_effect_has_happened_once_when_its_answer_was_lost(
    far: Far, database: Database, name: str
) -> None:
    platform = far.ports()
    await far.suffer_until_asked_again(ANSWER_LOST)
    again = await EFFECTS[name](platform, "key")
    assert len(far.seen.keys) == 2
    assert len(set(far.seen.keys)) == 1
    left = await everything(database)
    assert await EFFECTS[name](embedded_platform(database), "key") == again
    assert await everything(database) == left, "a third time is no other than the second"
    await platform.aclose()


@pytest.mark.parametrize("what", [HALF_OPEN, UNHEARD], ids=str)
async def test_silence_is_left_after_the_time_limit_and_asked_again_by_the_next_call(
    far: Far, database: Database, what: Toxic
) -> None:
    platform = far.ports(seconds=1)
    async with far.network.suffering(what):
        with pytest.raises(ServiceUnreachable):
            await erase(platform)
    await platform.aclose()
    patient = far.ports()
    assert await erase(patient) == 1200
    assert set(far.seen.keys) == {KEY}
    assert await count(database, tables.data_stores) == 0
    await patient.aclose()


@pytest.mark.parametrize(
    "what",
    [
        SLOW,
        NARROW,
        SLICED,
        toxic("latency", Stream.TO_SERVER, latency=150),
        toxic("bandwidth", Stream.TO_SERVER, rate=4),
        toxic("slicer", Stream.TO_SERVER, average_size=3, size_variation=2, delay=100),
    ],
    ids=str,
)
async def test_what_is_only_slow_or_comes_in_pieces_is_asked_once(
    far: Far, database: Database, what: Toxic
) -> None:
    platform = far.ports()
    async with far.network.suffering(what):
        found = await platform.billing.statement("a-1")
        assert await erase(platform) == 1200
    assert found == await embedded_platform(database).billing.statement("a-1")
    assert far.seen.keys == ["", KEY]
    assert far.pauses == 0
    await platform.aclose()


async def test_a_kept_connection_that_the_other_side_has_dropped_is_no_failure(far: Far) -> None:
    platform = far.ports()
    await platform.billing.statement("a-1")
    await far.network.refuse()
    await far.network.listen()
    assert await erase(platform) == 1200
    assert far.seen.keys == ["", KEY]
    await platform.aclose()


async def _lost(far: Far) -> Callable[[], Awaitable[None]]:
    await far.network.suffer(ANSWER_LOST)
    return lambda: far.network.recover(ANSWER_LOST)


async def _away(far: Far) -> Callable[[], Awaitable[None]]:
    await far.network.refuse()
    return far.network.listen


@pytest.mark.parametrize(("fails", "heard"), [(_lost, 2), (_away, 0)])
async def test_the_breaker_opens_tries_once_and_closes(
    far: Far, fails: Callable[[Far], Awaitable[Callable[[], Awaitable[None]]]], heard: int
) -> None:
    platform = far.ports(failures=2)
    recover = await fails(far)
    for _ in range(2):
        with pytest.raises(CircuitOpen):
            await platform.billing.statement("a-1")
        assert len(far.seen.keys) == heard, "the second call is not even tried"
    far.now += 10
    with pytest.raises(CircuitOpen):
        await platform.billing.statement("a-1")
    tried = heard + (1 if heard else 0)
    assert len(far.seen.keys) == tried
    await recover()
    with pytest.raises(CircuitOpen):
        await platform.billing.statement("a-1")
    far.now += 10
    for _ in range(2):
        await platform.billing.statement("a-1")
    assert len(far.seen.keys) == tried + 2
    await platform.aclose()
