"""`/staff`: the tabs with their counts, what is behind them, and how support finds a closure."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import Connection, insert, update

from client.brakes import Brakes, BrakeTarget
from closure.waiting import WaitingReason
from connectors.embedded import tables
from records.tables import record_closures
from tests.harness.account_driver import AccountDriver
from tests.web.api_driver import ApiDriver
from tests.web.staff_driver import SUPPORT, StaffDriver, signed_in
from web.staff.triage import PAGE

NOW = datetime.now(UTC)
ACTS = ("/recheck", "/resume", "/settle")
BLOCKING = {"bills": [{"id": "b-1", "amount": "5.00", "status": "unpaid", "product": "ecs"}]}


async def changed(closing: AccountDriver, **columns: object) -> None:
    """As the closure's row would be then."""
    await closing.installation.database.write(
        lambda connection: connection.execute(
            update(record_closures)
            .where(record_closures.c.closure_id == closing.closure_id)
            .values(**columns)
        )
    )


async def closed(api: ApiDriver, **account: object) -> AccountDriver:
    closing = await api.installation.account(**account)
    await closing.close()
    return closing


async def tab_count(staff: StaffDriver, title: str) -> int:
    text = (await staff.get("/staff")).text
    found = re.search(rf'>{title} <span class="count[^"]*">([\d,]+)</span>', text)
    assert found is not None, title
    return int(found[1].replace(",", ""))


async def listed(staff: StaffDriver, path: str) -> list[str]:
    """Ids of the closures in the table, in its order."""
    page = await staff.get(path)
    assert page.status_code == 200, page.text
    return re.findall(r'class="account" href="/staff/closures/([^"]+)"', page.text)


TABS: dict[str, tuple[str, dict[str, object]]] = {
    "waiting": ("Waiting", {"waiting_for": WaitingReason.LEGAL_HOLD.value}),
    "late": ("Late refunds", {"refund_due_by": NOW - timedelta(days=1)}),
    "overdue": ("Overdue", {"deadline": NOW - timedelta(minutes=1)}),
    "interrupted": ("Interrupted", {"interrupted_at": NOW}),
    "ending": ("Ending today", {"deadline": NOW + timedelta(hours=23)}),
}


@pytest.mark.parametrize("tab", TABS)
async def test_each_tab_counts_and_lists_what_needs_somebody(api: ApiDriver, tab: str) -> None:
    title, columns = TABS[tab]
    one, other = await closed(api), await closed(api)
    async with signed_in(api, *SUPPORT) as staff:
        assert (await tab_count(staff, title), await listed(staff, f"/staff?tab={tab}")) == (0, [])
        await changed(one, **columns)
        assert await tab_count(staff, title) == 1
        assert await listed(staff, f"/staff?tab={tab}") == [one.closure_id]
        assert await listed(staff, "/staff") == [other.closure_id, one.closure_id]


async def test_blocked_closures_by_the_check_that_blocks_them(api: ApiDriver) -> None:
    bill, domain = await closed(api, **BLOCKING), await closed(api, domains=[{"id": "one.example"}])
    async with signed_in(api, *SUPPORT) as staff:
        assert await tab_count(staff, "Blocked") == 2
        page = (await staff.get("/staff?tab=blocked")).text
        chips = dict(re.findall(r'tab=blocked&amp;check=([^"]+)">[^<]+<span class="count">(\d+)', page))
        assert chips == {"unpaid-bills": "1", "domains": "1"}
        assert await listed(staff, "/staff?tab=blocked&check=unpaid-bills") == [bill.closure_id]
        assert await listed(staff, "/staff?tab=blocked&check=domains") == [domain.closure_id]
        assert await listed(staff, "/staff?tab=blocked&check=nothing") == []
        assert "unpaid-bills 1" in await staff.see("/staff?tab=blocked")


async def test_waiting_closures_by_their_reason(api: ApiDriver) -> None:
    held, unread = await closed(api), await closed(api)
    await changed(held, waiting_for=WaitingReason.LEGAL_HOLD.value)
    await changed(unread, waiting_for=WaitingReason.BILLING_UNREADABLE.value)
    async with signed_in(api, *SUPPORT) as staff:
        seen = await staff.see("/staff?tab=waiting")
        assert "the account is under legal hold 1" in seen
        assert "billing could not be read 1" in seen
        assert await listed(staff, "/staff?tab=waiting&reason=legal_hold") == [held.closure_id]


async def copied(closing: AccountDriver, number: int) -> None:
    """As if so many other accounts had been closed alike."""

    def work(connection: Connection) -> None:
        query = record_closures.select().where(record_closures.c.closure_id == closing.closure_id)
        row = dict(connection.execute(query).mappings().one())
        del row["opened_sequence"]
        copies = [{**row, "closure_id": f"c-{each}", "account_id": f"a-{each}"} for each in range(number)]
        connection.execute(insert(record_closures), copies)

    await closing.installation.database.write(work)


async def test_a_long_list_goes_on_on_the_next_page(api: ApiDriver) -> None:
    closing = await closed(api)
    async with signed_in(api, *SUPPORT) as staff:
        await copied(closing, PAGE - 1)
        assert 'rel="next"' not in (await staff.get("/staff")).text
        await closed(api)
        first = await staff.get("/staff")
        following = re.search(r'href="(/staff\?after=\d+)" rel="next"', first.text)
        assert following is not None
        await closed(api)  # what comes meanwhile moves nothing
        assert await listed(staff, following[1]) == [closing.closure_id]
        last = await staff.get(following[1])
        assert 'rel="next"' not in last.text
        assert 'href="/staff">First page' in last.text


