"""A provider's closure rules as data. A policy is read from a file, pinned as JSON and never edited after."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StrictBool, ValidationError

from closure.accounts import Access, BillingStatement, Channel, RelationshipRole, RelationshipType
from closure.duration import Duration
from closure.errors import RefusalType, Refused
from closure.lifecycle import Mode
from closure.messages import IdentityMethod
from closure.model import Model
from closure.money import Money
from closure.templates import fill

POLICY_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
_LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
_RULE = r"^[A-Z]{1,4}[0-9]{1,3}$"


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


Text = Annotated[str, AfterValidator(_not_blank)]
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


class Disposition(StrEnum):
    """Who can deal with what a check finds."""

    MANUAL = "manual"
    RENOUNCEABLE = "renounceable"
    BY_THING = "by_thing"
    """As the thing's own `renounceable` flag says."""
    WITHIN_LIMIT = "within_limit"
    """Renounceable up to the limit, the limit included; manual above it."""


class MessageTemplate(StrEnum):
    """Messages that the engine sends."""

    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_DORMANT = "account_dormant"
    CLOSURE_REMINDER = "closure_reminder"
    CONFIRM_AGAIN = "confirm_again"
    CLOSURE_DELETED = "closure_deleted"
    CLOSURE_RESTORED = "closure_restored"
    IDENTITY_CODE = "identity_code"
    REFUND_FAILED = "refund_failed"
    REFUND_LATE = "refund_late"
    REFUND_SETTLED = "refund_settled"
    REFUND_STARTED = "refund_started"


class Where(Model):
    """Narrows a check of relationships; without a role, every role matches."""

    type: RelationshipType
    role: RelationshipRole | None = None


class Check(Model):
    """One rule that inspects one thing. `rule` is its number in the provider's procedure.

    `limits` are decimal strings in major units by settlement currency; `default` serves the others.
    `how_to` tells what to do here; `how_to_manual` what to do elsewhere, where a finding can be either.
    """

    id: Name
    rule: str = Field(pattern=_RULE)
    inspects: Inspects
    disposition: Disposition
    limits: Mapping[str, str] = {}
    where: Where | None = None
    title: Text
    how_to: Text
    how_to_manual: Text | None = None

    def limit(self, currency: str) -> Money | None:
        """The limit in `currency`; None without limits."""
        if not self.limits:
            return None
        return Money.parse(self.limits.get(currency, self.limits["default"]), currency)


class Eligibility(Model):
    """Which accounts may be closed and by whom. `refused_kinds` says whom each of them must contact."""

    kinds: tuple[Text, ...] = Field(min_length=1)
    roles: tuple[Text, ...] = Field(min_length=1)
    refused_kinds: Mapping[str, Text] = {}


class Identity(Model):
    """How the user proves who they are, and how long a proof authorises acts on the closure (wall clock)."""

    methods: tuple[IdentityMethod, ...] = Field(min_length=1)
    proof_lifetime: Duration


class Agreement(Model):
    """A text that the customer must agree to, recorded with its version."""

    title: Text
    version: Text
    url: str | None = Field(default=None, pattern=r"^https://\S+$")

    def __str__(self) -> str:
        return f"{self.title}, version {self.version}"


class FinalCheck(Model):
    """The look at billing when the silent period ends; repeated until billing is readable and final."""

    retry_interval: Duration


class RefundRule(Model):
    """The prepaid balance goes back to what it was paid with; promotional value does not (T10 to T12).

    Due after `business_days` of `country`'s calendar, counted from confirm. `poll_interval` is how often the
    payment provider is asked.
    """

    kinds: tuple[Text, ...] = Field(min_length=1)
    business_days: int = Field(ge=1, le=90, strict=True)
    country: str
    poll_interval: Duration


