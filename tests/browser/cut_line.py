"""A line between browser and server that can be cut: what a restart or a bad network does to open pages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

from tests.harness.waiting import PATIENCE

_CHUNK: Final = 65_536
_HOST: Final = "127.0.0.1"


class CutLine:
    """Passes bytes on, as long as it is whole. Each connection is noted by what it asks for."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._port = 0
        self._listening: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._asked: asyncio.Queue[str] = asyncio.Queue()

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self._port}"

    async def mend(self, url: str | None = None) -> None:
        """Connections come through again at the address that they had; to another server where told."""
        if url is not None:
            self._target_port = _port_of(url)
        self._listening = await asyncio.start_server(self._pass_on, _HOST, self._port)
        self._port = self._listening.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Whatever is open ends at once, and nothing new comes through."""
        assert self._listening is not None
        self._listening.close()
        for end in tuple(self._ends):
            end.transport.abort()

    async def until_asked(self, path: str) -> None:
        """Waits for a request for what begins so, made since the last one that was waited for."""
        async with asyncio.timeout(PATIENCE.total_seconds()):
            while not (await self._asked.get()).startswith(path):
                pass

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(_HOST, self._target_port)
        ends = {writer, back}
        self._ends |= ends
        try:
            await asyncio.gather(
                self._copy(reader, back, is_asking=True), self._copy(there, writer, is_asking=False)
            )
        finally:
            self._ends -= ends
            for end in ends:
                end.close()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_asking: bool
    ) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK):
                if is_asking and chunk.startswith(b"GET "):
                    self._asked.put_nowait(chunk.split(b" ", 2)[1].decode("ascii"))
                writer.write(chunk)
                await writer.drain()
            writer.close()


@asynccontextmanager
async def cut_line(url: str) -> AsyncIterator[CutLine]:
    """A whole line to the server at `url`."""
    line = CutLine(_port_of(url))
    await line.mend()
    try:
        yield line
    finally:
        await line.cut()


def _port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port
