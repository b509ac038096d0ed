"""A provider's closure rules as data. A policy is read from a file, pinned as JSON and never edited after."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, StrictBool

from closure.accounts import (
    Access,
    BillingStatement,
    Channel,
    Relationship,
    RelationshipRole,
    RelationshipType,
)
from closure.canonical import canonical_json
from closure.duration import Duration
from closure.errors import RefusalType, Refused
from closure.languages import ENGLISH, LANGUAGE
from closure.lifecycle import Mode
from closure.messages import Becomes, IdentityMethod
from closure.model import Model
from closure.money import Money
from closure.policy_checks import (
    BECOMES_OF_ITSELF,
    Check,
    Inspects,
    Name,
)
from closure.policy_texts import Link, PolicyTexts, Text
from closure.templates import fill
from closure.typed_text import as_compared

Language = Annotated[str, Field(pattern=LANGUAGE)]


class AppearsLater(StrEnum):
    """What becomes of a closure when something turns up that nobody has consented to lose."""

    RESTORE = "restore"
    """The account goes back, and the customer is told."""
    INCLUDE = "include"
    """It goes with the rest: the text that was consented to covers all."""


class MessageTemplate(StrEnum):
    """Messages that the engine sends; those of its turns that a policy has texts for."""

    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_DORMANT = "account_dormant"
    CLOSURE_CONFIRMED = "closure_confirmed"
    CLOSURE_DELETED = "closure_deleted"
    CLOSURE_EXPIRED = "closure_expired"
    CLOSURE_OPENED = "closure_opened"
    CLOSURE_REMINDER = "closure_reminder"
    CLOSURE_RESTORED = "closure_restored"
    CLOSURE_WITHDRAWN = "closure_withdrawn"
    CONFIRM_AGAIN = "confirm_again"
    IDENTITY_CODE = "identity_code"
    REFUND_FAILED = "refund_failed"
    REFUND_LATE = "refund_late"
    REFUND_PARTLY_SETTLED = "refund_partly_settled"
    REFUND_SETTLED = "refund_settled"
    REFUND_STARTED = "refund_started"
    SILENCE_BEGAN = "silence_began"


class Eligibility(Model):
    """Which accounts may be closed and by whom. `refused_kinds` says whom each of them must contact."""

    kinds: tuple[Text, ...] = Field(min_length=1)
    roles: tuple[Text, ...] = Field(min_length=1)
    refused_kinds: Mapping[str, Text] = {}


class Identity(Model):
    """How the user proves who they are, and how long a proof authorises acts on the closure (wall clock)."""

    methods: tuple[IdentityMethod, ...] = Field(min_length=1)
    proof_lifetime: Duration

    @property
    def asked(self) -> tuple[IdentityMethod, ...]:
        """The methods that ask the user for something, those that come first first."""
        return tuple(each for each in self.methods if each is not IdentityMethod.SESSION)


class BusinessDays(Model):
    """How many business days something takes, as an estimate."""

    at_least: int = Field(ge=0, le=90, strict=True)
    at_most: int = Field(ge=1, le=90, strict=True)


class Preparation(Model):
    """How long customers need before they can confirm, told before anything starts; holds nobody up.

    `workloads` is for accounts with running resources or subscriptions, `transfers` for those with domain
    names or filings, by `country`'s calendar.
    """

    country: str
    workloads: BusinessDays | None = None
    transfers: BusinessDays | None = None


class Agreement(Model):
    """A text that the customer must agree to, recorded with its version, which the title may name."""

    title: Text
    version: Text
    url: Link | None = None

    def __str__(self) -> str:
        if "{version}" in self.title:
            return fill(self.title, {"version": self.version})
        return f"{self.title}, version {self.version}"


class FinalCheck(Model):
    """The look at billing when the silent period ends; repeated until billing is readable and final."""

    retry_interval: Duration


class RefundRule(Model):
    """The prepaid balance goes back to what it was paid with; promotional value does not (T10 to T12).

    Due after `business_days` of `country`'s calendar, counted from confirm. `poll_interval` is how often the
    payment provider is asked. The order waits until all usage up to the stop is billed, but no longer than
    `wait_for_metering` business days after it; what is billed later stays due.
    """

    kinds: tuple[Text, ...] = Field(min_length=1)
    business_days: int = Field(ge=1, le=90, strict=True)
    country: str
    poll_interval: Duration
    wait_for_metering: int = Field(default=0, ge=0, le=90, strict=True)


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
    settlement currency; `default` serves the others. All counts that goes with the account.
    """

    roles: tuple[Text, ...] = Field(min_length=1)
    balance_above: Mapping[str, str]

    def is_needed(self, statements: Iterable[BillingStatement | None]) -> bool:
        """Whether what all these accounts hold together is of high value; one that can't be read is.

        A debt of one makes the others no less. Of several currencies the shares of their limits are added.
        """
        held: dict[str, int] = defaultdict(int)
        for statement in statements:
            if statement is None:
                return True
            held[statement.cash.currency] += max(0, (statement.cash + statement.promo).minor)
        return sum((self._share(currency, minor) for currency, minor in held.items()), Fraction()) > 1

    def _share(self, currency: str, minor: int) -> Fraction:
        """How much of the currency's limit it is; anything at all of a limit of zero is more than that."""
        limit = Money.parse(self.balance_above.get(currency, self.balance_above["default"]), currency).minor
        return Fraction(minor, limit) if limit > 0 else Fraction(2 if minor > 0 else 0)