class RetentionClass(Model):
    """What the law makes the provider keep after the deletion: for `years` of the calendar or for `duration`.

    `ground` is the law, for the certificate; `stores` are kinds of data stores, kept instead of erased.
    """

    name: Name
    what: Text
    years: int | None = Field(default=None, ge=1, le=100, strict=True)
    duration: Duration | None = None
    ground: Text
    stores: tuple[Text, ...] = ()

    def until(self, deleted_at: datetime) -> datetime:
        """When what is kept of an account deleted then may go, UTC; 29 February counts as 1 March."""
        if self.years is None:
            return deleted_at + (self.duration or timedelta(0))
        try:
            return deleted_at.replace(year=deleted_at.year + self.years)
        except ValueError:
            return deleted_at.replace(year=deleted_at.year + self.years, month=3, day=1)


class Approval(Model):
    """A second person with one of `roles` must approve the plan of an account of high value.

    High is a balance, cash and promotional together, above the limit: decimal strings in major units by
    settlement currency; `default` serves the others.
    """

    roles: tuple[Text, ...] = Field(min_length=1)
    balance_above: Mapping[str, str]

    def is_needed(self, statement: BillingStatement) -> bool:
        """Whether the account's value is high."""
        currency = statement.cash.currency
        limit = Money.parse(self.balance_above.get(currency, self.balance_above["default"]), currency)
        return limit < statement.cash + statement.promo


class CoolOff(Model):
    """A revocable period after confirm; each of `reminders` is how long before its end one goes out."""

    duration: Duration
    reminders: tuple[Duration, ...] = ()


class MessageTexts(Model):
    """One message in one language, for each channel."""

    email: Text
    sms: Text

    def for_channel(self, channel: Channel) -> str:
        return self.email if channel is Channel.EMAIL else self.sms


