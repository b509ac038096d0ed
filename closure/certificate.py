"""The certificate of a closure: what became of the account, its data and its money, to be signed.

It names nobody and nothing that a customer may have named: accounts are opaque ids, data stores their kind
and a reference that only who knows the store's id can compute. The signature is over the canonical JSON of
all fields (RFC 8785: keys sorted, no spaces, UTF-8); the file as issued is the same with the signature added,
and a line feed.
"""

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal

from pydantic import JsonValue

from closure.lifecycle import Mode, Outcome
from closure.model import Instant, Model
from closure.policy import Policy

CERTIFIED: Final = frozenset({Outcome.DELETED, Outcome.RESTORED, Outcome.DORMANT})
"""Outcomes of a closure that has changed something."""
FORMAT: Final = "account-closure-certificate/1"


class StoreState(StrEnum):
    """What became of a data store. One that can't be erased holds its closure up: there is no certificate."""

    DELETED = "deleted"
    RETAINED = "retained"


class CertifiedStore(Model):
    """`objects` are what was erased, or what is kept on `ground` until `until`.

    `reference` is `store_reference`.
    """

    reference: str
    store: str
    state: StoreState
    objects: int
    retained_as: str | None = None
    ground: str | None = None
    until: Instant | None = None


class RetainedRecords(Model):
    """A retention class of the policy: what the provider keeps, on which ground and until when."""

    name: str
    what: str
    ground: str
    until: Instant


class ReleasedThings(Model):
    """Resources and subscriptions that were seen to be gone, those of subaccounts among them."""

    resources: int
    subscriptions: int
    products: Mapping[str, int]


class CertifiedMoney(Model):
    """Decimal amounts of `currency`, those of subaccounts added. `refunded` has arrived."""

    currency: str
    forfeited_cash: str
    forfeited_promo: str
    voided_debt: str
    refunded: str


class OwedAmount(Model):
    """What the final check found owed, by the check that found it: why the account was restored."""

    check: str
    amount: str | None
    currency: str | None


class CertifiedOwner(Model):
    """The closure that a subaccount went with: its certificate has the money and the releases of both."""

    account_id: str
    closure_id: str


class CertifiedSubaccount(Model):
    """A subaccount that went with the account, and the certificate of that."""

    account_id: str
    closure_id: str
    certificate_id: str


class CertifiedAudit(Model):
    """The closure's audit when it had ended: how many events there are and the last one's hash."""

    events: int
    head_hash: str


class Certificate(Model):
    """All that is signed. Times are RFC 3339 UTC; absent things are null."""

    format: Literal["account-closure-certificate/1"] = FORMAT
    closure_id: str
    account_id: str
    provider: str
    policy: str
    policy_version: str
    policy_hash: str
    mode: Mode
    outcome: Outcome
    plan_hash: str | None
    opened_at: Instant
    confirmed_at: Instant | None
    stopped_at: Instant | None
    data_deleted_at: Instant | None
    """When every store to be erased had been read again and found empty."""
    ended_at: Instant
    stores: tuple[CertifiedStore, ...]
    retained: tuple[RetainedRecords, ...]
    released: ReleasedThings | None
    money: CertifiedMoney | None
    owed: tuple[OwedAmount, ...]
    owner: CertifiedOwner | None
    subaccounts: tuple[CertifiedSubaccount, ...]
    audit: CertifiedAudit
    issued_at: Instant
    key_id: str

    def canonical_bytes(self) -> bytes:
        """What the signature is over."""
        return _canonical(self._content())

    @property
    def certificate_id(self) -> str:
        """SHA-256 of the canonical bytes, in hex."""
        return hashlib.sha256(self.canonical_bytes()).hexdigest()

    def signed(self, signature: str) -> str:
        """The certificate as it is issued, to the byte."""
        return _canonical({**self._content(), "signature": signature}).decode() + "\n"

    def _content(self) -> dict[str, JsonValue]:
        content: dict[str, JsonValue] = self.model_dump(mode="json")
        return content


class SignedCertificate(Certificate):
    """A certificate as it is read back, with its signature in base64."""

    signature: str

    @property
    def certificate_id(self) -> str:
        """The id of the certificate that was signed."""
        return self.unsigned.certificate_id

    @property
    def unsigned(self) -> Certificate:
        return Certificate.model_validate(self.model_dump(exclude={"signature"}))


def store_reference(closure_id: str, store_id: str) -> str:
    """What stands for a store: the first 16 hex digits of SHA-256 over ``CLOSURE_ID/STORE_ID``."""
    return hashlib.sha256(f"{closure_id}/{store_id}".encode()).hexdigest()[:16]


def retained_records(policy: Policy, deleted_at: Instant) -> tuple[RetainedRecords, ...]:
    """What the policy keeps of an account deleted then."""
    return tuple(
        RetainedRecords(name=kept.name, what=kept.what, ground=kept.ground, until=kept.until(deleted_at))
        for kept in policy.retained
    )


def _canonical(content: Mapping[str, JsonValue]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