@pytest.mark.parametrize(
    "words",
    [
        *("tab=everything", "after=-1", "after=x", "check=%00", f"after={10**13}", "account=" + "x" * 201),
        *("cursor=zzz", "tab=all&after_=3"),
    ],
)
async def test_what_no_page_links_to_is_malformed(api: ApiDriver, words: str) -> None:
    async with signed_in(api, *SUPPORT) as staff:
        assert (await staff.get(f"/staff?{words}")).status_code == 400


# Finding.


async def test_by_closure_account_login_or_e_mail(api: ApiDriver) -> None:
    closing = await closed(api)
    (user, *_) = await closing.rows(tables.users)
    async with signed_in(api, *SUPPORT) as staff:
        found = await staff.search(f"  {closing.closure_id} ")
        assert found.headers["location"] == f"/staff/closures/{closing.closure_id}"
        for query in (closing.account_id, str(user["email"])):
            found = await staff.search(query)
            assert found.status_code == 303
            where = urlsplit(found.headers["location"])
            assert (where.path, parse_qs(where.query)) == ("/staff", {"account": [closing.account_id]})
            assert await listed(staff, found.headers["location"]) == [closing.closure_id]


@pytest.mark.parametrize(
    "query", ["", "   ", "nobody", "nobody@example.com", "<script>alert(1)</script>", "%", "a' OR 1=1 --"]
)
async def test_what_nobody_has_finds_nothing(api: ApiDriver, query: str) -> None:
    await closed(api)
    async with signed_in(api, *SUPPORT) as staff:
        page = await staff.search(query)
        assert page.status_code == 200
        assert "Nothing of that name" in page.text
        assert "<script>alert" not in page.text


async def test_a_search_that_is_too_long_is_malformed(api: ApiDriver) -> None:
    async with signed_in(api, *SUPPORT) as staff:
        assert (await staff.search("x" * 321)).status_code == 400
        assert (await staff.search("x" * 320)).status_code == 200


async def test_an_account_without_a_closure_says_so(api: ApiDriver) -> None:
    account = await api.installation.account()
    async with signed_in(api, *SUPPORT) as staff:
        found = await staff.search(account.account_id)
        assert "No closure." in await staff.see(found.headers["location"])


async def test_a_closure_that_was_refused_is_found_by_its_account(api: ApiDriver) -> None:
    account = await api.account()
    asked = await api.post(
        f"/accounts/{account.account_id}/closures",
        {"user_id": "u-1", "proof": {"password": "correct horse battery"}},
    )
    assert asked.status_code == 422, asked.text
    async with signed_in(api, *SUPPORT) as staff:
        found = await staff.search(account.account_id)
        page = await staff.get(found.headers["location"])
        (refused,) = re.findall(r'href="(/staff/closures/[^"]+)"', page.text)
        assert "nothing was changed" in await staff.see(refused)


# Staff of one provider.


async def test_staff_of_one_provider_see_no_other_s(api: ApiDriver) -> None:
    theirs, other = await closed(api), await api.account()
    await api.close(other)
    async with signed_in(api, provider="alibaba-cloud") as staff:
        assert await listed(staff, "/staff") == [theirs.closure_id]
        assert (await tab_count(staff, "All"), await tab_count(staff, "Blocked")) == (1, 0)
        assert "Nothing of that name" in (await staff.search(other.account_id)).text
        assert "Nothing of that name" in (await staff.search(other.closure_id)).text
        assert "Nothing of that name" in (await staff.search("owner@one.example")).text
        assert await listed(staff, f"/staff?account={other.account_id}") == []
        for rest in ("", "/facts", "/export", "/certificate.json", "/certificate.pdf", *ACTS):
            page = await staff.get(f"/staff/closures/{other.closure_id}{rest}")
            assert page.status_code == 404, rest
            assert other.account_id not in page.text
        unknown = await staff.get("/staff/closures/closure-0")
        foreign = await staff.get(f"/staff/closures/{other.closure_id}")
        assert unknown.text.replace("closure-0", "") == foreign.text.replace(other.closure_id, "")


async def test_staff_of_one_provider_see_brakes_that_concern_them(api: ApiDriver) -> None:
    theirs, other = await closed(api), await api.account()
    await api.close(other)
    brakes = Brakes(api.installation.record, {"alibaba-cloud", "twilio"})
    for target in (
        BrakeTarget(),
        BrakeTarget.of_provider("twilio"),
        BrakeTarget.of_provider("alibaba-cloud"),
        BrakeTarget.of_closure(theirs.closure_id),
        BrakeTarget.of_closure(other.closure_id),
    ):
        await brakes.put_on(target, "because")
    async with signed_in(api, provider="alibaba-cloud") as staff, signed_in(api) as everybody:
        seen = await staff.get("/staff?tab=brakes")
        assert other.closure_id not in seen.text
        assert "twilio" not in seen.text
        assert len(re.findall("Lift the brake", seen.text)) == 2, "the whole installation's is not theirs"
        assert await tab_count(staff, "Brakes on") == 3
        assert len(re.findall("Lift the brake", (await everybody.get("/staff?tab=brakes")).text)) == 5


async def test_a_stage_that_somebody_has_broken_is_shown_as_it_is(api: ApiDriver) -> None:
    closing = await closed(api)
    await changed(closing, state="{", stage="<b>odd</b>")
    async with signed_in(api, *SUPPORT) as staff:
        page = await staff.get("/staff")
        assert "&lt;b&gt;odd&lt;/b&gt;" in page.text
        assert "unreadable" in page.text
