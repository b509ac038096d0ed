"""`python -m connectors.http.serve`: serves the embedded platform under the contract, until SIGTERM."""

import asyncio
import signal
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

import structlog
import typer
import uvicorn
from pydantic import ValidationError
from starlette.types import ASGIApp

from connectors.embedded import MIGRATIONS, embedded_platform
from connectors.http.bundle import signing_keys
from connectors.http.operations import VERSION_PATH
from connectors.http.serving.application import GRACE, platform_application
from connectors.http.settings import HttpSettings, HttpSettingsFault, is_loopback, read_settings
from connectors.http.signatures import Verifier
from database import Database, DatabaseUnreachable, SchemaMismatch, parse_url, require_current
from log_output import configure_logging
from program_exit import leave, refuse_to_start
from settings import Settings, setting_fault

logger = structlog.stdlib.get_logger("connectors.http")
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def main() -> None:
    """Serves the embedded platform under the contract connectors/http/openapi.yaml until SIGTERM or SIGINT.

    Where it listens and who may call is said by CLOSURE_HTTP_ADDRESS and CLOSURE_HTTP_KEYS_FILE.
    """
    try:
        settings, http_settings = Settings(), read_settings()
        configure_logging(settings.log_format)
        asyncio.run(_serve(settings, http_settings))
    except (HttpSettingsFault, DatabaseUnreachable, SchemaMismatch) as fault:
        refuse_to_start(str(fault))
    except ValidationError as error:
        refuse_to_start(setting_fault(error))
    leave(0)


async def _serve(settings: Settings, http_settings: HttpSettings) -> None:
    verifier = Verifier(
        signing_keys(http_settings.keys_file).find, http_settings.replay_window.total_seconds(), time.time
    )
    try:
        parse_url(settings.database_url)
    except ValueError as error:
        raise HttpSettingsFault(f"CLOSURE_DATABASE_URL: {error}") from error
    database = Database(settings.database_url)
    try:
        await require_current(database, MIGRATIONS)
        application = platform_application(
            embedded_platform(database), verifier, answer_within=http_settings.answer_within
        )
        await _serve_until_stopped(application, http_settings.address)
    finally:
        await database.dispose()


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn raises them again when it has ended, and the process would die."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def _serve_until_stopped(application: ASGIApp, address: str) -> None:
    server = _Server(
        uvicorn.Config(
            application,
            access_log=False,  # ids stand in queries
            log_config=None,
            server_header=False,
            proxy_headers=False,
            lifespan="on",
            timeout_graceful_shutdown=int(GRACE.total_seconds()),
        )
    )

    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    with _listening(address) as listening:
        host, port = listening.getsockname()[:2]
        logger.info("platform is served", url=f"http://{address.rpartition(':')[0]}:{port}{VERSION_PATH}")
        if not is_loopback(host):
            logger.warning("others may listen to what is said here: put it behind TLS")
        await server.serve(sockets=[listening])
    logger.info("platform is served no more")


def _listening(address: str) -> socket.socket:
    parts = urlsplit(f"//{address}")
    try:
        (family, *_, found), *_ = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)
        return socket.create_server(found[:2], family=family)
    except OSError as error:
        raise HttpSettingsFault(
            f"setting CLOSURE_HTTP_ADDRESS: {address} can't be listened on: {error.strerror or error}"
        ) from error


if __name__ == "__main__":
    app(prog_name="python -m connectors.http.serve")
