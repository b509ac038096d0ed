"""What a well-formed policy must not say: contradictions, and promises that the engine can't keep."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from closure.accounts import Access, Channel, RelationshipType
from closure.business_days import is_country
from closure.checks import LEGAL_HOLD, check_reason
from closure.errors import Refused
from closure.lifecycle import Mode
from closure.messages import Becomes, IdentityMethod
from closure.money import Money, is_currency
from closure.policy import AppearsLater, MessageTemplate, Policy
from closure.policy_checks import Check, Disposition, Inspects
from closure.templates import fault_in, placeholders

Fault = tuple[str, str]
"""A dotted key and what is wrong with it."""

RESERVED_CHECK_IDS = frozenset({"unknown", "promo", "subaccount", LEGAL_HOLD})
"""Item ids that the engine itself gives out."""

ITEM_PLACEHOLDERS: dict[Inspects, frozenset[str]] = {
    Inspects.BILLS: frozenset({"id", "amount", "currency", "status"}),
    Inspects.CREDIT_NOTES: frozenset({"id", "amount", "currency"}),
    Inspects.BALANCE: frozenset({"amount", "currency"}),
    Inspects.DEBT: frozenset({"amount", "currency"}),
    Inspects.RESOURCES: frozenset({"id", "product"}),
    Inspects.SUBSCRIPTIONS: frozenset({"id", "product", "expires"}),
    Inspects.DOMAINS: frozenset({"id"}),
    Inspects.ICP_FILINGS: frozenset({"id"}),
    Inspects.RELATIONSHIPS: frozenset({"id"}),
}
_CLOSURE = frozenset({"account_id", "closure_id"})
_REFUND = _CLOSURE | {"amount", "currency", "settled", "failed", "due_by"}
MESSAGE_PLACEHOLDERS: dict[MessageTemplate, frozenset[str]] = {
    MessageTemplate.ACCOUNT_CLOSED: _CLOSURE | {"delete_after"},
    MessageTemplate.ACCOUNT_DORMANT: _CLOSURE,
    MessageTemplate.CLOSURE_CONFIRMED: _CLOSURE | {"confirmed_at", "irrevocable_from"},
    MessageTemplate.CLOSURE_DELETED: _CLOSURE,
    MessageTemplate.CLOSURE_EXPIRED: _CLOSURE,
    MessageTemplate.CLOSURE_OPENED: _CLOSURE | {"opened_at", "draft_until"},
    MessageTemplate.CLOSURE_REMINDER: _CLOSURE | {"irrevocable_from"},
    MessageTemplate.CLOSURE_RESTORED: _CLOSURE | {"reason", "unrecoverable", "restart_advice"},
    MessageTemplate.CLOSURE_WITHDRAWN: _CLOSURE,
    MessageTemplate.CONFIRM_AGAIN: _CLOSURE | {"changes"},
    MessageTemplate.IDENTITY_CODE: frozenset({"code", "minutes"}),
    MessageTemplate.REFUND_FAILED: _REFUND,
    MessageTemplate.REFUND_LATE: _REFUND,
    MessageTemplate.REFUND_PARTLY_SETTLED: _REFUND,
    MessageTemplate.REFUND_SETTLED: _REFUND,
    MessageTemplate.REFUND_STARTED: _REFUND,
    MessageTemplate.SILENCE_BEGAN: _CLOSURE | {"silent_until", "delete_after"},
}
_MUST_SAY: dict[MessageTemplate, frozenset[str]] = {
    MessageTemplate.ACCOUNT_CLOSED: frozenset({"delete_after"}),
    MessageTemplate.CLOSURE_CONFIRMED: frozenset({"irrevocable_from"}),
    MessageTemplate.CLOSURE_REMINDER: frozenset({"irrevocable_from"}),
    MessageTemplate.CLOSURE_RESTORED: frozenset({"unrecoverable", "restart_advice"}),
    MessageTemplate.IDENTITY_CODE: frozenset({"code"}),
    MessageTemplate.REFUND_PARTLY_SETTLED: frozenset({"amount", "currency", "settled"}),
    MessageTemplate.REFUND_STARTED: frozenset({"amount", "currency", "due_by"}),
    MessageTemplate.SILENCE_BEGAN: frozenset({"silent_until"}),
}
_DISPOSITIONS: dict[Inspects, frozenset[Disposition]] = {
    Inspects.BALANCE: frozenset({Disposition.MANUAL, Disposition.RENOUNCEABLE, Disposition.WITHIN_LIMIT}),
    Inspects.DEBT: frozenset({Disposition.MANUAL, Disposition.RENOUNCEABLE, Disposition.WITHIN_LIMIT}),
    Inspects.RESOURCES: frozenset({Disposition.MANUAL, Disposition.RENOUNCEABLE, Disposition.BY_THING}),
    Inspects.SUBSCRIPTIONS: frozenset({Disposition.MANUAL, Disposition.RENOUNCEABLE, Disposition.BY_THING}),
}
"""What the engine can give up by itself; anything else can only be handled by the customer."""
_BECOMES: dict[Inspects, frozenset[Becomes]] = {
    Inspects.BILLS: frozenset({Becomes.STAYS_DUE, Becomes.TAKEN_FROM_REFUND}),
    Inspects.CREDIT_NOTES: frozenset({Becomes.STAYS_DUE}),
    Inspects.BALANCE: frozenset({Becomes.REFUNDED, Becomes.FORFEITED}),
    Inspects.DEBT: frozenset({Becomes.STAYS_DUE}),
    Inspects.RESOURCES: frozenset({Becomes.RELEASED}),
    Inspects.SUBSCRIPTIONS: frozenset({Becomes.RELEASED}),
    Inspects.DOMAINS: frozenset({Becomes.LEFT_BEHIND}),
    Inspects.ICP_FILINGS: frozenset({Becomes.LEFT_BEHIND}),
    Inspects.RELATIONSHIPS: frozenset({Becomes.LEFT_BEHIND}),
}
"""What can become of what no check asks about."""
_ABOUT_REFUNDS = frozenset(
    {
        MessageTemplate.REFUND_FAILED,
        MessageTemplate.REFUND_LATE,
        MessageTemplate.REFUND_SETTLED,
        MessageTemplate.REFUND_STARTED,
    }
)
_EITHER_WAY = frozenset({Disposition.BY_THING, Disposition.WITHIN_LIMIT})
_NONE = timedelta(0)


def contradictions(policy: Policy) -> Iterator[Fault]:
    """Every fault of a policy whose fields are well formed, in the order of the file."""
    if "/" in policy.provider:
        yield "provider", "must not contain a slash: workflow ids of two accounts could be the same"
    yield from _repeated("languages", policy.languages)
    yield from _repeated("modes", policy.modes)
    yield from _eligibility(policy)
    yield from _repeated("identity.methods", policy.identity.methods)
    if not policy.identity.asked:
        yield "identity.methods", "must have another than session: that of a customer may be too old"
    yield from _acknowledgements(policy)
    yield from _reasons(policy)
    yield from _durations(policy)
    yield from _access(policy)
    yield from _appears_later(policy)
    yield from _safeguards(policy)
    yield from _preparation(policy)
    yield from _refund(policy)
    yield from _retained(policy)
    yield from _checks(policy)
    yield from _messages(policy)
    yield from _leaves(policy)


def _repeated(key: str, values: Iterable[str]) -> Iterator[Fault]:
    seen = set()
    for position, value in enumerate(values):
        if value in seen:
            yield f"{key}.{position}", f'"{value}" is there twice'
        seen.add(value)


def _eligibility(policy: Policy) -> Iterator[Fault]:
    yield from _repeated("eligibility.kinds", policy.eligibility.kinds)
    yield from _repeated("eligibility.roles", policy.eligibility.roles)
    for kind in policy.eligibility.refused_kinds:
        if kind in policy.eligibility.kinds:
            yield f"eligibility.refused_kinds.{kind}", f'"{kind}" is also among the accepted kinds'


def _acknowledgements(policy: Policy) -> Iterator[Fault]:
    for kind, texts in policy.acknowledgements.items():
        if kind not in policy.eligibility.kinds:
            yield f"acknowledgements.{kind}", f'"{kind}" is not among eligibility.kinds'
        if Mode.DELETE not in policy.modes:
            yield f"acknowledgements.{kind}", "acknowledgements are for delete mode, which is not offered"
        yield from _repeated(f"acknowledgements.{kind}", texts)


def _reasons(policy: Policy) -> Iterator[Fault]:
    """A suggestion that confirm would refuse is none (A17)."""
    yield from _repeated("reasons", policy.reasons)
    for position, reason in enumerate(policy.reasons):
        try:
            check_reason(policy, reason)
        except Refused as refused:
            yield f"reasons.{position}", refused.message


def _durations(policy: Policy) -> Iterator[Fault]:
    for key, duration in (
        ("identity.proof_lifetime", policy.identity.proof_lifetime),
        ("draft_lifetime", policy.draft_lifetime),
    ):
        if duration == _NONE:
            yield key, "must be longer than zero"
    if policy.final_check is None:
        if policy.silent_period > _NONE:
            yield "final_check", "is missing: a silent period must end with a final check"
    elif policy.silent_period == _NONE:
        yield "final_check", "there is no silent period that it could end"
    elif policy.final_check.retry_interval == _NONE:
        yield "final_check.retry_interval", "must be longer than zero"
    if Mode.DELETE not in policy.modes:
        for key, duration in (("silent_period", policy.silent_period), ("retention", policy.retention)):
            if duration > _NONE:
                yield key, "is for delete mode, which is not offered"
    if policy.service_role is not None and policy.silent_period == policy.retention == _NONE:
        yield "service_role", "without a silent period or retention there is no time for it to work in"


def _access(policy: Policy) -> Iterator[Fault]:
    possible = (Access.CLOSURE_STATUS_ONLY, Access.STOPPED)
    if policy.access_while_closing not in possible:
        yield "access_while_closing", f"must be one of: {', '.join(possible)}"


def _appears_later(policy: Policy) -> Iterator[Fault]:
    if policy.appears_later is AppearsLater.INCLUDE and policy.silent_period > _NONE:
        yield (
            "appears_later",
            "include is for procedures that end at once: with a silent period it must be restore",
        )


def _safeguards(policy: Policy) -> Iterator[Fault]:
    if policy.typed_phrase is not None and (reason := fault_in(policy.typed_phrase, {"account_id"})):
        yield "typed_phrase", reason
    if policy.approval is not None:
        yield from _repeated("approval.roles", policy.approval.roles)
        yield from _limits_by_currency("approval.balance_above", policy.approval.balance_above)
    if policy.cool_off is not None:
        if policy.cool_off.duration == _NONE:
            yield "cool_off.duration", "must be longer than zero"
        for position, reminder in enumerate(policy.cool_off.reminders):
            if not _NONE < reminder < policy.cool_off.duration:
                yield f"cool_off.reminders.{position}", "must lie within the cool-off"


def _preparation(policy: Policy) -> Iterator[Fault]:
    rule = policy.preparation
    if rule is None:
        return
    if not is_country(rule.country):
        yield "preparation.country", f'"{rule.country}" is no country whose public holidays are known'
    for name, days in (("workloads", rule.workloads), ("transfers", rule.transfers)):
        if days is not None and days.at_least > days.at_most:
            yield f"preparation.{name}.at_least", "must not be more than at_most"


def _refund(policy: Policy) -> Iterator[Fault]:
    rule = policy.refund
    if rule is None:
        return
    yield from _repeated("refund.kinds", rule.kinds)
    for kind in rule.kinds:
        if kind not in policy.eligibility.kinds:
            yield "refund.kinds", f'"{kind}" is not among eligibility.kinds'
    if Mode.DELETE not in policy.modes:
        yield "refund", "is for delete mode, which is not offered"
    if not is_country(rule.country):
        yield "refund.country", f'"{rule.country}" is no country whose public holidays are known'
    if rule.poll_interval == _NONE:
        yield "refund.poll_interval", "must be longer than zero"
    if rule.wait_for_metering >= rule.business_days:
        yield "refund.wait_for_metering", "must be less than business_days: the refund would be late"
    if Inspects.BALANCE in policy.inspected.values():
        yield "refund", "a check inspects the balance: it is either given up or refunded, not both"


def _retained(policy: Policy) -> Iterator[Fault]:
    names: set[str] = set()
    stores: set[str] = set()
    for position, kept in enumerate(policy.retained):
        key = f"retained.{position}"
        if kept.name in names:
            yield f"{key}.name", f'another class has the name "{kept.name}"'
        names.add(kept.name)
        if (kept.years is None) is (kept.duration is None):
            yield f"{key}.years", "give years or duration, one of both"
        if kept.duration == _NONE:
            yield f"{key}.duration", "must be longer than zero"
        for number, store in enumerate(kept.stores):
            if store in stores:
                yield f"{key}.stores.{number}", f'"{store}" is there twice'
            stores.add(store)
    if policy.retained and Mode.DELETE not in policy.modes:
        yield "retained", "is for delete mode, which is not offered"


def _checks(policy: Policy) -> Iterator[Fault]:
    ids: set[str] = set()
    inspected: set[Inspects] = set()
    for position, check in enumerate(policy.checks):
        key = f"checks.{position}"
        if check.id in RESERVED_CHECK_IDS:
            yield f"{key}.id", f'"{check.id}" is reserved'
        if check.id in ids:
            yield f"{key}.id", f'another check has the id "{check.id}"'
        ids.add(check.id)
        # Relationships are told apart by `where`; anything else inspected twice would be given up twice.
        if check.inspects in inspected and check.inspects is not Inspects.RELATIONSHIPS:
            yield f"{key}.inspects", f'another check inspects "{check.inspects}"'
        inspected.add(check.inspects)
        yield from _disposition(key, check)
        yield from _where(key, check)
        yield from _limits(key, check)
        yield from _check_texts(key, check)


def _disposition(key: str, check: Check) -> Iterator[Fault]:
    possible = _DISPOSITIONS.get(check.inspects, frozenset({Disposition.MANUAL}))
    if check.disposition not in possible:
        listed = ", ".join(sorted(possible))
        yield (
            f"{key}.disposition",
            f'"{check.disposition}" is impossible for {check.inspects}; possible: {listed}',
        )
    if check.disposition in _EITHER_WAY and check.how_to_manual is None:
        yield f"{key}.how_to_manual", "is missing: some findings of this check must be handled elsewhere"
    if check.disposition not in _EITHER_WAY and check.how_to_manual is not None:
        yield f"{key}.how_to_manual", f'a check that is always "{check.disposition}" has how_to only'


def _where(key: str, check: Check) -> Iterator[Fault]:
    if check.where is None:
        return
    if check.inspects is not Inspects.RELATIONSHIPS:
        yield f"{key}.where", "is for checks that inspect relationships"
    if check.where.type is RelationshipType.PARTNER and check.where.role is not None:
        yield f"{key}.where.role", "a partner relationship has no role"


def _limits(key: str, check: Check) -> Iterator[Fault]:
    if check.disposition is not Disposition.WITHIN_LIMIT:
        if check.limits:
            yield f"{key}.limits", f'limits are for the disposition "{Disposition.WITHIN_LIMIT}"'
        return
    yield from _limits_by_currency(f"{key}.limits", check.limits)


def _limits_by_currency(key: str, limits: Mapping[str, str]) -> Iterator[Fault]:
    if "default" not in limits:
        yield f"{key}.default", "is missing: it serves every currency without a limit of its own"
    for currency, limit in limits.items():
        reason = _limit_fault(currency, limit)
        if reason is not None:
            yield f"{key}.{currency}", reason


def _limit_fault(currency: str, limit: str) -> str | None:
    if currency == "default":
        if not (limit.isascii() and limit.isdigit() and len(limit) <= 15):
            return 'must be a whole number such as "1000": some currencies have no decimals'
        return None
    if not is_currency(currency):
        return f'"{currency}" is not an ISO 4217 currency code'
    try:
        parsed = Money.parse(limit, currency)
    except ValueError as error:
        return str(error)
    return "must not be negative" if parsed.minor < 0 else None


def _check_texts(key: str, check: Check) -> Iterator[Fault]:
    allowed = ITEM_PLACEHOLDERS[check.inspects]
    if check.disposition is Disposition.WITHIN_LIMIT:
        allowed |= {"limit"}
    texts = {"title": check.title, "how_to": check.how_to, "how_to_manual": check.how_to_manual}
    for name, text in {**texts, "link": check.link}.items():
        reason = fault_in(text, allowed) if text is not None else None
        if reason is not None:
            yield f"{key}.{name}", reason
    if check.link is not None and "{" in (urlsplit(check.link).hostname or ""):
        yield f"{key}.link", "must not have placeholders in its host"


def _messages(policy: Policy) -> Iterator[Fault]:
    own = policy.languages[0]
    for template in sorted(_needed_messages(policy)):
        if own not in policy.messages.get(template, {}):
            yield f"messages.{template}.{own}", "is missing: the procedure has such a turn"
    for template, languages in policy.messages.items():
        for language, texts in languages.items():
            key = f"messages.{template}.{language}"
            if language not in policy.languages:
                yield key, f'"{language}" is not among the languages of the policy'
            yield from _subject(key, template, texts.subject)
            for channel in Channel:
                yield from _message_text(f"{key}.{channel}", template, texts.for_channel(channel))


def _subject(key: str, template: MessageTemplate, subject: str | None) -> Iterator[Fault]:
    if subject is None:
        yield f"{key}.subject", "is missing"
    elif "\n" in subject.strip():
        yield f"{key}.subject", "must be one line"
    elif (reason := fault_in(subject, MESSAGE_PLACEHOLDERS[template])) is not None:
        yield f"{key}.subject", reason


def _needed_messages(policy: Policy) -> set[MessageTemplate]:
    needed = set()
    if Mode.DELETE in policy.modes:
        needed.add(MessageTemplate.CLOSURE_DELETED)
    if Mode.DELETE in policy.modes and policy.retention > _NONE:
        needed.add(MessageTemplate.ACCOUNT_CLOSED)
    if Mode.KEEP_DATA in policy.modes:
        needed.add(MessageTemplate.ACCOUNT_DORMANT)
    if policy.refund is not None:
        needed |= _ABOUT_REFUNDS
    if policy.cool_off is not None:
        needed.add(MessageTemplate.CONFIRM_AGAIN)
        if policy.cool_off.reminders:
            needed.add(MessageTemplate.CLOSURE_REMINDER)
    if policy.final_check is not None or policy.appears_later is AppearsLater.RESTORE:
        needed.add(MessageTemplate.CLOSURE_RESTORED)
    if {IdentityMethod.EMAIL_CODE, IdentityMethod.SMS_CODE} & set(policy.identity.methods):
        needed.add(MessageTemplate.IDENTITY_CODE)
    return needed


def _leaves(policy: Policy) -> Iterator[Fault]:
    """A procedure that asks nobody about something must say what becomes of it."""
    if Mode.DELETE not in policy.modes:
        if policy.leaves:
            yield "leaves", "is for delete mode, which is not offered"
        return
    for kind in Inspects:
        becomes = policy.leaves.get(kind)
        possible = _possible(kind, refunds=policy.refund is not None)
        if kind not in policy.unchecked:
            if becomes is not None:
                yield f"leaves.{kind}", "a check asks about it: that decides what becomes of it"
        elif becomes is None:
            yield f"leaves.{kind}", f"is missing: no check asks about it. What becomes of it? {possible}"
        elif becomes not in possible.split(", "):
            yield f"leaves.{kind}", f'"{becomes}" is impossible here; possible: {possible}'


def _possible(kind: Inspects, *, refunds: bool) -> str:
    impossible = {Becomes.FORFEITED} if refunds else {Becomes.REFUNDED, Becomes.TAKEN_FROM_REFUND}
    return ", ".join(sorted(_BECOMES[kind] - impossible))


def _message_text(key: str, template: MessageTemplate, text: str) -> Iterator[Fault]:
    reason = fault_in(text, MESSAGE_PLACEHOLDERS[template])
    if reason is not None:
        yield key, reason
        return
    unsaid = _MUST_SAY.get(template, frozenset()) - placeholders(text)
    if unsaid:
        yield key, f"must contain {', '.join(f'{{{name}}}' for name in sorted(unsaid))}"
