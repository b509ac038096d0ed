"""Networks that fail as a test says: Toxiproxy between a caller and a server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from uuid import uuid4

import httpx2

from local.ports import HOST
from tests.harness.go_programs import TOXIPROXY, running


class Stream(StrEnum):
    TO_SERVER = "upstream"
    TO_CALLER = "downstream"


@dataclass(frozen=True)
class Toxic:
    """What the network does to one direction of every connection, those that are open included."""

    type: str
    stream: Stream = Stream.TO_CALLER
    attributes: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        return "-".join((self.type, self.stream, *(str(value) for _, value in self.attributes)))


def toxic(type: str, stream: Stream = Stream.TO_CALLER, **attributes: int) -> Toxic:
    return Toxic(type, stream, tuple(attributes.items()))


ANSWER_LOST = toxic("limit_data", bytes=0)
"""What was asked arrives; the connection breaks in place of the answer."""
ANSWER_CUT = toxic("limit_data", bytes=40)
"""As before, in the middle of the answer's headers."""
HALF_OPEN = toxic("timeout", timeout=0)
"""What was asked arrives, and then there is silence."""
UNHEARD = toxic("timeout", Stream.TO_SERVER, timeout=0)
"""Nothing arrives, and nothing says so."""
RESET = toxic("reset_peer", Stream.TO_SERVER, timeout=0)
RESET_AT_ANSWER = toxic("reset_peer", timeout=0)
SLOW = toxic("latency", latency=150, jitter=50)
NARROW = toxic("bandwidth", rate=4)
"""4 KB a second."""
SLICED = toxic("slicer", average_size=3, size_variation=2, delay=100)
"""Pieces of 1 to 5 bytes, each 0.1 ms after the one before."""


@dataclass(frozen=True)
class Network:
    """The way to one server: its own is `port` of this computer."""

    name: str
    port: int
    _http: httpx2.AsyncClient

    async def suffer(self, what: Toxic) -> None:
        """From the moment that this returns; until `recover`."""
        body = {
            "name": str(what),
            "type": what.type,
            "stream": what.stream.value,
            "attributes": dict(what.attributes),
        }
        (await self._http.post(f"/proxies/{self.name}/toxics", json=body)).raise_for_status()

    async def recover(self, what: Toxic) -> None:
        """Connections that it has broken stay broken."""
        (await self._http.delete(f"/proxies/{self.name}/toxics/{what}")).raise_for_status()

    @asynccontextmanager
    async def suffering(self, what: Toxic) -> AsyncIterator[None]:
        await self.suffer(what)
        yield
        await self.recover(what)

    async def refuse(self) -> None:
        """Nobody listens any more, and every connection breaks; until `listen`."""
        await self._is_enabled(False)

    async def listen(self) -> None:
        await self._is_enabled(True)

    async def _is_enabled(self, enabled: bool) -> None:
        (await self._http.post(f"/proxies/{self.name}", json={"enabled": enabled})).raise_for_status()


@dataclass(frozen=True)
class Toxiproxy:
    _http: httpx2.AsyncClient

    @asynccontextmanager
    async def network_to(self, port: int) -> AsyncIterator[Network]:
        """A sound one to a server on this computer."""
        name = uuid4().hex
        body = {"name": name, "listen": f"{HOST}:0", "upstream": f"{HOST}:{port}"}
        made = (await self._http.post("/proxies", json=body)).raise_for_status()
        try:
            yield Network(name, int(made.json()["listen"].rpartition(":")[2]), self._http)
        finally:
            (await self._http.delete(f"/proxies/{name}")).raise_for_status()


@asynccontextmanager
async def toxiproxy(folder: Path) -> AsyncIterator[Toxiproxy]:
    """The program, with its log in the folder."""
    async with (
        running(
            TOXIPROXY,
            folder / "toxiproxy.log",
            lambda ports: ["-host", HOST, "-port", str(ports[0])],
            alive="/version",
        ) as (port, _),
        httpx2.AsyncClient(base_url=f"http://{HOST}:{port}", trust_env=False) as http,
    ):
        yield Toxiproxy(http)
