"""A policy's checks: what they look at, and what becomes of what they find."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from closure.accounts import (
    RelationshipRole,
    RelationshipType,
)
from closure.messages import Becomes
from closure.model import Model
from closure.money import Money
from closure.policy_texts import Link, Text

POLICY_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")
RULE: Final = r"^[A-Z]{1,4}[0-9]{1,3}$"

Name = Annotated[str, Field(pattern=f"^{POLICY_NAME.pattern}$")]


class Inspects(StrEnum):
    """What a check looks at."""

    BILLS = "bills"
    CREDIT_NOTES = "credit_notes"
    BALANCE = "balance"
    DEBT = "debt"
    RESOURCES = "resources"
    SUBSCRIPTIONS = "subscriptions"
    DOMAINS = "domains"
    ICP_FILINGS = "icp_filings"
    RELATIONSHIPS = "relationships"


BECOMES_OF_ITSELF: dict[Inspects, Becomes] = {
    Inspects.BILLS: Becomes.STAYS_DUE,
    Inspects.CREDIT_NOTES: Becomes.STAYS_DUE,
    Inspects.BALANCE: Becomes.STAYS_DUE,
    Inspects.DEBT: Becomes.STAYS_DUE,
    Inspects.RESOURCES: Becomes.RELEASED,
    Inspects.SUBSCRIPTIONS: Becomes.RELEASED,
    Inspects.DOMAINS: Becomes.LEFT_BEHIND,
    Inspects.ICP_FILINGS: Becomes.LEFT_BEHIND,
    Inspects.RELATIONSHIPS: Becomes.LEFT_BEHIND,
}
"""What a policy that was pinned before it had to say so leaves."""


class Disposition(StrEnum):
    """Who can deal with what a check finds."""

    MANUAL = "manual"
    RENOUNCEABLE = "renounceable"
    BY_THING = "by_thing"
    """As the thing's own `renounceable` flag says."""
    WITHIN_LIMIT = "within_limit"
    """Renounceable up to the limit, the limit included; manual above it."""


class Where(Model):
    """Narrows a check of relationships; without a role, every role matches."""

    type: RelationshipType
    role: RelationshipRole | None = None

    def matches(self, type: RelationshipType, role: RelationshipRole | None) -> bool:
        return self.type is type and self.role in (None, role)


class Check(Model):
    """One rule that inspects one thing. `rule` is its number in the provider's procedure.

    `limits` are decimal strings in major units by settlement currency; `default` serves the others.
    `how_to` tells what to do here; `how_to_manual` what to do elsewhere, where a finding can be either.
    `link` leads there; it may name what the texts may name.
    """

    id: Name
    rule: str = Field(pattern=RULE)
    inspects: Inspects
    disposition: Disposition
    limits: Mapping[str, str] = {}
    where: Where | None = None
    title: Text
    how_to: Text
    how_to_manual: Text | None = None
    link: Link | None = None

    def limit(self, currency: str) -> Money | None:
        """The limit in `currency`; None without limits."""
        if not self.limits:
            return None
        return Money.parse(self.limits.get(currency, self.limits["default"]), currency)
