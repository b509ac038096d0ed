"""A provider's service that fails, or the network before it: each effect happens once, and closures end."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from closure.lifecycle import Outcome
from closure.waiting import WaitingReason
from connectors.embedded import tables
from connectors.http.operations import IDEMPOTENCY_KEY, VERSION_PATH
from connectors.ports import Platform
from local.ports import HOST
from tests.faults.casualties import Undisturbed, undisturbed
from tests.faults.scenes import SCENES, Scene
from tests.faults.test_lost_answers import play
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.served_platform import ServedPlatform, running_server
from tests.harness.toxiproxy import ANSWER_LOST, Network, Toxiproxy, toxiproxy

pytestmark = pytest.mark.long

DELETED, RESTORED = SCENES["deleted"], SCENES["restored"]


class FirstAnswersLost:
    """Carries out each effect, and then the network breaks in place of its first answer.

    Other answers that are on their way meanwhile are lost as well.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._lock = asyncio.Lock()
        self._unheard: set[str] = set()
        self.asked: Counter[str] = Counter()

    def around(self, application: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            key = _key(scope)
            if key:
                await self._is_asked(key)

            async def send_late(message: Message) -> None:
                if message["type"] == "http.response.start" and self.asked[key] == 1:
                    await self._lose(key)
                await send(message)

            await application(scope, receive, send_late if key else send)

        return answer

    async def _lose(self, key: str) -> None:
        async with self._lock:
            if self.asked[key] > 1:
                return  # somebody else's loss was this one's, too
            if not self._unheard:
                await self._network.suffer(ANSWER_LOST)
            self._unheard.add(key)

    async def _is_asked(self, key: str) -> None:
        async with self._lock:
            self.asked[key] += 1
            if key in self._unheard:
                self._unheard.remove(key)
                if not self._unheard:
                    await self._network.recover(ANSWER_LOST)


class FirstAnswersWrong:
    """Each effect is throttled at first, then carried out and answered by something else, then answered."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def around(self, application: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            key = _key(scope)
            self.asked[key] += 1
            if key and self.asked[key] == 1:
                throttled = Response(status_code=HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": "0"})
                await throttled(scope, receive, send)
            elif key and self.asked[key] == 2:
                await application(scope, receive, _nowhere)
                await Response('{"objects": 12', media_type="application/json")(scope, receive, send)
            else:
                await application(scope, receive, send)

        return answer


async def _nowhere(message: Message) -> None:
    """Nobody hears it."""


def _key(scope: Scope) -> str:
    """Of an effect; empty for what only reads."""
    headers = dict(scope["headers"])
    found: bytes = headers.get(IDEMPOTENCY_KEY.lower().encode(), b"")
    return found.decode()


@pytest.fixture(scope="module")
async def service() -> AsyncIterator[ServedPlatform]:
    async with running_server() as running:
        yield running


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


@pytest.fixture(scope="module")
async def undisturbed_scenes(
    hurried_installations: InstallationBuilder, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Undisturbed]:
    """Of the scenes that are played here."""
    folder = tmp_path_factory.mktemp("journals")
    return {
        scene.name: await undisturbed(hurried_installations, scene, folder) for scene in (DELETED, RESTORED)
    }


@asynccontextmanager
async def far_away(
    installations: InstallationBuilder,
    service: ServedPlatform,
    network: Network,
    faults: FirstAnswersLost | FirstAnswersWrong | None = None,
) -> AsyncIterator[TestInstallation]:
    """An installation whose platform is beyond the network."""
    far = ServedPlatform(f"http://{HOST}:{network.port}{VERSION_PATH}", service.exchangeable)

    def over(platform: Platform) -> Platform:
        calling = far.over(platform)
        if faults is not None:
            service.exchangeable.application = faults.around(service.exchangeable.application)
        return calling

    async with installations.open(platforms=over) as installation:
        yield installation
        await installation.platform.aclose()


@pytest.mark.parametrize("scene", [DELETED, RESTORED], ids=["deleted", "restored"])
async def test_an_effect_whose_answer_the_network_lost_happens_once(
    scene: Scene,
    hurried_installations: InstallationBuilder,
    undisturbed_scenes: dict[str, Undisturbed],
    service: ServedPlatform,
    network: Network,
) -> None:
    faults = FirstAnswersLost(network)
    async with far_away(hurried_installations, service, network, faults) as installation:
        await play(scene, installation, undisturbed_scenes[scene.name])
    effects = undisturbed_scenes[scene.name].aftermath.effects
    assert len(faults.asked) >= sum(effects.values())
    assert min(faults.asked.values()) >= 2


async def test_an_effect_that_is_throttled_and_answered_by_something_else_happens_once(
    hurried_installations: InstallationBuilder,
    undisturbed_scenes: dict[str, Undisturbed],
    service: ServedPlatform,
    network: Network,
) -> None:
    faults = FirstAnswersWrong()
    async with far_away(hurried_installations, service, network, faults) as installation:
        await play(DELETED, installation, undisturbed_scenes["deleted"])
    # What is given up is gone by then, so that nobody asks for it a third time.
    assert all(count >= (2 if "/release/" in key else 3) for key, count in faults.asked.items() if key)


async def test_a_service_that_is_away_at_the_end_is_waited_for_by_name(
    hurried_installations: InstallationBuilder, service: ServedPlatform, network: Network
) -> None:
    """Nothing is erased meanwhile; a recheck goes on at once."""
    async with far_away(hurried_installations, service, network) as installation:
        closing = await installation.account(api_keys=[{"id": "k-1"}])
        await closing.silent()
        await network.refuse()
        await closing.end_of_silence()
        waiting = await closing.until(lambda document: document.waiting_for is not None)
        assert waiting.waiting_for is not None
        assert waiting.waiting_for.reason == WaitingReason.BILLING_UNREADABLE
        assert await closing.rows_left(tables.users) == 2
        await network.listen()
        await closing.handle.signal("recheck")
        assert (await closing.outcome()).outcome is Outcome.DELETED
