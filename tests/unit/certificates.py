"""Certificates for tests, signed with a key of their own."""

from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from closure.certificate import (
    Certificate,
    CertifiedAudit,
    CertifiedMoney,
    CertifiedStore,
    CertifiedSubaccount,
    ReleasedThings,
    RetainedRecords,
    StoreState,
)
from keys.signing import Signer, key_id

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = Signer(key_id(KEY.public_key()), KEY)
OPENED = datetime(2026, 11, 24, 12, 0, 3, 250_000, UTC)
DAY = timedelta(days=1)
TAX = RetainedRecords(name="ledger", what="Ledger", ground="§ 147 AO", until=OPENED + 3650 * DAY)


def certificate(**changes: object) -> Certificate:
    """Of an account that was deleted; every field says something."""
    content: dict[str, object] = {
        "installation": "production",
        "closure_id": "closure-1",
        "account_id": "ali-100",
        "provider": "alibaba-cloud",
        "policy": "alibaba-cloud",
        "policy_version": "2026-11-01",
        "policy_hash": "ab" * 32,
        "mode": "delete",
        "outcome": "deleted",
        "plan_hash": "cd" * 32,
        "opened_at": OPENED,
        "confirmed_at": OPENED + DAY,
        "stopped_at": OPENED + 1.001 * DAY,
        "data_deleted_at": OPENED + 8 * DAY,
        "ended_at": OPENED + 8.1 * DAY,
        "stores": (
            CertifiedStore(
                reference="0" * 16, store="object-storage", state=StoreState.DELETED, objects=1200
            ),
            CertifiedStore(
                reference="1" * 16,
                store="audit-logs",
                state=StoreState.RETAINED,
                objects=99,
                retained_as=TAX.name,
                ground=TAX.ground,
                until=TAX.until,
            ),
        ),
        "retained": (TAX,),
        "released": ReleasedThings(resources=3, subscriptions=1, products={"ecs": 3, "rds": 1}),
        "money": CertifiedMoney(
            currency="USD",
            forfeited_cash="200.00",
            forfeited_promo="15.00",
            voided_debt="0.00",
            refunded="7.50",
            paid_otherwise="2.50",
        ),
        "owed": (),
        "left_behind": (),
        "owner": None,
        "subaccounts": (
            CertifiedSubaccount(account_id="sub-1", closure_id="closure-2", certificate_id="9" * 64),
        ),
        "audit": CertifiedAudit(events=14, head_hash="ef" * 32),
        "issued_at": OPENED + 8.2 * DAY,
        "key_id": SIGNER.key_id,
    }
    return Certificate.model_validate({**content, **changes})


def signed(content: Certificate) -> str:
    """The file as it is issued."""
    return content.signed(SIGNER.sign(content.canonical_bytes()))
