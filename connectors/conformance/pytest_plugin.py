"""The rules as tests of an implementation.

In the ``conftest.py``: ``pytest_plugins = ["connectors.conformance.pytest_plugin"]``, and a fixture
``conformance_subject`` that yields a `ConformanceSubject`. Then one test is a test for every rule::

    async def test_it_keeps_the_rules_of_the_ports(conformance: Conformance) -> None:
        await conformance.require()

It runs under pytest-asyncio with ``asyncio_mode = auto``. A rule that doesn't apply is skipped, with its
reason.
"""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from connectors.conformance.rule import Rule
from connectors.conformance.rules import RULES
from connectors.conformance.running import PATIENCE, Verdict, try_rules
from connectors.conformance.subject import ConformanceSubject


@dataclass(frozen=True)
class Conformance:
    """One rule at the implementation of the fixture ``conformance_subject``."""

    subject: ConformanceSubject
    rule: Rule

    async def require(self, patience: timedelta = PATIENCE) -> None:
        """Fails the test where the rule is broken."""
        async for finding in try_rules(self.subject, [self.rule], patience):
            if finding.verdict is Verdict.NOT_APPLICABLE:
                pytest.skip(finding.reason or "")
            assert finding.verdict is Verdict.PASSED, f"{finding.says}: {finding.reason}"


@pytest.fixture(params=RULES, ids=[each.name for each in RULES])
def conformance(request: pytest.FixtureRequest, conformance_subject: ConformanceSubject) -> Conformance:
    """Each rule in turn."""
    return Conformance(conformance_subject, request.param)
