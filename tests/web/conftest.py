"""The API over a running installation, as a console calls it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from temporalio.client import Client

from closure.messages import IdentityMethod
from closure.policy import Approval, Policy
from tests.harness.databases import ServerDatabases
from tests.harness.fixtures import installation, installations, policies, server_databases, template_database
from tests.harness.installation import InstallationBuilder, TestInstallation, with_durations
from tests.web.api_driver import ApiDriver, opened_api
from web.rate_limits import RateLimit

UNHURRIED: Final = {"by_address": RateLimit(at_once=1_000_000, per_second=1_000)}

__all__ = ["installation", "installations", "policies", "server_databases", "template_database"]


@pytest.fixture
async def api(installation: TestInstallation, tmp_path: Path) -> AsyncIterator[ApiDriver]:
    """The API of a running installation, called with a token for everything."""
    async with opened_api(installation, tmp_path / "tokens.json") as opened:
        yield opened


@pytest.fixture
async def still(installations: InstallationBuilder, tmp_path: Path) -> AsyncIterator[ApiDriver]:
    """An installation without a worker: for what needs no closure, such as looking at accounts."""
    async with (
        installations.open(with_worker=False) as installation,
        opened_api(installation, tmp_path / "tokens.json") as opened,
    ):
        yield opened


@pytest.fixture(scope="session")
async def pages(
    client: Client,
    policies: dict[str, Policy],
    template_database: Path,
    server_databases: ServerDatabases | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[ApiDriver]:
    """One installation for all tests of pages: each test has accounts of its own."""
    folder = tmp_path_factory.mktemp("pages")
    builder = InstallationBuilder(client, policies, template_database, folder, server=server_databases)
    async with builder.open() as opened, opened_api(opened, folder / "tokens.json", **UNHURRIED) as there:
        yield there


@pytest.fixture(scope="session")
async def careful_pages(
    client: Client,
    policies: dict[str, Policy],
    template_database: Path,
    server_databases: ServerDatabases | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[ApiDriver]:
    """The same under a policy with every option: the console's word, a phrase, a second person's yes."""
    folder = tmp_path_factory.mktemp("careful")
    twilio = policies["twilio"]
    methods = (IdentityMethod.SESSION, IdentityMethod.PASSWORD)
    careful = with_durations(
        twilio,
        identity=twilio.identity.model_copy(update={"methods": methods}),
        typed_phrase="close {account_id}",
        approval=Approval(roles=("administrator",), balance_above={"default": "1000"}),
    )
    builder = InstallationBuilder(
        client, {**policies, "twilio": careful}, template_database, folder, server=server_databases
    )
    async with builder.open() as opened, opened_api(opened, folder / "tokens.json", **UNHURRIED) as there:
        yield there
