"""The platform's tables. What is personal is in rows that `close` deletes or blanks; never in the ledger."""

from connectors.embedded.tables.base import GROUND_LENGTH, ID_LENGTH, KEY_LENGTH, metadata
from connectors.embedded.tables.customers import (
    accounts,
    api_keys,
    holds,
    logins,
    service_roles,
    sessions,
    users,
)
from connectors.embedded.tables.deeds import Effect, effects, outbox
from connectors.embedded.tables.ledger import LedgerKind, ledger_accounts, ledger_movements, ledger_postings
from connectors.embedded.tables.money import RefundAnswer, bills, credit_notes, dues, payments, refunds
from connectors.embedded.tables.owned import OWNED
from connectors.embedded.tables.things import (
    bindings,
    data_stores,
    domains,
    icp_filings,
    relationships,
    resource_dependencies,
    resources,
    subscriptions,
)

__all__ = [
    "GROUND_LENGTH",
    "ID_LENGTH",
    "KEY_LENGTH",
    "OWNED",
    "Effect",
    "LedgerKind",
    "RefundAnswer",
    "accounts",
    "api_keys",
    "bills",
    "bindings",
    "credit_notes",
    "data_stores",
    "domains",
    "dues",
    "effects",
    "holds",
    "icp_filings",
    "ledger_accounts",
    "ledger_movements",
    "ledger_postings",
    "logins",
    "metadata",
    "outbox",
    "payments",
    "refunds",
    "relationships",
    "resource_dependencies",
    "resources",
    "service_roles",
    "sessions",
    "subscriptions",
    "users",
]
