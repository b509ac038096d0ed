"""The rules of the ports: the embedded platform keeps them, and each variant that breaks one is caught."""

from datetime import timedelta

import pytest

from connectors.conformance.embedded import EmbeddedSubject
from connectors.conformance.faulty import VARIANTS
from connectors.conformance.pytest_plugin import Conformance, conformance
from connectors.conformance.rules import RULES
from connectors.conformance.running import Verdict, try_rules
from connectors.conformance.variant import Variant
from database import Database

__all__ = ["conformance"]

PATIENCE = timedelta(seconds=20)
SHORT = timedelta(milliseconds=300)
"""For what never comes."""


async def test_the_embedded_platform_keeps_the_rule(conformance: Conformance) -> None:
    await conformance.require(PATIENCE)


@pytest.mark.parametrize("variant", VARIANTS, ids=[each.name.replace(" ", "-") for each in VARIANTS])
async def test_a_variant_that_breaks_the_rule_is_caught(trial_database: Database, variant: Variant) -> None:
    subject = EmbeddedSubject(trial_database, variant.over)
    (rule,) = [each for each in RULES if each.name == variant.breaks]
    (finding,) = [each async for each in try_rules(subject, [rule], SHORT)]
    assert finding.verdict is Verdict.FAILED, finding


def test_each_rule_has_a_name_of_its_own_and_says_something() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.says for rule in RULES)
