"""A web service in this process, as it is served to browsers: as many times as a test wants one."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import uvicorn

from closure.policy import Approval, CoolOff, Policy
from connectors.embedded import embedded_platform
from database import Database, DatabaseUnreachable
from database.database import Result, Work
from records.record import Record
from tests.browser.site import APPROVING, COOLING, Site
from tests.harness.installation import TestInstallation, with_durations
from web.application import web_application
from web.rate_limits import RateLimit
from web.service import WebService
from web.token_file import TokenFile

_UNLIMITED: Final = RateLimit(at_once=1_000_000, per_second=1_000)


def more_policies(policy: Policy) -> dict[str, Policy]:
    """What a policy can ask for and neither of the shipped ones does, each by a provider of its own."""
    cooling = with_durations(
        policy, name=COOLING, provider=COOLING, cool_off=CoolOff(duration=timedelta(days=14))
    )
    approval = Approval(roles=("main",), balance_above={"default": "100"})
    approving = with_durations(policy, name=APPROVING, provider=APPROVING, approval=approval)
    return {each.name: each for each in (cooling, approving)}


@asynccontextmanager
async def served(installation: TestInstallation, folder: Path) -> AsyncIterator[Site]:
    """One web service over the installation, at an address of its own; it ends as at a restart."""

    async def answers() -> None:
        await installation.client.count_workflows()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        service = WebService(
            closures=installation.closures,
            platform=installation.platform,
            record=installation.client_record,
            tokens=TokenFile(folder / "tokens.json"),
            url=f"http://127.0.0.1:{listening.getsockname()[1]}",
            require_temporal=answers,
            run_url=lambda _workflow_id, _run_id: None,
            by_account=_UNLIMITED,
            by_address=_UNLIMITED,
        )
        application = web_application(service, {"127.0.0.1"})
        server = uvicorn.Server(
            uvicorn.Config(application, log_config=None, lifespan="off", timeout_graceful_shutdown=5)
        )
        running = asyncio.create_task(server._serve(sockets=[listening]))
        try:
            yield Site(installation, service)
        finally:
            service.stopping.set()
            server.should_exit = True
            await running


class FarDatabase(Database):
    """A database that can't be reached while `is_away`."""

    is_away = False

    async def read(self, work: Work[Result]) -> Result:
        self._require_reachable()
        return await super().read(work)

    async def write(self, work: Work[Result]) -> Result:
        self._require_reachable()
        return await super().write(work)

    def beside(self) -> Database:
        """The same one, so that it is away for every room at once."""
        return self

    def _require_reachable(self) -> None:
        if self.is_away:
            raise DatabaseUnreachable("the database is away")


@asynccontextmanager
async def from_afar(installation: TestInstallation) -> AsyncIterator[tuple[TestInstallation, FarDatabase]]:
    """The installation as one comes to it by a line of one's own to its database."""
    far = FarDatabase(installation.database.url.render_as_string(hide_password=False))
    record = Record(far, installation.record.installation)
    try:
        yield replace(installation, client_record=record, platform=embedded_platform(far)), far
    finally:
        await far.dispose()
