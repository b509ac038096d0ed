"""The soft close: what recurs goes, everything else stays (T6)."""

from closure.accounts import Access
from closure.events import EventType
from closure.lifecycle import Mode, Outcome, Stage
from connectors.embedded import tables
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder
from tests.harness.twilio import WORDS, account_of, money, turns, twilio_account
from tests.workflows.test_twilio_closing import accepted

NUMBER = {"id": "number-1", "product": "number"}
PLAN = {"id": "plan-1", "product": "flex", "expires_at": "2099-01-01T00:00:00Z"}
STORES = [
    {"id": name, "store": name, "objects": 5} for name in ("usage-history", "functions", "assets", "flows")
]


async def test_t6_numbers_and_subscriptions_go_and_everything_else_stays(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await twilio_account(
            installation,
            balance={"cash": "30.00", "promo": "5.00"},
            resources=[NUMBER],
            subscriptions=[PLAN],
            data=STORES,
            api_keys=[{"id": "k-1"}],
            bindings=[{"id": "bind-1", "third_party": "github"}],
            subaccounts=[{"id": "t6-sub", "resources": [NUMBER], "data": STORES}],
        )
        before = await money(closing)
        document = await closing.close(mode=Mode.KEEP_DATA)  # T9's text is not asked for
        assert document.stage is Stage.READY
        await closing.confirm("")
        ended = await closing.outcome()

        assert (ended.stage, ended.outcome) == (Stage.DORMANT, Outcome.DORMANT)
        assert (ended.refund, ended.delete_after, ended.silent_until) == (None, None, None)
        assert set(ended.unrecoverable) == {
            "resources/number-1",
            "subscriptions/plan-1",
            "subaccount/t6-sub/resources/number-1",
        }
        for each in (closing, account_of(installation, "t6-sub")):
            assert await each.rows(tables.resources) == []
            assert await each.rows(tables.subscriptions) == []
            assert len(await each.rows(tables.data_stores)) == 4
            assert await each.access() is Access.OPEN
            assert await accepted(each)
        assert await money(closing) == before
        assert len(await closing.rows(tables.bindings)) == 1
        assert await turns(closing) == ["closure_opened", "account_dormant"]
        assert weather.effects[:3] == ["release number-1", "cancel plan-1", "release number-1"]
        assert not {"stop access", "forfeit"} & set(weather.effects)
        assert await closing.event_types() == [
            EventType.OPENED,
            EventType.CHECK_STARTED,
            EventType.SURVEYED,
            EventType.CONFIRMED,
            EventType.RESOURCES_RELEASED,
            EventType.DORMANT,
        ]

        # It may return, sleep again, and be closed for good later.
        await closing.insert(
            tables.resources, id="number-2", product="number", billing="pay-as-you-go", renounceable=False
        )
        await closing.close(mode=Mode.KEEP_DATA)
        await closing.confirm("")
        assert (await closing.outcome()).outcome is Outcome.DORMANT
        assert await closing.rows(tables.resources) == []
        await closing.close(acknowledgements=WORDS)
        await closing.confirm("")
        await closing.until(Stage.RETAINED)
        await closing.end_of_retention()
        assert (await closing.outcome()).outcome is Outcome.DELETED
        assert await closing.rows(tables.data_stores) == []
