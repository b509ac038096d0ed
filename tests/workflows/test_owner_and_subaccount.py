"""Owner and subaccount close at the same time: every interleaving ends, and money is promised once.

Each scene runs on SQLite and on PostgreSQL, where transactions overlap.
"""

import asyncio
from datetime import timedelta

from closure.accounts import Access
from closure.duration import parse_duration
from closure.errors import RefusalType, Refused
from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from closure.money import Money
from closure.policy import CoolOff, MessageTemplate, MessageTexts, Policy
from closure.transitions import GOES_WITH_OWNER
from connectors.embedded import tables
from connectors.embedded.holds import hold, unhold
from connectors.ports import Platform
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.around import Act, Call, around_ports
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.twilio import WORDS, account_of, retained, twilio_account
from tests.harness.waiting import BEYOND, eventually

STORES = [{"id": "usage", "store": "usage-history", "objects": 7}]


async def family(installation: TestInstallation) -> tuple[AccountDriver, AccountDriver]:
    """An owner with 1.00 and its subaccount with 17.00, which has users of its own."""
    owner = await twilio_account(
        installation,
        balance={"cash": "1.00"},
        data=STORES,
        subaccounts=[
            {
                "id": "owned",
                "users": [{"id": "u-1", "role": "owner", "email": "sub@example.com"}],
                "balance": {"cash": "17.00"},
                "data": STORES,
            }
        ],
    )
    return owner, account_of(installation, "owned")


async def silent_family(installation: TestInstallation) -> tuple[AccountDriver, AccountDriver]:
    """The same under a procedure with a silent period."""
    owned = await installation.account(data=STORES)
    owner = await installation.account(data=STORES)
    await installation.database.write(
        lambda connection: connection.execute(
            tables.accounts.update()
            .where(tables.accounts.c.id == owned.account_id)
            .values(parent_id=owner.account_id)
        )
    )
    return owner, owned


async def promised(*closings: AccountDriver) -> Money:
    """What the closures have said that they give back."""
    refunds = [(await closing.status()).refund for closing in closings]
    amounts = [Money.parse(each.amount, each.currency) for each in refunds if each is not None]
    return sum(amounts, Money.zero("USD"))


async def all_gone(*closings: AccountDriver) -> None:
    for closing in closings:
        assert await closing.access() is Access.CLOSED
        assert await closing.rows(tables.data_stores) == []


async def test_a_subaccounts_draft_ends_when_its_owner_stops(installation: TestInstallation) -> None:
    owner, owned = await family(installation)
    await owned.ready(acknowledgements=WORDS)
    await retained(owner)
    ended = await owned.until(Stage.WITHDRAWN)
    assert ended.outcome_reason == GOES_WITH_OWNER
    assert await promised(owner) == Money.parse("18.00", "USD")
    assert EventType.TAKEN_ALONG in await owned.event_types()
    await owner.end_of_retention()
    assert (await owner.outcome()).outcome is Outcome.DELETED
    await all_gone(owner, owned)


