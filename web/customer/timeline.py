"""What happens when, if an account were closed now: an estimate from its policy and what was found (A27)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from closure.business_days import add_business_days
from closure.plan import Plan
from closure.policy import BusinessDays, Policy
from closure.policy_checks import Inspects
from web.browser.languages import Reader
from web.customer.facts import NOTHING, business_days

_WORKLOADS = frozenset({Inspects.RESOURCES, Inspects.SUBSCRIPTIONS})
_TRANSFERS = frozenset({Inspects.DOMAINS, Inspects.ICP_FILINGS})


@dataclass(frozen=True)
class Happening:
    """One entry; `when` is a day or a range of days, UTC. From `is_final` on there is no way back."""

    title: str
    when: str
    detail: str = ""
    is_final: bool = False


@dataclass(frozen=True)
class _Moment:
    """Between the earliest and the latest, as far as the customer's preparation goes."""

    earliest: datetime
    latest: datetime

    def after(self, duration: timedelta) -> "_Moment":
        return _Moment(self.earliest + duration, self.latest + duration)

    def after_business_days(self, days: BusinessDays, country: str) -> "_Moment":
        return _Moment(
            add_business_days(self.earliest, days.at_least, country),
            add_business_days(self.latest, days.at_most, country),
        )

    def said(self, reader: Reader) -> str:
        return reader.days(self.earliest, self.latest)


def timeline(policy: Policy, plan: Plan, kind: str, now: datetime, reader: Reader) -> tuple[Happening, ...]:
    """From now to the end, for an account of this kind. `policy` is in the reader's language."""
    return tuple(_happenings(policy, plan, kind, _Moment(now, now), reader))


def _happenings(policy: Policy, plan: Plan, kind: str, now: _Moment, reader: Reader) -> Iterator[Happening]:
    text = reader.text
    confirmed = _prepared(policy, plan, now)
    if confirmed != now:
        yield _preparation(policy, plan, reader)
    yield Happening(
        text("System check"),
        now.said(reader) if confirmed == now else text("At any time"),
        text(
            "You prove who you are; then we look for whatever must be settled first. It takes a few minutes."
        ),
    )
    yield Happening(text("You confirm"), confirmed.said(reader), _confirming(policy, reader))
    irrevocable = confirmed
    if policy.cool_off is not None:
        irrevocable = confirmed.after(policy.cool_off.duration)
        yield Happening(
            text("Time to change your mind"),
            reader.days(confirmed.earliest, irrevocable.latest),
            text("For %(time)s you can still withdraw.", time=reader.duration(policy.cool_off.duration)),
        )
    yield from _irrevocable(policy, plan, kind, irrevocable, reader)


def _irrevocable(
    policy: Policy, plan: Plan, kind: str, began: _Moment, reader: Reader
) -> Iterator[Happening]:
    text = reader.text
    yield Happening(text("The account stops"), began.said(reader), _stopping(policy, reader), is_final=True)
    entered = began.after(policy.entering_duration)
    silent_until = entered.after(policy.silent_period)
    if policy.silent_period > NOTHING:
        yield Happening(
            text("Silent period"),
            reader.days(entered.earliest, silent_until.latest),
            text(
                "%(time)s for late bills to arrive. Nobody can end or shorten "
                "it; signing in shows the time left.",
                time=reader.duration(policy.silent_period),
            ),
            is_final=True,
        )
    if policy.final_check is not None:
        yield Happening(
            text("Final check of your bills"),
            silent_until.said(reader),
            text("If something is owed, the account goes back to normal use and we tell you what to settle."),
            is_final=True,
        )
    if policy.refund is not None and policy.refunds(kind, plan.mode) and plan.refund_total is not None:
        days = BusinessDays(at_least=policy.refund.business_days, at_most=policy.refund.business_days)
        yield Happening(
            text("Refund"),
            text("by %(date)s", date=began.after_business_days(days, policy.refund.country).said(reader)),
            text(
                "%(amount)s go back to what they were paid with, within %(days)s.",
                amount=reader.money(str(plan.refund_total), plan.currency),
                days=business_days(reader, days.at_least, days.at_most),
            ),
            is_final=True,
        )
    yield Happening(
        text("Everything is deleted"),
        silent_until.after(policy.retention).said(reader),
        _deleting(policy, reader),
        is_final=True,
    )


def _preparations(policy: Policy, plan: Plan) -> tuple[BusinessDays | None, BusinessDays | None]:
    """What saving and moving workloads takes, and domain names and filings more, as far as there are any."""
    estimate = policy.preparation
    if estimate is None:
        return None, None
    inspected = {each.inspects for each in plan.items}
    has_workloads = plan.releases_number > 0 or bool(inspected & _WORKLOADS)
    return (
        estimate.workloads if has_workloads else None,
        estimate.transfers if inspected & _TRANSFERS else None,
    )


def _prepared(policy: Policy, plan: Plan, now: _Moment) -> _Moment:
    """When the customer can confirm."""
    ready = now
    for days in _preparations(policy, plan):
        if days is not None and policy.preparation is not None:
            ready = ready.after_business_days(days, policy.preparation.country)
    return ready


def _preparation(policy: Policy, plan: Plan, reader: Reader) -> Happening:
    workloads, transfers = _preparations(policy, plan)
    said = []
    if workloads is not None:
        days = business_days(reader, workloads.at_least, workloads.at_most)
        said.append(reader.text("Saving data and moving workloads: %(days)s.", days=days))
    if transfers is not None:
        days = business_days(reader, transfers.at_least, transfers.at_most)
        said.append(reader.text("Moving domain names and filings: %(days)s more.", days=days))
    needed = [each for each in (workloads, transfers) if each is not None]
    in_all = business_days(
        reader, sum(each.at_least for each in needed), sum(each.at_most for each in needed)
    )
    return Happening(reader.text("Preparation"), in_all, " ".join(said))


def _confirming(policy: Policy, reader: Reader) -> str:
    if policy.cool_off is not None:
        return reader.text(
            "Until you confirm nothing changes, and afterwards you can still withdraw for a while."
        )
    return reader.text("Until you confirm nothing changes. After it there is no way back.")


def _stopping(policy: Policy, reader: Reader) -> str:
    said = [
        reader.text(
            "Sign-in, access and API keys stop working. What you gave up is released or discarded "
            "and can't be recovered."
        )
    ]
    if policy.entering_duration > NOTHING:
        time = reader.duration(policy.entering_duration)
        said.append(reader.text("It takes about %(time)s; you are signed out everywhere.", time=time))
    return " ".join(said)


def _deleting(policy: Policy, reader: Reader) -> str:
    said = [reader.text("You get a message and a signed certificate. Nobody can bring the account back.")]
    if policy.retention > NOTHING:
        time = reader.duration(policy.retention)
        said.insert(0, reader.text("The data is kept for %(time)s, then it is deleted.", time=time))
    return " ".join(said)
