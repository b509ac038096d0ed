"""What goes with an account."""

from connectors.embedded.tables.customers import api_keys, service_roles, sessions, users
from connectors.embedded.tables.money import bills, credit_notes, payments
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

# What a customer's account consists of besides money and messages; children first.
OWNED = (
    resource_dependencies,
    resources,
    subscriptions,
    domains,
    icp_filings,
    relationships,
    bindings,
    data_stores,
    api_keys,
    sessions,
    service_roles,
    bills,
    credit_notes,
    payments,
    users,
)
