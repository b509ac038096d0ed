"""The embedded platform behind the HTTP contract keeps the rules of the ports, too."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from connectors.conformance.embedded import EmbeddedSubject
from connectors.conformance.pytest_plugin import Conformance, conformance
from database import Database
from tests.harness.served_platform import ServedPlatform, running_server

__all__ = ["conformance"]


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[ServedPlatform]:
    async with running_server() as server:
        yield server


@pytest.fixture
async def conformance_subject(
    trial_database: Database, served: ServedPlatform
) -> AsyncIterator[EmbeddedSubject]:
    subject = EmbeddedSubject(trial_database, served.over)
    yield subject
    await subject.aclose()


async def test_a_platform_over_http_keeps_the_rule(conformance: Conformance) -> None:
    await conformance.require(timedelta(seconds=20))
