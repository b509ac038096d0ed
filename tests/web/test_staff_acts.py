"""What operators do on the staff pages: recheck, resume, brake, settle; support may do none of it."""

import re
from pathlib import Path

import pytest

from client.brakes import LONGEST_REASON
from closure.events import EventType
from closure.lifecycle import Stage
from closure.messages import Standing
from connectors.embedded import tables
from records.brakes import Brake, BrakeScope, brakes_on
from tests.harness.account_driver import AccountDriver
from tests.harness.installation import TestInstallation
from tests.harness.twilio import told
from tests.web.api_driver import WORDS, ApiDriver, opened_api
from tests.web.staff_driver import SUPPORT, signed_in, text_of
from tests.workflows.test_refund_parts import look, partly_failed
from web.rate_limits import RateLimit

BILL = {"id": "b-1", "amount": "5.00", "status": "unpaid"}


def path_of(closing: AccountDriver) -> str:
    return f"/staff/closures/{closing.closure_id}"


async def ready(api: ApiDriver) -> AccountDriver:
    closing = await api.account()
    await closing.ready(acknowledgements=(WORDS,))
    return closing


async def on(api: ApiDriver) -> tuple[Brake, ...]:
    return await api.installation.record.read(brakes_on)


async def test_support_looks_and_may_do_nothing(api: ApiDriver) -> None:
    closing = await ready(api)
    async with signed_in(api, *SUPPORT) as staff:
        page = await staff.get(path_of(closing))
        for word in ("/recheck", "/resume", "/settle", "/staff/brake"):
            assert word not in page.text
        for path in (
            *(f"{path_of(closing)}/{act}" for act in ("recheck", "resume", "settle")),
            f"/staff/brake/on?scope=closure&target={closing.closure_id}",
        ):
            refused = await staff.get(path)
            assert refused.status_code == 403, path
            assert "only looks" in text_of(refused)
            sent = await staff.send(path.partition("?")[0], at="/staff", reason="r", scope="installation")
            assert sent.status_code == 403, path
    assert await on(api) == ()


async def test_a_token_that_loses_its_scope_acts_no_more(api: ApiDriver) -> None:
    async with signed_in(api, name="demoted") as staff:
        assert (await staff.get("/staff/brake")).status_code == 200
        api.tokens.revoke("demoted")
        api.tokens.add("demoted", SUPPORT)
        assert (await staff.get("/staff/brake")).status_code == 401


async def test_a_recheck_looks_again_and_says_what_it_came_to(api: ApiDriver) -> None:
    closing = await api.installation.account(bills=[BILL])
    assert (await closing.close()).stage is Stage.BLOCKED
    await closing.remove(tables.bills, "b-1")
    async with signed_in(api) as staff:
        assert f'{path_of(closing)}/recheck"' in (await staff.get(path_of(closing))).text
        sent = await staff.send(f"{path_of(closing)}/recheck")
        assert (sent.status_code, sent.headers["location"]) == (303, f"{path_of(closing)}?done=recheck")
        assert "The closure has looked again." in await staff.see(sent.headers["location"])
    assert (await closing.status()).stage is Stage.READY


async def test_a_recheck_of_what_has_ended_is_refused(api: ApiDriver) -> None:
    closing = await ready(api)
    await closing.withdraw()
    async with signed_in(api) as staff:
        assert "/recheck" not in (await staff.get(path_of(closing))).text
        sent = await staff.send(f"{path_of(closing)}/recheck")
        assert sent.status_code == 409
        assert "has ended" in text_of(sent)


async def test_an_interrupted_closure_is_resumed_and_no_other(api: ApiDriver) -> None:
    closing = await ready(api)
    async with signed_in(api) as staff:
        refused = await staff.send(f"{path_of(closing)}/resume", at="/staff")
        assert refused.status_code == 409
        assert "not interrupted" in text_of(refused)
        before = await closing.status()
        await closing.handle.terminate()
        page = await staff.get(path_of(closing))
        assert "No workflow carries this closure on" in page.text
        assert f'{path_of(closing)}/resume"' in page.text
        sent = await staff.send(f"{path_of(closing)}/resume")
        assert sent.headers["location"] == f"{path_of(closing)}?done=resume"
    after = await closing.status()
    assert (after.standing, after.draft_until) == (Standing.RUNNING, before.draft_until)
    assert EventType.RESUMED in await closing.event_types()


async def test_a_closure_without_a_refund_has_nothing_to_settle(api: ApiDriver) -> None:
    closing = await ready(api)
    async with signed_in(api) as staff:
        assert "there is nothing to settle" in await staff.see(f"{path_of(closing)}/settle", 409)
        sent = await staff.send(f"{path_of(closing)}/settle", at="/staff", amount="1.00", reference="t-1")
        assert sent.status_code == 409
        assert "there is nothing to settle" in text_of(sent)
        assert (await staff.see(f"{path_of(closing)}/settle?language=zh", 409)).isascii() is False


async def test_a_brake_is_put_on_and_lifted_with_a_reason_and_a_name(api: ApiDriver) -> None:
    closing = await ready(api)
    async with signed_in(api, name="olga") as staff:
        for scope, target, back in (
            ("closure", closing.closure_id, f"{path_of(closing)}?done=brake_on"),
            ("provider", "twilio", "/staff?tab=brakes"),
            ("installation", "", "/staff?tab=brakes"),
        ):
            asked = f"/staff/brake/on?scope={scope}&target={target}"
            sent = await staff.send("/staff/brake/on", at=asked, scope=scope, target=target, reason=" why ")
            assert (sent.status_code, sent.headers["location"]) == (303, back)
            (brake,) = await on(api)
            assert (brake.scope, brake.target, brake.reason) == (
                BrakeScope(scope),
                target,
                "why (staff: olga)",
            )
            assert "why (staff: olga)" in await staff.see(path_of(closing))
            asked = f"/staff/brake/off?scope={scope}&target={target}"
            lifted = await staff.send("/staff/brake/off", at=asked, scope=scope, target=target, reason="over")
            assert lifted.status_code == 303
            assert await on(api) == ()


