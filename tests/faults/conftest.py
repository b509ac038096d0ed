import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from closure.policy import Policy
from tests.faults.casualties import Choice, Undisturbed, Ward, undisturbed
from tests.faults.scenes import SCENES, Scene
from tests.harness.fixtures import installation, installations, policies, server_databases, template_database
from tests.harness.hurry import hurried
from tests.harness.installation import InstallationBuilder

__all__ = ["installation", "installations", "policies", "server_databases", "template_database"]


@pytest.fixture(scope="session")
def seed() -> int:
    """Which fault points are drawn: another with FAULT_SEED=…; shown with every failure."""
    return int(os.environ.get("FAULT_SEED", "20261124"))


@pytest.fixture(scope="session")
def hurried_installations(
    client: Client,
    policies: dict[str, Policy],
    template_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> InstallationBuilder:
    """Installations in which a dead worker is given up after seconds."""
    return InstallationBuilder(
        hurried(client), policies, template_database, tmp_path_factory.mktemp("faults")
    )


@pytest.fixture(scope="session")
async def undisturbed_scenes(
    hurried_installations: InstallationBuilder, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Undisturbed]:
    """Every scene as it goes when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("journals")
    return {name: await undisturbed(hurried_installations, scene, folder) for name, scene in SCENES.items()}


@pytest.fixture(scope="session")
async def ward(
    request: pytest.FixtureRequest,
    hurried_installations: InstallationBuilder,
    undisturbed_scenes: dict[str, Undisturbed],
    seed: int,
) -> AsyncIterator[Ward]:
    """Begins with the points of all chosen tests at once, so that their waits overlap."""
    ward = Ward(hurried_installations)
    for item in request.session.items:
        parameters = (
            item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        )
        scene, choice = parameters.get("scene"), parameters.get("choice")
        if isinstance(scene, Scene) and isinstance(choice, Choice):
            points = undisturbed_scenes[scene.name].points
            if any(map(choice.fits, points)):
                ward.admit(scene, choice.among(points, seed, scene)[0])
    yield ward
    await ward.empty()
