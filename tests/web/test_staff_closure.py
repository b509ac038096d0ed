"""One closure as staff see it: where it stands, what happened, who did it, and what can be taken along."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pypdf import PdfReader
from sqlalchemy import Connection, text, update

from client.brakes import Brakes, BrakeTarget
from closure.lifecycle import Outcome, Stage
from connectors.embedded import tables
from connectors.embedded.holds import hold
from database import DatabaseUnreachable
from records.record import Record, Result
from records.tables import record_events
from temporal.faults import ServerUnreachable
from tests.harness.account_driver import AccountDriver
from tests.harness.fakes.platform import SourceDown, Weather
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.twilio import twilio_account
from tests.harness.waiting import BEYOND
from tests.web.api_driver import WORDS, ApiDriver, opened_api
from tests.web.browser_driver import browser
from tests.web.staff_driver import SUPPORT, signed_in, text_of
from web.application import web_application
from web.browser.languages import reader_of
from web.staff.closure_view import Looked, facts_of
from web.staff.timeline import SHOWN_AT_ONCE

HOSTILE = "</code><script>alert(1)</script>\u202egnp.exe"


def path_of(closing: AccountDriver) -> str:
    return f"/staff/closures/{closing.closure_id}"


async def retained(api: ApiDriver, **account: object) -> AccountDriver:
    closing = await api.account(**account)
    await closing.retained(acknowledgements=(WORDS,))
    return closing


async def test_a_blocked_closure_says_what_blocks_and_what_its_plan_does(api: ApiDriver) -> None:
    closing = await api.installation.account(
        bills=[{"id": "b-1", "amount": "5.00", "status": "unpaid"}],
        resources=[{"id": "i-1", "product": "ecs", "billing": "pay-as-you-go", "renounceable": True}],
        balance={"cash": "234.50"},
        data=[{"id": "oss-1", "store": "object-storage", "objects": 12_345}],
    )
    document = await closing.close()
    async with signed_in(api, *SUPPORT) as staff:
        seen = await staff.see(path_of(closing))
    assert document.plan_hash is not None
    for said in (
        *(closing.account_id, closing.closure_id, document.plan_hash, document.workflow_id, document.run_id),
        *("something must be handled first", "the draft expires unless it is confirmed", "u-1"),
        *("Cash forfeited", "234.50 USD", "i-1", "oss-1 (object-storage, 12,345 objects)"),
        *("unpaid-bills/b-1", "5.00 USD", "to be handled", "can be given up"),
        *("The closure was opened.", "by u-1", "The system check was done."),
        "events is whole.",
    ):
        assert said in seen, said


async def test_all_that_status_says_is_on_the_page(api: ApiDriver) -> None:
    closing = await retained(api, balance={"cash": "5.00"})
    document = await closing.until(lambda each: each.refund is not None)
    assert document.delete_after is not None
    assert document.refund is not None
    async with signed_in(api, *SUPPORT) as staff:
        seen = await staff.see(path_of(closing))
        assert f'href="http://ui.example/{document.run_id}"' in (await staff.get(path_of(closing))).text
    for said in (
        *(document.account_id, document.closure_id, document.provider, document.policy_version),
        *("stopped: the data is kept until the retention ends", f"{document.delete_after:%Y-%m-%d %H:%M}"),
        *("the data is deleted", "5.00 USD pending", f"{document.refund.due_by:%Y-%m-%d %H:%M}"),
        *("closure_opened", "closure_confirmed", "account_closed", "no longer needed"),
    ):
        assert said in seen, said


async def test_after_the_deletion_names_are_erased_and_the_chain_still_holds(api: ApiDriver) -> None:
    closing = await retained(api)
    await closing.end_of_retention()
    assert (await closing.outcome()).outcome is Outcome.DELETED
    async with signed_in(api, *SUPPORT) as staff:
        page = await staff.get(path_of(closing))
        seen = text_of(page)
        assert "by erased" in seen
        assert "by u-1" not in seen
        assert "no longer needed" not in seen
        assert "is whole" in seen
        assert "the account and its data are gone for good" in seen
        kept = await api.installation.records.certificate(closing.closure_id)
        assert kept is not None
        assert kept.certificate_id in seen
        assert f"{path_of(closing)}/export" not in page.text
        answer = await staff.get(f"{path_of(closing)}/certificate.json")
        assert answer.text == kept.content
        assert answer.headers["content-disposition"] == f'attachment; filename="{closing.closure_id}.json"'
        pdf = await staff.get(f"{path_of(closing)}/certificate.pdf")
        assert pdf.headers["content-type"] == "application/pdf"
        pages = PdfReader(io.BytesIO(pdf.content)).pages
        assert kept.certificate_id in "".join(each.extract_text() for each in pages).replace("\n", "")
        assert (await staff.get(f"{path_of(closing)}/export")).status_code == 409


async def test_there_is_no_certificate_of_what_has_not_ended(api: ApiDriver) -> None:
    closing = await api.account()
    await api.close(closing)
    async with signed_in(api, *SUPPORT) as staff:
        page = await staff.get(f"{path_of(closing)}/certificate.json")
        assert page.status_code == 409
        assert "has not ended" in text_of(page)
        assert "certificate" not in (await staff.get(path_of(closing))).text.lower()


async def test_the_export_is_the_account_s_records(api: ApiDriver) -> None:
    closing = await api.account(balance={"cash": "7.00"})
    await api.close(closing)
    async with signed_in(api, *SUPPORT) as staff:
        answer = await staff.get(f"{path_of(closing)}/export")
        assert answer.headers["content-type"] == "application/zip"
        assert answer.headers["content-disposition"].startswith("attachment;")
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert json.loads(archive.read("account.json"))["cash"] == "7.00"


async def test_a_chain_that_somebody_broke_shows_where(api: ApiDriver) -> None:
    closing = await api.account()
    await api.close(closing)
    row = record_events.c

    def tamper(connection: Connection) -> None:
        connection.execute(
            text(
                "DROP TRIGGER record_events_no_update"
                if connection.dialect.name == "sqlite"
                else "ALTER TABLE record_events DISABLE TRIGGER USER"
            )
        )
        mine = update(record_events).where(row.closure_id == closing.closure_id, row.sequence == 2)
        connection.execute(mine.values(time="2020-01-01T00:00:00.000000Z"))

    await api.installation.database.write(tamper)
    async with signed_in(api, *SUPPORT) as staff:
        seen = await staff.see(path_of(closing))
        assert "The chain breaks at event 2" in seen
        assert "is whole" not in seen


async def test_holds_and_brakes_are_told_first(api: ApiDriver) -> None:
    closing = await api.account()
    await api.close(closing)
    await hold(api.installation.database, closing.account_id, "court order")
    await Brakes(api.installation.record, {"twilio"}).put_on(BrakeTarget(), "the feed is wrong")
    async with signed_in(api, *SUPPORT) as staff:
        page = await staff.get(path_of(closing))
        seen = text_of(page)
        assert "legal hold" in seen
        assert "Brake on: The whole installation . the feed is wrong" in seen
        assert "Lift the brake" not in seen, "support only looks"


async def test_what_people_typed_can_t_act_on_the_page(api: ApiDriver) -> None:
    closing = await api.account()
    await closing.ready(acknowledgements=(WORDS,))
    await closing.confirm(HOSTILE)
    await Brakes(api.installation.record, {"twilio"}).put_on(BrakeTarget(), HOSTILE)
    async with signed_in(api) as staff:
        for path in (path_of(closing), "/staff?tab=brakes", f"{path_of(closing)}/facts"):
            page = await staff.get(path)
            assert page.status_code == 200
            assert "&lt;script&gt;alert(1)" in page.text, path
            assert "<script>alert" not in page.text, path
            assert "\u202e" not in page.text, path


async def test_a_name_like_a_path_leads_nowhere_else(api: ApiDriver) -> None:
    async with signed_in(api) as staff:
        for name in ("..%2f..%2fetc%2fpasswd", "%00", "a" * 201, "%0d%0aset-cookie:%20a=b"):
            for rest in ("", "/facts", "/certificate.pdf"):
                page = await staff.get(f"/staff/closures/{name}{rest}")
                assert page.status_code in (400, 404), (name, rest)


async def test_a_page_that_is_open_is_told_what_changed_and_nothing_else(api: ApiDriver) -> None:
    closing = await api.account()
    await closing.ready(acknowledgements=(WORDS,))
    async with signed_in(api, *SUPPORT) as staff:
        page = await staff.get(path_of(closing))
        found = re.search(r'hx-get="([^"]+)"', page.text)
        assert found is not None
        again = found[1].replace("&amp;", "&")
        first = await staff.get(again)
        if first.status_code == 200:  # a minute has passed
            again = re.search(r'hx-get="([^"]+)"', first.text)[1].replace("&amp;", "&")  # type: ignore[index]
            first = await staff.get(again)
        assert (first.status_code, first.text) == (204, "")
        await closing.withdraw()
        told = await staff.get(again)
        assert told.status_code == 200
        assert "The closure was withdrawn." in told.text
        assert "<html" not in told.text
        assert "default-src 'none'" in told.headers["content-security-policy"]


async def test_a_long_audit_begins_with_its_last_events(api: ApiDriver) -> None:
    closing = await api.account()
    await api.close(closing)
    async with signed_in(api, *SUPPORT) as staff:
        assert "#1 " in await staff.see(path_of(closing))
        assert "#1 " in await staff.see(f"{path_of(closing)}?events=all")
        assert (await staff.get(f"{path_of(closing)}?events=some")).status_code == 400
    document, recorded = await closing.status(), await api.installation.records.get(closing.closure_id)
    trail = await api.installation.records.trail(closing.closure_id)
    assert trail is not None
    events = [trail.events[0].model_copy(update={"sequence": each}) for each in range(1, SHOWN_AT_ONCE + 2)]
    looked = Looked(
        document=document,
        recorded=recorded,
        trail=trail.model_copy(update={"events": tuple(events)}),
        brakes=(),
        is_held=False,
        is_temporal_away=False,
        now=trail.events[0].time,
    )
    some = facts_of(reader_of("en"), looked, all_entries=False)
    assert (some.hidden_entries, [each.sequence for each in some.entries[:1]]) == (1, [2])
    assert len(some.entries) == SHOWN_AT_ONCE
    everything = facts_of(reader_of("en"), looked, all_entries=True)
    assert (everything.hidden_entries, len(everything.entries)) == (0, SHOWN_AT_ONCE + 1)


async def test_what_an_owner_took_along_leads_to_its_owner_and_is_no_one_s_to_act_on(api: ApiDriver) -> None:
    owner = await twilio_account(api.installation, subaccounts=[{"id": "sub-of-owner"}])
    await owner.retained(acknowledgements=(WORDS,))
    taken = await api.installation.records.last("sub-of-owner")
    assert taken is not None
    async with signed_in(api) as staff:
        page = await staff.get(f"/staff/closures/{taken.closure_id}")
        assert page.status_code == 200
        assert f'href="{path_of(owner)}"' in page.text
        assert "/recheck" not in page.text
        assert "sub-of-owner" in await staff.see(path_of(owner))


async def test_many_items_come_in_pages(api: ApiDriver) -> None:
    closing = await api.installation.account(
        bills=[{"id": f"b-{number}", "amount": "1.00", "status": "unpaid"} for number in range(201)]
    )
    await closing.close()
    async with signed_in(api, *SUPPORT) as staff:
        first = await staff.get(path_of(closing))
        assert f"{path_of(closing)}?items=2" in first.text
        second = await staff.see(f"{path_of(closing)}?items=2")
        assert "2 / 2" in second
        assert (await staff.get(f"{path_of(closing)}?items=0")).status_code == 400


async def test_the_checklist_tells_what_to_do_only_as_long_as_it_can_be_done(api: ApiDriver) -> None:
    closing = await api.installation.account(
        balance={"cash": "4.50", "promo": "0"},
        bills=[{"id": "b-1", "amount": "1.00", "status": "unpaid"}],
        resources=[{"id": "i-1", "product": "ecs", "renounceable": True}],
    )
    await closing.close()
    given_up, still_open = "select it here to have it released", "Spend it first, or select it here"
    async with signed_in(api, *SUPPORT) as staff:
        seen = await staff.see(path_of(closing))
        assert all(each in seen for each in ("What to do", given_up, still_open, "Open User Center"))
        await closing.renounce("resources/i-1")
        seen = await staff.see(path_of(closing))
        assert still_open in seen
        assert given_up not in seen
        await closing.remove(tables.bills, "b-1")
        await closing.recheck()
        await closing.renounce(all=True)
        await closing.confirm()
        await closing.fast_forward(closing.policy.entering_duration + BEYOND)
        await closing.until(Stage.SILENT)
        await closing.bill_late_usage()
        seen = await staff.see(path_of(closing))
        assert "What was found" in seen
        assert not any(each in seen for each in ("What to do", given_up, still_open))
        await closing.end_of_silence()
        assert (await closing.outcome()).outcome is Outcome.RESTORED
        seen = await staff.see(path_of(closing))
        assert "What was found Amount found" in seen
        assert not any(each in seen for each in ("What to do", "Open User Center", "to be handled"))


async def test_a_step_that_keeps_failing_is_shown_with_its_error_and_attempts(
    installations: InstallationBuilder, tmp_path: Path
) -> None:
    weather = Weather()

    async def fail() -> None:
        weather.after_stop = fail
        raise SourceDown("the platform")

    async with (
        installations.open(platforms=weather.over) as installation,
        opened_api(installation, tmp_path / "t.json") as api,
    ):
        closing = await installation.account()
        await closing.ready()
        weather.after_stop = fail
        await closing.confirm()
        await closing.until(lambda each: each.waiting_for is not None and each.waiting_for.attempts >= 1)
        async with signed_in(api, *SUPPORT) as staff:
            seen = await staff.see(path_of(closing))
            assert re.search(r"a step that has failed, attempts so far: \d+: enter: SourceDown", seen)
        await closing.handle.terminate()


async def test_without_temporal_the_page_shows_what_the_record_knows(
    installation: TestInstallation, tmp_path: Path
) -> None:
    async def answers_not() -> None:
        raise ServerUnreachable("temporal.internal:7233 does not answer")

    async with opened_api(installation, tmp_path / "t.json", require_temporal=answers_not) as api:
        closing = await api.account()
        await api.close(closing)
        async with signed_in(api, *SUPPORT) as staff:
            page = await staff.get(path_of(closing))
            assert page.status_code == 200
            assert "Temporal does not answer" in text_of(page)
            assert "temporal.internal" not in page.text


class RecordAway(Record):
    """Its database does not answer."""

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        raise DatabaseUnreachable("the database at 10.0.0.8")


async def test_without_the_database_the_page_says_so(api: ApiDriver) -> None:
    closing = await api.account()
    await api.close(closing)
    away = RecordAway(api.installation.database, api.installation.record.installation)
    there = web_application(replace(api.service, record=away), {"console.example"})
    async with signed_in(api, *SUPPORT) as staff, browser(replace(api, application=there)) as later:
        later.cookies.update(staff.http.cookies)
        for path in (path_of(closing), "/staff"):
            page = await later.get(path)
            assert page.status_code == 503
            assert "Nothing is lost" in page.text
            assert "10.0.0.8" not in page.text


class SilentHolds:
    """A source that can't be asked."""

    async def is_held(self, account_id: str) -> bool:
        raise SourceDown(account_id)


async def test_a_closure_whose_holds_can_t_be_asked_is_shown(api: ApiDriver) -> None:
    closing = await api.account()
    await api.close(closing)
    silent = replace(api.service, platform=replace(api.service.platform, holds=SilentHolds()))
    application = web_application(silent, {"console.example"})
    there = replace(api, application=application)
    async with signed_in(there, *SUPPORT) as staff:
        assert "legal hold could not be asked" in await staff.see(path_of(closing))
