"""Closures of every kind from beginning to end, each act and effect in them at least once."""

import re
from uuid import uuid4

from client import ProofOfIdentity
from closure.accounts import BillStatus
from closure.errors import RefusalType
from closure.lifecycle import Stage
from closure.messages import IdentityMethod
from connectors.embedded import tables
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.installation import TestInstallation
from tests.harness.twilio import WORDS, account_of, twilio_account
from tests.harness.waiting import BEYOND

THINGS: dict[str, object] = {
    "balance": {"cash": "5.00", "promo": "3.00"},
    "resources": [
        {"id": "disk", "product": "ecs", "renounceable": True},
        {"id": "machine", "product": "ecs", "renounceable": True, "depends_on": ["disk"]},
    ],
    "bindings": [{"id": "b-1", "third_party": "partner"}],
    "data": [{"id": "bucket", "store": "objects", "objects": 7}],
    "api_keys": [{"id": "key-1"}],
}


async def deleted(installation: TestInstallation) -> AccountDriver:
    """Proven by a code after a wrong one; blocked, dealt with, given up, confirmed, deleted."""
    account = await installation.account(**THINGS, domains=[{"id": "example.com"}])
    await close_by_code(account)
    assert (await account.status()).stage is Stage.BLOCKED
    await account.remove(tables.domains, "example.com")
    await account.recheck()
    assert (await account.renounce(all=True)).stage is Stage.READY
    await account.confirm()
    await account.fast_forward(account.policy.entering_duration + BEYOND)
    await account.until(Stage.SILENT)
    await account.end_of_silence()
    assert (await account.outcome()).stage is Stage.DELETED
    return account


async def given_back(installation: TestInstallation) -> AccountDriver:
    """Late usage in the silent period gives the account back; its customer closes again and withdraws."""
    account = await installation.account(**THINGS)
    await account.silent()
    await account.insert(tables.bills, id="late", amount=123, status=BillStatus.UNPAID, product="ecs")
    await account.end_of_silence()
    assert (await account.outcome()).stage is Stage.RESTORED
    await account.close()
    await account.withdraw()
    return account


async def close_by_code(account: AccountDriver) -> None:
    """As a customer does who mistypes the code first."""
    await account.closures.challenge(account.account_id, "u-1", IdentityMethod.EMAIL_CODE)
    (sent,) = await account.rows(tables.outbox)
    (code,) = re.findall(r"\b\d{6,8}\b", str(sent["body"]))
    wrong = ProofOfIdentity(code="0" * len(code) if code.strip("0") else "1" * len(code))
    refused = await refusal(account.closures.close(account.account_id, "u-1", wrong, agree=True))
    assert refused.type is RefusalType.CODE_REFUSED
    proven = ProofOfIdentity(code=code)
    account.closure_id = (
        await account.closures.close(account.account_id, "u-1", proven, agree=True)
    ).closure_id


async def family(installation: TestInstallation) -> AccountDriver:
    """An owner takes a subaccount along; both are refunded, one of them partly past its payments."""
    owned = f"owned-{uuid4().hex[:8]}"
    stores = [{"id": "usage", "store": "usage-history", "objects": 7}]
    account = await twilio_account(
        installation,
        balance={"cash": "21.00", "promo": "1.00"},
        data=stores,
        subaccounts=[
            {
                "id": owned,
                "users": [{"id": "u-1", "role": "owner", "email": f"sub@{owned}.example"}],
                "balance": {"cash": "17.00"},
                "data": stores,
            }
        ],
    )
    await account.retained(acknowledgements=WORDS)
    await account.end_of_retention()
    assert (await account.outcome()).stage is Stage.DELETED
    assert await account_of(installation, owned).rows_left(tables.data_stores) == 0
    return account
