"""Accounts under Twilio's procedure, and what can be seen of them."""

from collections.abc import Mapping, Sequence
from typing import cast
from uuid import uuid4

from sqlalchemy import Connection

from closure.events import EventType
from connectors.embedded import tables
from connectors.embedded.ledger import LedgerAccount, balance, provider_account, sum_of_postings
from connectors.embedded.refunds import play_answer
from connectors.embedded.tables import LedgerKind, RefundAnswer
from tests.harness.account_driver import AccountDriver
from tests.harness.accounts import load_account
from tests.harness.installation import TestInstallation
from tests.harness.waiting import eventually

OPENING = ("closure_opened", "closure_confirmed")
"""What is told of every closure before the account has stopped."""
WORDS = ("DELETE ALL ACCOUNT DATA AND SETTINGS",)
"""T9"""


async def twilio_account(
    installation: TestInstallation, *, subaccounts: Sequence[Mapping[str, object]] = (), **account: object
) -> AccountDriver:
    """Loads an upgraded account with its subaccounts, which are whole accounts of their own."""
    account_id = str(account.get("id", f"acct-{uuid4().hex[:10]}"))
    common = {"provider": "twilio", "kind": "upgraded", "currency": account.get("currency", "USD")}
    deeper = {name for each in subaccounts for name in cast("Sequence[str]", each.get("subaccounts", ()))}
    loaded = {
        **common,
        "id": account_id,
        "users": [
            {"id": "u-1", "role": "owner", "email": f"owner@{account_id}.example", "phone": "+15550100"},
            {"id": "u-2", "role": "administrator", "email": f"admin@{account_id}.example"},
        ],
        **account,
        "subaccounts": [each["id"] for each in subaccounts if each["id"] not in deeper],
    }
    await load_account(installation.database, loaded, *({**common, **each} for each in subaccounts))
    return AccountDriver(installation, account_id, "twilio")


async def retained(closing: AccountDriver) -> AccountDriver:
    """Confirmed: the account has stopped, its data is kept."""
    await closing.retained(acknowledgements=WORDS)
    return closing


def account_of(installation: TestInstallation, account_id: str) -> AccountDriver:
    """Another account of the installation, as a subaccount is."""
    return AccountDriver(installation, account_id, "twilio")


async def answer(closing: AccountDriver, said: RefundAnswer) -> None:
    """The payment provider answers so, and somebody has the closure look at once."""
    await play_answer(closing.installation.database, closing.account_id, said)
    await closing.handle.signal("recheck")


async def told(closing: AccountDriver, event: EventType) -> None:
    """Waits until the customer has been told of this turn of the refund, by e-mail and text message."""
    await eventually(
        closing.templates, lambda templates: templates.count(event.value) == 2, f"messages {event.value}"
    )


async def turns(closing: AccountDriver) -> list[str]:
    """What the owner was told, each once by e-mail and once by text message, in order."""
    templates = await closing.templates()
    assert templates[::2] == templates[1::2], templates
    return templates[::2]


async def money(closing: AccountDriver) -> dict[str, int]:
    """Where the account's and the provider's money is, in minor units; checks that nothing is lost."""
    (account,) = await closing.rows(tables.accounts)
    currency = str(account["currency"])
    where = {
        "cash": LedgerAccount(closing.account_id, LedgerKind.CASH, currency),
        "promo": LedgerAccount(closing.account_id, LedgerKind.PROMO, currency),
        "under way": provider_account(LedgerKind.REFUNDS, currency),
        "outside": provider_account(LedgerKind.EXTERNAL_PAYMENTS, currency),
    }

    def read(connection: Connection) -> dict[str, int]:
        assert sum_of_postings(connection) == 0
        return {name: balance(connection, account).minor for name, account in where.items()}

    return await closing.installation.database.read(read)
