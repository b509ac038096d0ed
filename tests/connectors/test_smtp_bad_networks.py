"""E-mails over a network that fails: nothing counts as sent that may not be; what comes twice is known."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from connectors.smtp.messages import NotTaken
from tests.connectors.test_smtp import Remembered, carrier, message
from tests.harness.mail_server import mail_server
from tests.harness.toxiproxy import (
    ANSWER_LOST,
    HALF_OPEN,
    NARROW,
    RESET,
    RESET_AT_ANSWER,
    SLICED,
    SLOW,
    UNHEARD,
    Stream,
    Toxic,
    Toxiproxy,
    toxic,
    toxiproxy,
)

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Toxiproxy]:
    async with toxiproxy(tmp_path_factory.mktemp("toxiproxy")) as running:
        yield running


@pytest.mark.parametrize("what", [ANSWER_LOST, HALF_OPEN, UNHEARD, RESET, RESET_AT_ANSWER], ids=str)
async def test_a_server_that_is_not_reached_has_taken_nothing(proxy: Toxiproxy, what: Toxic) -> None:
    remembered = Remembered()
    async with mail_server() as post, proxy.network_to(post.port) as network:
        sending = carrier(network.port, deliveries=remembered, time_limit="1s")
        async with network.suffering(what):
            with pytest.raises(NotTaken, match="could not be used"):
                await sending.send(message())
        assert (post.taken, remembered.settlements) == ([], {})
        patient = carrier(network.port, deliveries=remembered)
        assert await patient.send(message()) == 1
        assert await patient.send(message()) == 1
    assert len(post.taken) == len(remembered.settlements) == 1


@pytest.mark.parametrize("what", [ANSWER_LOST, RESET_AT_ANSWER, HALF_OPEN], ids=str)
async def test_a_mail_whose_answer_was_lost_comes_again_and_is_recognised(
    proxy: Toxiproxy, what: Toxic
) -> None:
    """The server has it before the network fails: nobody can ask it whether it has."""
    remembered = Remembered()
    async with mail_server() as post, proxy.network_to(post.port) as network:
        post.waits_for = asyncio.Event()
        sending = carrier(network.port, deliveries=remembered, time_limit="2s")
        first = asyncio.create_task(sending.send(message()))
        await post.has_come.wait()
        await network.suffer(what)
        post.waits_for.set()
        with pytest.raises(NotTaken):
            await first
        assert remembered.settlements == {}
        await network.recover(what)
        assert await carrier(network.port, deliveries=remembered).send(message()) == 1
    one, two = post.mails()
    assert one["Message-ID"] == two["Message-ID"]


@pytest.mark.parametrize(
    "what", [SLOW, NARROW, SLICED, toxic("slicer", Stream.TO_SERVER, average_size=3, delay=100)], ids=str
)
async def test_a_slow_or_sliced_mail_arrives_once_and_whole(proxy: Toxiproxy, what: Toxic) -> None:
    async with mail_server() as post, proxy.network_to(post.port) as network, network.suffering(what):
        assert await carrier(network.port).send(message()) == 1
    (mail,) = post.mails()
    assert mail.get_content().splitlines() == ["Your account is about to close."]