async def test_a_brake_holds_the_closure_until_it_is_lifted(api: ApiDriver) -> None:
    closing = await ready(api)
    async with signed_in(api) as staff:
        asked = f"/staff/brake/on?scope=closure&target={closing.closure_id}"
        await staff.send(
            "/staff/brake/on", at=asked, scope="closure", target=closing.closure_id, reason="look first"
        )
        await closing.confirm()
        await closing.until_event(EventType.BRAKED)
        assert "an operator has put the brake on" in await staff.see(path_of(closing))


@pytest.mark.parametrize("reason", ["", "   ", "x" * (LONGEST_REASON + 1)])
async def test_a_brake_without_a_reason_that_fits_is_not_put_on(api: ApiDriver, reason: str) -> None:
    async with signed_in(api) as staff:
        asked = "/staff/brake/on?scope=installation"
        sent = await staff.send("/staff/brake/on", at=asked, scope="installation", reason=reason)
        assert sent.status_code in (400, 422)
    assert await on(api) == ()


@pytest.mark.parametrize(
    ("scope", "target", "status"),
    [
        ("provider", "nobody", 404),
        ("closure", "closure-0", 404),
        ("closure", "", 404),
        ("installation", "x", 404),
        ("everything", "", 400),
        ("provider", "x" * 201, 400),
    ],
)
async def test_a_brake_for_what_is_not_there_is_not_put_on(
    api: ApiDriver, scope: str, target: str, status: int
) -> None:
    async with signed_in(api) as staff:
        assert (await staff.get(f"/staff/brake/on?scope={scope}&target={target}")).status_code == status
        sent = await staff.send("/staff/brake/on", at="/staff", scope=scope, target=target, reason="r")
        assert sent.status_code == status
        assert (await staff.get("/staff/brake/sideways?scope=installation")).status_code == 400
    assert await on(api) == ()


async def test_an_operator_of_one_provider_brakes_no_other(api: ApiDriver) -> None:
    other = await ready(api)
    async with signed_in(api, provider="alibaba-cloud") as staff:
        ways = (await staff.get("/staff/brake")).text
        assert "alibaba-cloud" in ways
        assert "twilio" not in ways
        assert "whole installation" not in ways
        for scope, target in (("installation", ""), ("provider", "twilio"), ("closure", other.closure_id)):
            sent = await staff.send("/staff/brake/on", at="/staff", scope=scope, target=target, reason="r")
            assert sent.status_code == 404, scope
        for act in ("recheck", "resume", "settle"):
            sent = await staff.send(f"{path_of(other)}/{act}", at="/staff", amount="1", reference="r")
            assert sent.status_code == 404, act
    assert await on(api) == ()


async def test_what_failed_of_a_refund_is_settled_once_by_its_reference(
    installation: TestInstallation, tmp_path: Path
) -> None:
    closing = await partly_failed(installation)
    await look(closing)
    await told(closing, EventType.REFUND_FAILED)
    async with opened_api(installation.operated, tmp_path / "staff.json") as api, signed_in(api) as staff:
        page = await staff.get(path_of(closing))
        assert f'{path_of(closing)}/settle"' in page.text
        assert "Failed, to be paid another way 20.00 USD" in text_of(page)
        path = f"{path_of(closing)}/settle"
        assert 'value="20.00"' in (await staff.get(path)).text
        for amount, reference, said in (
            ("20.00", " ", "needs a reference"),
            ("twenty", "t-1", ""),
            ("-1", "t-1", ""),
            ("20.001", "t-1", ""),
        ):
            wrong = await staff.send(path, amount=amount, reference=reference)
            assert wrong.status_code == 422, amount
            assert said in text_of(wrong)
            assert 'role="alert"' in wrong.text
        for amount in ("twenty", "20.01"):
            wrong = await staff.send(f"{path}?language=zh", amount=amount, reference="t-1")
            assert wrong.status_code == 422, amount
            (fault,) = re.findall(r'role="alert">([^<]+)<', wrong.text)
            assert re.search(r"[\u4e00-\u9fff]{4}", fault)
            assert not re.search(r"[a-z]", fault)
            assert "20.00" not in fault
        assert (await staff.get(f"{path}?language=en")).status_code == 200
        for _ in range(2):
            sent = await staff.send(path, amount="20.00", reference="transfer-77")
            assert (sent.status_code, sent.headers["location"]) == (303, f"{path_of(closing)}?done=settle")
        assert (await closing.event_types()).count(EventType.REFUND_PAID_OTHERWISE) == 1
        assert "transfer-77" in await staff.see(path_of(closing))


async def test_too_much_at_once_has_to_wait(installation: TestInstallation, tmp_path: Path) -> None:
    few = RateLimit(at_once=2, per_second=0.01)
    async with opened_api(installation, tmp_path / "few.json", by_address=few) as api:
        closing = await ready(api)
        async with signed_in(api) as staff:
            answers = [(await staff.search("nobody")).status_code for _ in range(2)]
            late = await staff.send(f"{path_of(closing)}/recheck")
            assert (*answers, late.status_code) == (200, 200, 429)
            assert int(late.headers["retry-after"]) > 1