class CoolOff(Model):
    """A revocable period after confirm; each of `reminders` is how long before its end one goes out."""

    duration: Duration
    reminders: tuple[Duration, ...] = ()


class MessageTexts(Model):
    """One message in one language, for each channel; `subject` is the e-mail's.

    A policy that was pinned before there were subjects has none.
    """

    subject: Text | None = None
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
    languages: tuple[Language, ...] = Field(default=(ENGLISH,), min_length=1)
    """What its texts are in; the first is that of the fields here, `translations` has the others."""
    translations: Mapping[Language, PolicyTexts] = {}
    modes: tuple[Mode, ...] = Field(min_length=1)
    eligibility: Eligibility
    identity: Identity
    agreement: Agreement | None = None
    acknowledgements: Mapping[str, tuple[Text, ...]] = {}
    """Texts that an account of this kind must acknowledge in delete mode."""
    reasons: tuple[Text, ...] = ()
    require_reason: StrictBool = True
    preparation: Preparation | None = None
    draft_lifetime: Duration
    entering_duration: Duration = timedelta(0)
    silent_period: Duration = timedelta(0)
    final_check: FinalCheck | None = None
    retention: Duration = timedelta(0)
    appears_later: AppearsLater = AppearsLater.RESTORE
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
    leaves: Mapping[Inspects, Becomes] = {}
    """What becomes of each kind of finding that no check asks about, in delete mode."""
    advice: tuple[Text, ...] = ()
    stays: tuple[Text, ...] = ()
    """What a deletion leaves as it is, beside what `retained` names: other accounts, a login."""
    messages: Mapping[MessageTemplate, Mapping[Language, MessageTexts]] = {}
    restart_advice: Text

    def canonical_json(self) -> str:
        """The policy as JSON that `from_json` reads back; equal policies give equal texts.

        Defaults are left out: a field that is added later doesn't change the hash of policies pinned before.
        """
        return canonical_json(self.model_dump(mode="json", exclude_defaults=True))

    @classmethod
    def from_json(cls, snapshot: str) -> Self:
        """The policy that was pinned as `snapshot`.

        Raises:
            pydantic.ValidationError: no policy that this version of the program knows.
        """
        return cls.model_validate_json(snapshot)

    def model_copy(self, *, update: Mapping[str, object] | None = None, deep: bool = False) -> Self:
        """As pydantic's; the copy's hash is its own."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("content_hash", None)
        return copied

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    @property
    def inspected(self) -> dict[str, Inspects]:
        """What each check looks at, by check id."""
        return {check.id: check.inspects for check in self.checks}

    @property
    def unchecked(self) -> frozenset[Inspects]:
        """The kinds of findings that no check asks about, or (relationships) not about all of them."""
        checked = {check.inspects for check in self.checks}
        ties = {Inspects.RELATIONSHIPS} if not self._checks_all_relationships else set()
        return (frozenset(Inspects) - checked) | ties

    def becomes(self, kind: Inspects) -> Becomes:
        """What becomes of findings of this kind that nobody has dealt with when the account goes."""
        return self.leaves.get(kind, BECOMES_OF_ITSELF[kind])

    def checks_relationship(self, tie: Relationship) -> bool:
        """Whether a check asks about it."""
        return self._checks_kind_of(tie.type, tie.role)

    @property
    def _checks_all_relationships(self) -> bool:
        return all(
            self._checks_kind_of(each, role)
            for each in RelationshipType
            for role in ((None,) if each is RelationshipType.PARTNER else tuple(RelationshipRole))
        )

    def _checks_kind_of(self, type: RelationshipType, role: RelationshipRole | None) -> bool:
        return any(
            check.inspects is Inspects.RELATIONSHIPS
            and (check.where is None or check.where.matches(type, role))
            for check in self.checks
        )

    def retains(self, store: str) -> RetentionClass | None:
        """The class that keeps data stores of this kind; None when they are erased."""
        return next((kept for kept in self.retained if store in kept.stores), None)

    def refunds(self, kind: str, mode: Mode) -> bool:
        """Whether the balance of an account of this kind goes back to its owner."""
        return self.refund is not None and mode is Mode.DELETE and kind in self.refund.kinds

    def phrase(self, account_id: str) -> str | None:
        """What must be typed to confirm, as it is compared; None where the policy wants nothing."""
        if self.typed_phrase is None:
            return None
        return as_compared(fill(self.typed_phrase, {"account_id": account_id}))

    def require_phrase(self, account_id: str, typed: str | None) -> None:
        """Passes when the phrase was typed; how `closure.typed_text` compares them.

        Raises:
            Refused: `PHRASE_REFUSED`, with the phrase as it is compared.
        """
        phrase = self.phrase(account_id)
        if phrase is not None and as_compared(typed or "") != phrase:
            raise Refused(
                RefusalType.PHRASE_REFUSED,
                f'confirming needs the phrase "{phrase}", typed exactly; nothing was changed',
                facts={"account_id": account_id, "phrase": phrase},
            )

    def require_provider(self, provider: str) -> None:
        """Raises `Refused` (`POLICY_NOT_FOUND`) for an account of another provider: its rules are others."""
        if provider != self.provider:
            raise Refused(
                RefusalType.POLICY_NOT_FOUND,
                f"policy {self.name} is for accounts of {self.provider}, not of {provider}",
                facts={"policy": self.name, "provider": provider},
            )

    def require_method(self, method: IdentityMethod) -> None:
        """Raises `Refused` (`IDENTITY_METHOD_REFUSED`) unless the policy accepts the method."""
        if method not in self.identity.methods:
            raise Refused(
                RefusalType.IDENTITY_METHOD_REFUSED,
                f"policy {self.name} does not accept {method.value}; it accepts: "
                + ", ".join(self.identity.methods),
                facts={"method": method.value, "methods": [each.value for each in self.identity.methods]},
            )

    def require_mode(self, mode: Mode) -> None:
        """Raises `Refused` (`MODE_NOT_OFFERED`) unless the policy offers the mode."""
        if mode not in self.modes:
            offered = " or ".join(self.modes)
            raise Refused(
                RefusalType.MODE_NOT_OFFERED,
                f"policy {self.name} does not offer mode {mode}; it offers {offered}",
                facts={"mode": mode.value, "modes": [each.value for each in self.modes]},
            )

    def require_kind(self, kind: str) -> None:
        """Raises `Refused` (`ACCOUNT_KIND_REFUSED`), saying whom to ask, for a kind not closed here (T2)."""
        contact = self.eligibility.refused_kinds.get(kind)
        if contact is not None:
            raise Refused(RefusalType.ACCOUNT_KIND_REFUSED, contact, facts={"kind": kind})
        if kind not in self.eligibility.kinds:
            raise Refused(
                RefusalType.ACCOUNT_KIND_REFUSED,
                f"policy {self.name} does not close accounts of kind {kind}",
                facts={"kind": kind},
            )

    def missing_consent(
        self, kind: str, mode: Mode, agree: bool, acknowledgements: tuple[str, ...]
    ) -> tuple[str, ...]:
        """The texts that still have to be agreed to or acknowledged (A13, T9); empty when none is missing.

        Each may be given in any of the policy's languages. `agree` is ignored where it has no agreement.
        """
        missing = [str(self.agreement)] if self.agreement is not None and not agree else []
        required = self.acknowledgements.get(kind, ()) if mode is Mode.DELETE else ()
        given = {as_compared(text) for text in acknowledgements}
        return (
            *missing,
            *(
                text
                for position, text in enumerate(required)
                if given.isdisjoint(map(as_compared, self._in_every_language(kind, position)))
            ),
        )

    def _in_every_language(self, kind: str, position: int) -> Iterable[str]:
        """One acknowledgement of accounts of a kind."""
        yield self.acknowledgements[kind][position]
        for texts in self.translations.values():
            yield from texts.acknowledgements.get(kind, ())[position : position + 1]
