"""What the law makes the provider keep is an answer: the closure goes on without it, or waits."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from closure.accounts import Access
from closure.certificate import SignedCertificate, StoreState, store_reference
from closure.events import DataErased, EventType
from closure.lifecycle import Outcome, Stage
from closure.waiting import WaitingReason
from connectors.embedded import tables
from connectors.embedded.retention import let_go
from connectors.ports import MustRetain, Platform
from tests.harness.account_driver import AccountDriver
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.served_platform import ServedPlatform, running_server

UNTIL = datetime(2036, 1, 1, tzinfo=UTC)
BOOKS = {"id": "books", "store": "invoices", "objects": 30}
PHOTOS = {"id": "photos", "store": "object-storage", "objects": 1200}
Over = Callable[[Weather, Platform], Platform]


@pytest.fixture(scope="module")
async def service() -> AsyncIterator[ServedPlatform]:
    async with running_server() as running:
        yield running


@pytest.fixture
def weather() -> Weather:
    return Weather()


@pytest.fixture(params=["here", "over HTTP"])
async def installation(
    request: pytest.FixtureRequest,
    installations: InstallationBuilder,
    service: ServedPlatform,
    weather: Weather,
) -> AsyncIterator[TestInstallation]:
    def over(platform: Platform) -> Platform:
        there = weather.over(platform)
        return there if request.param == "here" else service.over(there)

    async with installations.open(platforms=over) as opened:
        yield opened
        await opened.platform.aclose()


async def deleted(closing: AccountDriver) -> SignedCertificate:
    await closing.silent()
    await closing.end_of_silence()
    assert (await closing.outcome()).outcome is Outcome.DELETED
    assert await closing.failed_tasks() == []
    kept = await closing.installation.records.certificate(closing.closure_id)
    assert kept is not None
    return SignedCertificate.model_validate_json(kept.content)


@pytest.mark.parametrize(
    ("until", "said"), [(UNTIL, "until 1 January 2036, 00:00 UTC"), (None, "until further notice")]
)
async def test_a_store_that_must_stay_is_kept_certified_and_told(
    installation: TestInstallation, weather: Weather, until: datetime | None, said: str
) -> None:
    weather.retained["books"] = MustRetain("tax\u202e law\n§ 147", until)
    closing = await installation.account(data=[BOOKS, PHOTOS])
    certificate = await deleted(closing)
    assert [row["id"] for row in await closing.rows(tables.data_stores)] == ["books"]
    books, photos = sorted(certificate.stores, key=lambda each: each.store)
    assert books.reference == store_reference(closing.closure_id, "books")
    assert (books.state, books.objects) == (StoreState.RETAINED, 30)
    assert (books.retained_as, books.ground, books.until) == (None, "tax law § 147", until)
    assert (photos.state, photos.objects) == (StoreState.DELETED, 1200)
    assert photos.ground is None
    erased = (await closing.until_event(EventType.DATA_ERASED)).content
    assert isinstance(erased, DataErased)
    (store,) = erased.retained_stores
    assert (store.ground, store.until) == ("tax law § 147", until)
    told = [each for each in weather.sent if each.template == "closure_deleted"]
    assert {each.channel.value for each in told} == {"email", "sms"}
    for each in told:
        assert each.bodies["en"].endswith(f"Besides, the law makes us keep: invoices (tax law § 147; {said})")
        assert "此外，法律要求我们继续保留：invoices（tax law § 147；" in each.bodies["zh"]


async def test_where_nothing_more_is_kept_nothing_is_told_of_it(
    installation: TestInstallation, weather: Weather
) -> None:
    closing = await installation.account(data=[PHOTOS])
    certificate = await deleted(closing)
    assert [each.state for each in certificate.stores] == [StoreState.DELETED]
    told = [each for each in weather.sent if each.template == "closure_deleted"]
    assert told
    assert not [each for each in told if "Besides" in each.bodies["en"]]


async def test_an_account_that_must_stay_waits_and_says_why_until_it_may_go(
    installation: TestInstallation, weather: Weather
) -> None:
    closing = await installation.account(data=[PHOTOS])
    weather.retained[closing.account_id] = MustRetain("an order of the tax office", UNTIL)
    await closing.silent()
    await closing.end_of_silence()
    document = await closing.until(lambda found: found.waiting_for is not None)
    assert document.waiting_for is not None
    assert document.waiting_for.reason == WaitingReason.MUST_RETAIN
    assert document.waiting_for.detail == "an order of the tax office, until 2036-01-01"
    assert document.stage is Stage.DELETING
    assert await closing.access() is Access.CLOSURE_STATUS_ONLY
    assert await installation.records.certificate(closing.closure_id) is None
    await closing.at_rest()
    del weather.retained[closing.account_id]
    await closing.handle.signal("recheck")
    assert (await closing.outcome()).outcome is Outcome.DELETED
    assert await closing.access() is Access.CLOSED


@pytest.mark.parametrize("installation", ["here"], indirect=True)
async def test_of_many_stores_those_that_must_stay_are_named(
    installation: TestInstallation, weather: Weather
) -> None:
    weather.retained["books"] = MustRetain("tax law", UNTIL)
    many = [{"id": f"log-{number:03}", "store": "logs", "objects": 2} for number in range(200)]
    closing = await installation.account(data=[BOOKS, *many])
    certificate = await deleted(closing)
    assert certificate.stores_sum is not None
    assert (certificate.stores_sum.erased, certificate.stores_sum.retained) == (
        {"logs": 200},
        {"invoices": 1},
    )
    assert certificate.stores_sum.objects == 400
    assert [(each.store, each.ground, each.until) for each in certificate.stores] == [
        ("invoices", "tax law", UNTIL)
    ]
    assert [row["id"] for row in await closing.rows(tables.data_stores)] == ["books"]


@pytest.mark.parametrize("installation", ["here"], indirect=True)
async def test_the_account_file_says_what_must_stay(installation: TestInstallation) -> None:
    ground = {"because": "tax law § 147", "until": UNTIL.isoformat()}
    over = {"because": "an order that has ended", "until": "2020-01-01T00:00:00Z"}
    data = [{**BOOKS, "must_retain": ground}, {**PHOTOS, "must_retain": over}]
    closing = await installation.account(data=data, must_retain={"because": "an order of the tax office"})
    await closing.silent()
    await closing.end_of_silence()
    document = await closing.until(lambda found: found.waiting_for is not None)
    assert document.waiting_for is not None
    assert document.waiting_for.reason == WaitingReason.MUST_RETAIN
    assert document.waiting_for.detail == "an order of the tax office, until further notice"
    assert await closing.access() is Access.CLOSURE_STATUS_ONLY
    await closing.at_rest()
    assert await let_go(installation.database, closing.account_id)
    assert not await let_go(installation.database, closing.account_id), "it has gone already"
    await closing.handle.signal("recheck")
    assert (await closing.outcome()).outcome is Outcome.DELETED
    kept = await installation.records.certificate(closing.closure_id)
    assert kept is not None
    books, photos = sorted(
        SignedCertificate.model_validate_json(kept.content).stores, key=lambda each: each.store
    )
    assert (books.state, books.ground, books.until) == (StoreState.RETAINED, "tax law § 147", UNTIL)
    assert (photos.state, photos.objects) == (StoreState.DELETED, 1200)
    assert [row["id"] for row in await closing.rows(tables.data_stores)] == ["books"]
