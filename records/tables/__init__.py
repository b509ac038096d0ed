"""The tables of the closure record. Migrations build them; `make test` compares the two."""

from records.tables.base import metadata
from records.tables.closures import (
    record_acts,
    record_claims,
    record_closures,
    record_items,
    record_losses,
    record_plans,
    record_settlements,
    record_steps,
)
from records.tables.evidence import record_certificates, record_erasures, record_events
from records.tables.identity import record_account_keys, record_challenges, record_guesses, record_proofs
from records.tables.installation import record_brakes, record_installation, record_lookbacks, record_policies
from records.tables.service import (
    record_deliveries,
    record_idempotency,
    record_web_links,
    record_web_sessions,
)

__all__ = [
    "metadata",
    "record_account_keys",
    "record_acts",
    "record_brakes",
    "record_certificates",
    "record_challenges",
    "record_claims",
    "record_closures",
    "record_deliveries",
    "record_erasures",
    "record_events",
    "record_guesses",
    "record_idempotency",
    "record_installation",
    "record_items",
    "record_lookbacks",
    "record_losses",
    "record_plans",
    "record_policies",
    "record_proofs",
    "record_settlements",
    "record_steps",
    "record_web_links",
    "record_web_sessions",
]
