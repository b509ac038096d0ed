"""An installation as a provider runs it: nobody's clock is believed but the database's."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from temporalio.client import Client

from closure.events import EventType
from closure.installation import InstallationKind
from closure.lifecycle import Stage
from closure.policy import CoolOff, Policy
from connectors.embedded.holds import hold
from tests.harness.account_driver import AccountDriver
from tests.harness.databases import prepare_template
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.waiting import eventually
from tests.security.stranger import Stranger

A_MOMENT: Final = timedelta(seconds=1)
A_FEW_MOMENTS: Final = timedelta(seconds=3)
A_LONG_TIME: Final = timedelta(days=7)

ENTERING_SLOWLY: Final = "entering-slowly"
SILENT_SOON: Final = "silent-soon"
SILENT_BRIEFLY: Final = "silent-briefly"
COOLING: Final = "cooling"


def with_soon_reached_stages(policies: Mapping[str, Policy]) -> dict[str, Policy]:
    """The real policies, and some that reach a stage within seconds and then stay there for days."""
    real = policies["alibaba-cloud"]
    changed: dict[str, dict[str, object]] = {
        ENTERING_SLOWLY: {"entering_duration": A_LONG_TIME},
        SILENT_SOON: {"entering_duration": A_MOMENT, "silent_period": A_LONG_TIME},
        SILENT_BRIEFLY: {"entering_duration": A_MOMENT, "silent_period": A_FEW_MOMENTS},
        COOLING: {"cool_off": CoolOff(duration=A_LONG_TIME, reminders=(timedelta(days=1),))},
    }
    return {
        **policies,
        **{name: real.model_copy(update={"name": name, **changes}) for name, changes in changed.items()},
    }


@pytest.fixture(scope="session")
async def production_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a production installation without rows of accounts."""
    file = tmp_path_factory.mktemp("production") / "accounts.db"
    return await prepare_template(file, InstallationKind.PRODUCTION)


@pytest.fixture
def productions(
    client: Client, policies: dict[str, Policy], production_template: Path, tmp_path: Path
) -> InstallationBuilder:
    """Builds production installations."""
    return InstallationBuilder(client, with_soon_reached_stages(policies), production_template, tmp_path)


@dataclass(frozen=True)
class Production:
    """A production installation, and what its platform can be made to do."""

    installation: TestInstallation
    weather: Weather


@pytest.fixture
async def production(productions: InstallationBuilder) -> AsyncIterator[Production]:
    weather = Weather()
    async with productions.open(platforms=weather.over) as installation:
        yield Production(installation, weather)


# Closures in every stage that can be reached while nobody skips time.


async def blocked(production: Production) -> AccountDriver:
    closing = await production.installation.account(balance={"cash": "5.00"})
    assert (await closing.close()).stage is Stage.BLOCKED
    return closing


async def ready(production: Production) -> AccountDriver:
    closing = await production.installation.account(
        resources=[{"id": "vm", "product": "ecs", "renounceable": True}]
    )
    await closing.ready()
    return closing


async def cooling_off(production: Production) -> AccountDriver:
    closing = await production.installation.account()
    await closing.ready(policy=COOLING)
    assert (await closing.confirm()).stage is Stage.COOLING_OFF
    return closing


async def entering(production: Production) -> AccountDriver:
    closing = await production.installation.account()
    await closing.ready(policy=ENTERING_SLOWLY)
    assert (await closing.confirm()).stage is Stage.ENTERING
    await closing.until_event(EventType.ACCESS_STOPPED)
    return closing


async def silent(production: Production) -> AccountDriver:
    closing = await production.installation.account(
        data=[{"id": "oss-1", "store": "object-storage", "objects": 7}]
    )
    await closing.ready(policy=SILENT_SOON)
    await closing.confirm()
    await closing.until(Stage.SILENT)
    return closing


async def final_check(production: Production) -> AccountDriver:
    """A legal hold keeps it there."""
    closing = await production.installation.account()
    await closing.ready(policy=SILENT_BRIEFLY)
    await closing.confirm()
    await closing.until_event(EventType.ACCESS_STOPPED)  # the silence itself is soon over
    await hold(production.installation.database, closing.account_id, "case 7")
    await closing.until(
        lambda document: document.stage is Stage.FINAL_CHECK and document.waiting_for is not None
    )
    return closing


async def retained(production: Production) -> AccountDriver:
    """Thirty days."""
    closing = await production.installation.account(
        provider="twilio",
        kind="upgraded",
        users=[{"id": "u-1", "role": "owner", "email": "owner@example.com"}],
        balance={"cash": "10.00"},
        data=[{"id": "logs", "store": "logs", "objects": 7}],
    )
    await closing.retained(acknowledgements=closing.policy.acknowledgements["upgraded"])
    await closing.until_event(EventType.REFUND_STARTED)
    await eventually(
        lambda: Stranger(production.installation).pending_activities(closing.workflow_id),
        lambda pending: not pending,
        "the end of the look at the refund",
    )
    return closing


REACHING: Final[Mapping[Stage, Callable[[Production], Awaitable[AccountDriver]]]] = {
    Stage.BLOCKED: blocked,
    Stage.READY: ready,
    Stage.COOLING_OFF: cooling_off,
    Stage.ENTERING: entering,
    Stage.SILENT: silent,
    Stage.FINAL_CHECK: final_check,
    Stage.RETAINED: retained,
}
