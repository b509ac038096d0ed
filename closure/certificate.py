"""The certificate of a closure: what became of the account, its data and its money, to be signed.

It names nobody and nothing that a customer may have named: accounts are opaque ids, data stores their kind
and a reference that only who knows the store's id can compute. The signature is over the canonical JSON
of all fields, in UTF-8 (`closure/canonical.py`; its only numbers are counts); the file as issued is the same
with the signature added, and a line feed.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal

from pydantic import JsonValue

from closure.canonical import canonical_json
from closure.installation import InstallationKind
from closure.lifecycle import Mode, Outcome
from closure.messages import Becomes
from closure.model import Instant, Model
from closure.policy import Policy
from closure.policy_checks import Inspects

CERTIFIED: Final = frozenset({Outcome.DELETED, Outcome.RESTORED, Outcome.DORMANT})
"""Outcomes of a closure that has changed something."""
STORES_LISTED: Final = 200
"""So many stores a certificate and an audit event list; of more they have the sum and the list's hash."""
FORMAT: Final = "account-closure-certificate/1"


class StoreState(StrEnum):
    """What became of a data store. One that can't be erased holds its closure up: there is no certificate."""

    DELETED = "deleted"
    RETAINED = "retained"


class CertifiedStore(Model):
    """`objects` are what was erased, or what is kept on `ground` until `until`.

    `reference` is `store_reference`. One without `retained_as` is kept on a ground that no class of the
    policy names, as the provider's system has answered; without `until` for as long as nobody knows.
    """

    reference: str
    store: str
    state: StoreState
    objects: int
    retained_as: str | None = None
    ground: str | None = None
    until: Instant | None = None


class StoresSum(Model):
    """All stores of an account that had many: how many of each kind, and the objects that were erased.

    `list_hash` is SHA-256, in hex, of the list that the record keeps: for each store, by reference, a line of
    canonical JSON that ends with a line feed.
    """

    erased: Mapping[str, int]
    retained: Mapping[str, int]
    objects: int
    list_hash: str


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
    """Decimal amounts of `currency`, those of subaccounts added.

    `refunded` has arrived; `paid_otherwise` was paid by staff past the payments it came from.
    """

    currency: str
    forfeited_cash: str
    forfeited_promo: str
    voided_debt: str
    refunded: str
    paid_otherwise: str


class OwedAmount(Model):
    """What was owed in the end: by the check that found it, why the account was restored.

    Of a deleted account `check` is the kind of thing, and `becomes` what became of it.
    """

    check: str
    amount: str | None
    currency: str | None
    becomes: Becomes | None = None


class LeftBehind(Model):
    """How many things of a kind nobody looks after any more."""

    kind: Inspects
    number: int


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
    installation: InstallationKind
    """A local one, for trying, may have skipped time."""
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
    """Of more than `STORES_LISTED` only those that are kept beside the policy's classes, up to so many."""
    stores_sum: StoresSum | None = None
    """Only where there were so many."""
    retained: tuple[RetainedRecords, ...]
    released: ReleasedThings | None
    money: CertifiedMoney | None
    owed: tuple[OwedAmount, ...]
    left_behind: tuple[LeftBehind, ...]
    owner: CertifiedOwner | None
    subaccounts: tuple[CertifiedSubaccount, ...]
    audit: CertifiedAudit
    issued_at: Instant
    key_id: str

    def canonical_bytes(self) -> bytes:
        """What the signature is over."""
        return canonical_json(self._content()).encode()

    @property
    def certificate_id(self) -> str:
        """SHA-256 of the canonical bytes, in hex."""
        return hashlib.sha256(self.canonical_bytes()).hexdigest()

    def signed(self, signature: str) -> str:
        """The certificate as it is issued, to the byte."""
        return canonical_json({**self._content(), "signature": signature}) + "\n"

    def _content(self) -> dict[str, JsonValue]:
        content: dict[str, JsonValue] = self.model_dump(mode="json")
        if self.stores_sum is None:
            del content["stores_sum"]
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
