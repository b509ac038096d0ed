"""The API behind a real server in this process: for what a transport without a network can't show."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import uvicorn

from tests.web.api_driver import ApiDriver
from web.application import web_application


@asynccontextmanager
async def live(api: ApiDriver) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the same service, with the same token, over the network."""
    application = web_application(api.service, {"127.0.0.1"})
    server = uvicorn.Server(
        uvicorn.Config(application, log_config=None, lifespan="off", timeout_graceful_shutdown=5)
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = asyncio.create_task(server._serve(sockets=[listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        headers = {"Authorization": api.http.headers["authorization"]}
        async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=30, trust_env=False) as http:
            yield http
        api.service.stopping.set()
        server.should_exit = True
        await running
