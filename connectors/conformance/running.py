"""Tries rules at an implementation, and says what became of each."""

from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Final

from closure.model import Model
from connectors.conformance.rule import Broken, Rule, Trial
from connectors.conformance.subject import ConformanceSubject, NotOffered

PATIENCE: Final = timedelta(seconds=60)
"""For one answer, and until what was accepted is done."""


class Verdict(StrEnum):
    PASSED = "pass"
    FAILED = "fail"
    NOT_APPLICABLE = "n/a"


class Finding(Model):
    """What became of one rule; `reason` says why it failed or does not apply."""

    rule: str
    says: str
    verdict: Verdict
    reason: str | None = None


async def try_rules(
    subject: ConformanceSubject,
    rules: Iterable[Rule],
    patience: timedelta = PATIENCE,
    *,
    only_reading: bool = False,
) -> AsyncIterator[Finding]:
    """One finding for each rule, in their order; `only_reading` leaves out those that change the account."""
    for rule in rules:
        if only_reading and rule.changes:
            found: tuple[Verdict, str | None] = (Verdict.NOT_APPLICABLE, "tried with --destructive only")
        else:
            found = await _verdict(subject, rule, patience)
        verdict, reason = found
        yield Finding(rule=rule.name, says=rule.says, verdict=verdict, reason=reason)


async def _verdict(
    subject: ConformanceSubject, rule: Rule, patience: timedelta
) -> tuple[Verdict, str | None]:
    try:
        account = await subject.open_account(rule.wants)
        await rule.check(Trial.of(subject, account, patience))
    except NotOffered as missing:
        return Verdict.NOT_APPLICABLE, str(missing)
    except Broken as broken:
        return Verdict.FAILED, str(broken)
    except Exception as error:  # noqa: BLE001 - whatever an implementation raises is its verdict
        text = " ".join(str(error).split())
        return Verdict.FAILED, f"raised {type(error).__name__}{f': {text}' if text else ''}"
    return Verdict.PASSED, None