async def test_a_subaccount_that_cools_off_goes_with_its_owner(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    texts = {"en": MessageTexts(email="{changes}", sms="{changes}")}
    reminder = {"en": MessageTexts(email="{irrevocable_from}", sms="{irrevocable_from}")}
    twilio = policies["twilio"]
    cooling = twilio.model_copy(
        update={
            "cool_off": CoolOff(duration=parse_duration("14d"), reminders=(parse_duration("1d"),)),
            "messages": {
                **twilio.messages,
                MessageTemplate.CONFIRM_AGAIN: texts,
                MessageTemplate.CLOSURE_REMINDER: reminder,
            },
        }
    )
    async with installations.open(policies={"twilio": cooling}) as installation:
        owner, owned = await family(installation)
        await owner.ready(acknowledgements=WORDS)
        await owner.confirm()
        await owned.ready(acknowledgements=WORDS)
        assert (await owned.confirm()).stage is Stage.COOLING_OFF
        await owner.fast_forward(timedelta(days=14) + BEYOND)
        await owner.until(Stage.RETAINED)
        assert (await owned.until(Stage.WITHDRAWN)).outcome_reason == GOES_WITH_OWNER
        await owner.end_of_retention()
        assert (await owner.outcome()).outcome is Outcome.DELETED
        await all_gone(owner, owned)


class Together:
    """Whoever reads the subaccount's billing waits until both closures do."""

    def __init__(self) -> None:
        self.is_on = False
        self._readers = 0
        self._both = asyncio.Event()

    def over(self, platform: Platform) -> Platform:
        return around_ports(platform, self._around)

    async def _around(self, call: Call, act: Act) -> object:
        answer = await act()
        if self.is_on and call.name == "billing.statement" and call.arguments == ("owned",):
            self._readers += 1
            if self._readers >= 2:
                self._both.set()
            await asyncio.wait_for(self._both.wait(), 10)
        return answer


async def test_two_that_confirm_within_each_others_survey_both_end_and_promise_money_once(
    installations: InstallationBuilder,
) -> None:
    together = Together()
    async with installations.open(platforms=together.over) as installation:
        owner, owned = await family(installation)
        await owner.ready(acknowledgements=WORDS)
        await owned.ready(acknowledgements=WORDS)
        together.is_on = True

        async def confirm(closing: AccountDriver) -> bool:
            try:
                await closing.confirm()
            except Refused as refused:
                return refused.type is not RefusalType.IRREVOCABLE
            return True

        confirmed = await asyncio.gather(confirm(owner), confirm(owned))
        assert confirmed[0]
        await owner.until(Stage.RETAINED)
        await owned.until(Stage.RETAINED if confirmed[1] else Stage.WITHDRAWN)
        assert await promised(owner, owned) == Money.parse("18.00", "USD")
        for closing in (owned, owner) if confirmed[1] else (owner,):
            await closing.end_of_retention()
            await eventually(closing.status, lambda found: found.outcome is not None, "an outcome")
        assert (await owner.outcome()).outcome is Outcome.DELETED
        await all_gone(owner, owned)


async def test_a_draft_of_a_claimed_account_is_refused_its_confirm(installation: TestInstallation) -> None:
    owner, owned = await family(installation)
    await retained(owner)
    refused = await refusal(owned.close(acknowledgements=WORDS))
    assert refused.type is RefusalType.CLOSURE_ALREADY_OPEN


async def test_while_its_owner_is_silent_nothing_can_be_done_about_a_subaccount_whose_draft_ended(
    installation: TestInstallation,
) -> None:
    owner, owned = await silent_family(installation)
    await owned.ready()
    await owner.silent()
    ended = await owned.until(Stage.WITHDRAWN)
    for named in (None, ended.closure_id):
        acts = owned.closures
        for act in (
            acts.confirm(owned.account_id, "u-1", "no longer needed", closure_id=named),
            acts.withdraw(owned.account_id, "u-1", closure_id=named),
            acts.recheck(owned.account_id, closure_id=named),
        ):
            assert (await refusal(act)).type is RefusalType.IRREVOCABLE


async def test_once_its_owner_is_restored_a_subaccounts_ended_draft_is_said_to_have_ended(
    installation: TestInstallation,
) -> None:
    owner, owned = await silent_family(installation)
    await owned.ready()
    await owner.silent()
    await owned.until(Stage.WITHDRAWN)
    await owner.bill_late_usage()
    await owner.end_of_silence()
    assert (await owner.outcome()).outcome is Outcome.RESTORED
    assert (await refusal(owned.confirm())).type is RefusalType.CLOSURE_ENDED
    await owned.ready()


async def test_an_owner_waits_for_a_subaccount_in_mid_silence_and_then_goes(
    installation: TestInstallation,
) -> None:
    owner, owned = await silent_family(installation)
    await owned.silent()
    await owner.silent()
    await owner.end_of_silence()
    await owner.until(lambda found: found.waiting_for is not None)
    assert (await owner.status()).stage is Stage.DELETING
    assert await owned.access() is Access.CLOSURE_STATUS_ONLY
    await owned.end_of_silence()
    assert (await owned.outcome()).outcome is Outcome.DELETED
    await owner.handle.signal("recheck")
    assert (await owner.outcome()).outcome is Outcome.DELETED
    await all_gone(owner, owned)


async def test_a_subaccount_restored_after_its_owners_deletion_began_is_taken_along(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        owner, owned = await silent_family(installation)
        await owned.silent()
        await owner.silent()
        await owner.end_of_silence()
        await owner.until(lambda found: found.waiting_for is not None)
        assert (await owner.status()).stage is Stage.DELETING
        await owned.bill_late_usage()
        await owned.end_of_silence()
        assert (await owned.outcome()).outcome is Outcome.RESTORED
        assert await owned.access() is Access.OPEN
        await owner.handle.signal("recheck")
        assert (await owner.outcome()).outcome is Outcome.DELETED
        assert EventType.SUBACCOUNTS_JOINED in await owner.event_types()
        await all_gone(owner, owned)


async def test_a_subaccount_under_legal_hold_holds_its_owner_up_until_it_is_lifted(
    installation: TestInstallation,
) -> None:
    owner, owned = await family(installation)
    await retained(owner)
    await hold(installation.database, owned.account_id, "court order")
    await owner.end_of_retention()
    await owner.until_event(EventType.SUBACCOUNTS_HELD_UP)
    assert await owned.rows(tables.data_stores)
    await unhold(installation.database, owned.account_id)
    await owner.until(lambda found: found.waiting_for is not None)
    await owner.handle.signal("recheck")
    assert (await owner.outcome()).outcome is Outcome.DELETED
    await all_gone(owner, owned)
