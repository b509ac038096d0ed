"""What an owner takes along late, since its own closure ended otherwise, loses no money either (T10, A21)."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from closure.certificate import SignedCertificate
from closure.events import EventType, RefundChanged
from closure.lifecycle import Outcome, Stage
from closure.messages import Becomes, RefundState
from closure.policy_checks import Inspects
from closure.waiting import WaitingReason
from connectors.embedded import elsewhere, tables
from connectors.ports import Platform
from tests.harness.account_driver import AccountDriver
from tests.harness.around import Act, Call, around_ports
from tests.harness.books import must_balance
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.money_moves import arrives, use
from tests.harness.twilio import money, retained, twilio_account

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
FAR = datetime(2099, 1, 1, tzinfo=UTC)
STORES = [{"id": "usage", "store": "usage-history", "objects": 7}]


async def restored_beneath(owner: AccountDriver) -> AccountDriver:
    """A subaccount of `owner` that was in mid-silence at its stop, and is restored while it waits to go."""
    installation = owner.installation
    owned = await installation.account(data=STORES, domains=[])
    await installation.database.write(
        lambda connection: connection.execute(
            update(tables.accounts)
            .where(tables.accounts.c.id == owned.account_id)
            .values(parent_id=owner.account_id)
        )
    )
    await owned.silent()
    if owner.provider == "twilio":
        await retained(owner)
        await owner.end_of_retention()
    else:
        await owner.silent()
        await owner.end_of_silence()
    await until_waiting(owner, WaitingReason.SUBACCOUNTS)
    await owned.bill_late_usage(123)
    await owned.end_of_silence()
    assert (await owned.outcome()).outcome is Outcome.RESTORED
    return owned


async def until_waiting(owner: AccountDriver, reason: WaitingReason) -> None:
    await owner.until(
        lambda found: (
            found.stage is Stage.DELETING
            and found.waiting_for is not None
            and found.waiting_for.reason == reason
        )
    )


async def recheck(owner: AccountDriver) -> None:
    await owner.handle.signal("recheck")


async def certificate(installation: TestInstallation, closure_id: str) -> SignedCertificate:
    kept = await installation.records.certificate(closure_id)
    assert kept is not None
    return SignedCertificate.model_validate_json(kept.content)


async def last_certificate(owned: AccountDriver) -> SignedCertificate:
    record = await owned.installation.records.last(owned.account_id)
    assert record is not None
    assert record.state.outcome is Outcome.DELETED
    return await certificate(owned.installation, record.closure_id)


async def test_t10_its_cash_goes_back_with_its_owners_and_what_it_owes_stays_due(
    installation: TestInstallation,
) -> None:
    owner = await twilio_account(installation, balance={"cash": "1.00"}, data=STORES)
    owned = await restored_beneath(owner)
    await arrives(owned, 1700)
    await recheck(owner)
    pending = await owner.until(lambda found: found.refund is not None and found.refund.amount == "18.00")
    assert pending.refund is not None
    assert pending.refund.status is RefundState.PARTLY_SETTLED
    assert [(each.item_id, each.amount) for each in pending.owed if each.amount] == [
        (f"{owned.account_id}/bills/{pending.owed[0].resource_id}", "1.23")
    ]
    changed = (await owner.until_event(EventType.REFUND_CHANGED)).content
    assert isinstance(changed, RefundChanged)
    assert (changed.amount_before, changed.amount) == ("1.00", "18.00")

    await owner.fast_forward(timedelta(days=8))
    ended = await owner.outcome()
    assert (ended.outcome, ended.refund and ended.refund.settled) == (Outcome.DELETED, "18.00")
    assert await money(owned) == {"cash": 0, "promo": 0, "under way": 0, "outside": 0}
    await must_balance(installation.database)
    whole = await certificate(installation, owner.closure_id)
    assert whole.money is not None
    assert whole.money.refunded == "18.00"
    own = await last_certificate(owned)
    assert own.owner is not None
    assert own.owner.closure_id == owner.closure_id
    assert [(each.check, each.amount, each.becomes) for each in own.owed] == [
        (Inspects.BILLS.value, "1.23", Becomes.STAYS_DUE)
    ]
    assert len(await owned.rows(tables.dues)) == 1


async def test_where_nothing_is_refunded_its_balance_is_handed_to_billing(
    installation: TestInstallation,
) -> None:
    owner = await installation.account(data=STORES)
    owned = await restored_beneath(owner)
    await arrives(owned, 500)
    await recheck(owner)
    ended = await owner.outcome()
    assert (ended.outcome, ended.refund) == (Outcome.DELETED, None)
    own = await last_certificate(owned)
    assert {(each.check, each.amount, each.becomes) for each in own.owed} == {
        (Inspects.BILLS.value, "1.23", Becomes.STAYS_DUE),
        (Inspects.BALANCE.value, "5.00", Becomes.STAYS_DUE),
    }
    assert sorted(str(row["kind"]) for row in await owned.rows(tables.dues)) == ["balance", "bills"]
    assert (await money(owned))["cash"] == 500, "nobody has consented to lose it"


async def metered(account: AccountDriver, until: datetime) -> None:
    await elsewhere.move_watermark(account.installation.database, account.account_id, until)


async def unmetered(account: AccountDriver) -> None:
    """Usage of the account is billed late from now on."""
    await account.installation.database.write(
        lambda connection: connection.execute(
            update(tables.accounts)
            .where(tables.accounts.c.id == account.account_id)
            .values(usage_final_until=LONG_AGO)
        )
    )


async def test_t10_usage_up_to_its_stop_is_billed_before_its_cash_goes_back(
    installation: TestInstallation,
) -> None:
    owner = await twilio_account(installation)
    owned = await restored_beneath(owner)
    await arrives(owned, 1700)
    await unmetered(owned)
    await recheck(owner)
    await until_waiting(owner, WaitingReason.USAGE_NOT_BILLED)
    assert (await owner.status()).refund is None
    assert await owned.rows_left(tables.data_stores) == 1
    await use(owned, 100)
    await metered(owned, FAR)
    await recheck(owner)
    await owner.until(lambda found: found.refund is not None and found.refund.amount == "16.00")
    await owner.fast_forward(timedelta(days=8))
    assert (await owner.outcome()).outcome is Outcome.DELETED
    assert (await owner.event_types()).count(EventType.SUBACCOUNTS_JOINED) == 1


async def test_t10_metering_that_never_gets_there_holds_it_up_for_three_business_days_only(
    installation: TestInstallation,
) -> None:
    owner = await twilio_account(installation)
    owned = await restored_beneath(owner)
    await arrives(owned, 1700)
    await unmetered(owned)
    await recheck(owner)
    await until_waiting(owner, WaitingReason.USAGE_NOT_BILLED)
    await owner.fast_forward(timedelta(days=6))
    await owner.until(lambda found: found.refund is not None and found.refund.amount == "17.00")
    await owner.fast_forward(timedelta(days=8))
    assert (await owner.outcome()).outcome is Outcome.DELETED


class Unreadable:
    """One account's sources can't be read until `heal`."""

    def __init__(self) -> None:
        self.account_id = ""
        self.tried = 0

    def over(self, platform: Platform) -> Platform:
        return around_ports(platform, self._around)

    async def _around(self, call: Call, act: Act) -> object:
        if call.name == "refunds.payments" and call.arguments == (self.account_id,):
            self.tried += 1
            raise RuntimeError("the payment provider does not answer")
        return await act()


async def test_nothing_of_it_goes_while_a_source_of_it_cannot_be_read(
    installations: InstallationBuilder,
) -> None:
    unreadable = Unreadable()
    async with installations.open(platforms=unreadable.over) as installation:
        owner = await twilio_account(installation)
        owned = await restored_beneath(owner)
        await arrives(owned, 1700)
        unreadable.account_id = owned.account_id
        await recheck(owner)
        await until_waiting(owner, WaitingReason.SOURCE_UNREADABLE)
        assert unreadable.tried
        assert await owned.rows_left(tables.data_stores) == 1
        unreadable.account_id = ""
        await recheck(owner)
        await owner.until(lambda found: found.refund is not None and found.refund.amount == "17.00")
        await owner.fast_forward(timedelta(days=8))
        assert (await owner.outcome()).outcome is Outcome.DELETED