class Policy(Model):
    """One provider's procedure, as read from its file.

    A `silent_period` or `retention` of zero means there is none. `draft_lifetime` is how long an unconfirmed
    closure waits, `entering_duration` how long after confirm the silent period begins.
    """

    name: Name
    version: Text
    provider: Text
    modes: tuple[Mode, ...] = Field(min_length=1)
    eligibility: Eligibility
    identity: Identity
    agreement: Agreement | None = None
    acknowledgements: Mapping[str, tuple[Text, ...]] = {}
    """Texts that an account of this kind must acknowledge in delete mode."""
    reasons: tuple[Text, ...] = ()
    require_reason: StrictBool = True
    draft_lifetime: Duration
    entering_duration: Duration = timedelta(0)
    silent_period: Duration = timedelta(0)
    final_check: FinalCheck | None = None
    retention: Duration = timedelta(0)
    access_while_closing: Access = Access.CLOSURE_STATUS_ONLY
    """What is left to the users from entering on: looking at the closure's status, or nothing (T4)."""
    refund: RefundRule | None = None
    approval: Approval | None = None
    cool_off: CoolOff | None = None
    typed_phrase: Text | None = None
    """What must be typed to confirm; may name ``{account_id}``."""
    service_role: Text | None = None
    retained: tuple[RetentionClass, ...] = ()
    """What stays for the law once all else is deleted."""
    checks: tuple[Check, ...] = ()
    advice: tuple[Text, ...] = ()
    messages: Mapping[MessageTemplate, Mapping[Annotated[str, Field(pattern=_LANGUAGE)], MessageTexts]] = {}
    restart_advice: Text

    def canonical_json(self) -> str:
        """The policy as JSON that `from_json` reads back; equal policies give equal texts.

        Defaults are left out: a field that is added later doesn't change the hash of policies pinned before.
        """
        content = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, snapshot: str) -> Self:
        """The policy that was pinned as `snapshot`.

        Raises:
            pydantic.ValidationError: no policy that this version of the program knows.
        """
        return cls.model_validate_json(snapshot)

    @property
    def content_hash(self) -> str:
        """SHA-256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    @property
    def inspected(self) -> dict[str, Inspects]:
        """What each check looks at, by check id."""
        return {check.id: check.inspects for check in self.checks}

    def retains(self, store: str) -> RetentionClass | None:
        """The class that keeps data stores of this kind; None when they are erased."""
        return next((kept for kept in self.retained if store in kept.stores), None)

    def refunds(self, kind: str, mode: Mode) -> bool:
        """Whether the balance of an account of this kind goes back to its owner."""
        return self.refund is not None and mode is Mode.DELETE and kind in self.refund.kinds

    def require_phrase(self, account_id: str, typed: str | None) -> None:
        """Raises `Refused` (`PHRASE_REFUSED`), naming the phrase, unless it was typed exactly."""
        if self.typed_phrase is None:
            return
        phrase = fill(self.typed_phrase, {"account_id": account_id})
        if typed != phrase:
            raise Refused(
                RefusalType.PHRASE_REFUSED,
                f'to confirm, type exactly: --phrase "{phrase}"; nothing was changed',
            )

    def require_provider(self, provider: str) -> None:
        """Raises `Refused` (`POLICY_NOT_FOUND`) for an account of another provider: its rules are others."""
        if provider != self.provider:
            raise Refused(
                RefusalType.POLICY_NOT_FOUND,
                f"policy {self.name} is for accounts of {self.provider}, not of {provider}",
            )

    def require_method(self, method: IdentityMethod) -> None:
        """Raises `Refused` (`IDENTITY_METHOD_REFUSED`) unless the policy accepts the method."""
        if method not in self.identity.methods:
            raise Refused(
                RefusalType.IDENTITY_METHOD_REFUSED,
                f"policy {self.name} does not accept {method.value}; it accepts: "
                + ", ".join(self.identity.methods),
            )

    def require_mode(self, mode: Mode) -> None:
        """Raises `Refused` (`MODE_NOT_OFFERED`) unless the policy offers the mode."""
        if mode not in self.modes:
            offered = " or ".join(self.modes)
            raise Refused(
                RefusalType.MODE_NOT_OFFERED,
                f"policy {self.name} does not offer mode {mode}; it offers {offered}",
            )

    def require_kind(self, kind: str) -> None:
        """Raises `Refused` (`ACCOUNT_KIND_REFUSED`), saying whom to ask, for a kind not closed here (T2)."""
        contact = self.eligibility.refused_kinds.get(kind)
        if contact is not None:
            raise Refused(RefusalType.ACCOUNT_KIND_REFUSED, contact)
        if kind not in self.eligibility.kinds:
            raise Refused(
                RefusalType.ACCOUNT_KIND_REFUSED, f"policy {self.name} does not close accounts of kind {kind}"
            )

    def missing_consent(
        self, kind: str, mode: Mode, agree: bool, acknowledgements: tuple[str, ...]
    ) -> tuple[str, ...]:
        """The texts that still have to be agreed to or acknowledged (A13, T9); empty when none is missing.

        `agree` is ignored where the policy has no agreement.
        """
        missing = [str(self.agreement)] if self.agreement is not None and not agree else []
        required = self.acknowledgements.get(kind, ()) if mode is Mode.DELETE else ()
        return (*missing, *(text for text in required if text not in acknowledgements))


class PolicyFault(Exception):
    """A policy file that can't be used: where, and why."""

    def __init__(self, file: str, key: str, reason: str) -> None:
        super().__init__(f"{file}: {key}: {reason}" if key else f"{file}: {reason}")
        self.file = file
        self.key = key
        self.reason = reason


def parse_policy(text: str, file_name: str) -> Policy:
    """Reads the TOML `text` of the policy file `file_name` (its last path component, such as ``acme.toml``).

    Raises:
        PolicyFault: with the dotted key of the first thing that is wrong.
    """
    from closure.policy_rules import contradictions

    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # beside TOMLDecodeError: endless numbers and nesting
        raise PolicyFault(file_name, "", f"not valid TOML: {error}") from error
    try:
        policy = Policy.model_validate(content)
    except ValidationError as error:
        raise PolicyFault(file_name, *_first_fault(error)) from error
    stem = file_name.removesuffix(".toml")
    if policy.name != stem:
        raise PolicyFault(file_name, "name", f'is "{policy.name}" but the file is named "{stem}"')
    found: Iterator[tuple[str, str]] = contradictions(policy)
    for key, reason in found:
        raise PolicyFault(file_name, key, reason)
    return policy


def _first_fault(error: ValidationError) -> tuple[str, str]:
    fault = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in fault["loc"] if part != "[key]")
    if fault["type"] == "extra_forbidden":
        return key, "unknown key"
    if fault["type"] == "missing":
        return key, "is missing"
    return key, fault["msg"].removeprefix("Value error, ")
