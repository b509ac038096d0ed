"""What the API tells of accounts and closures."""

import io
import zipfile
from typing import Any

from pypdf import PdfReader

from closure.events import EventType
from closure.lifecycle import Outcome
from keys.signing import load_signer
from keys.verify import verify
from tests.harness.account_driver import AccountDriver, timeless
from tests.web.api_driver import WORDS, ApiDriver, closing, document, problem
from web.api.listing import LARGEST_PAGE

UNKNOWN = "closure-0"


async def deleted(api: ApiDriver) -> AccountDriver:
    account = await api.account()
    await account.retained(acknowledgements=(WORDS,))
    await account.end_of_retention()
    assert (await account.outcome()).outcome is Outcome.DELETED
    return account


async def test_a_status_is_the_same_by_account_and_by_closure(api: ApiDriver) -> None:
    account = await api.account()
    await api.close(account)
    found = timeless(await account.status()).model_dump(mode="json")
    for path in (f"/closures/{account.closure_id}", f"/accounts/{account.account_id}/closure"):
        answer = await api.get(path)
        told = {**document(answer), "remaining_seconds": None, "web_url": None}
        assert (answer.status_code, told) == (200, found)


async def test_a_plan_changes_nothing_and_follows_mode_and_policy(api: ApiDriver) -> None:
    account = await api.account()
    path = f"/accounts/{account.account_id}/plan"
    plan = document(await api.get(path))
    assert (plan["mode"], plan["policy"], plan["checklist"]) == ("delete", "twilio", [])
    kept = document(await api.get(path, mode="keep-data", policy="twilio"))
    assert kept["mode"] == "keep-data"
    assert kept["plan_hash"] != plan["plan_hash"]
    assert not {"items", "policy_hash", "products", "hash_of_plan"} & set(plan)
    problem(await api.get(path, policy="alibaba-cloud"), 422, "PolicyNotFound")
    fault: Any = problem(await api.get(path, mode="softly"), 422, "InvalidFields")
    assert [(each["location"], each["path"]) for each in fault["errors"]] == [("query", "mode")]
    problem(await api.get(f"/accounts/{account.account_id}/closure"), 404, "ClosureNotFound")


async def test_a_parameter_that_a_call_does_not_have_is_refused(api: ApiDriver) -> None:
    """A misspelt filter would list everything, a misspelt mode would plan a deletion."""
    account = await api.account()
    for path, query, path_of_fault in (
        ("/closures", "stgae=blocked", "stgae"),
        (f"/accounts/{account.account_id}/plan", "Mode=keep-data", "Mode"),
        ("/closures", "limit=1&limit=2", "limit"),
    ):
        fault: Any = problem(await api.http.get(f"/api/v1{path}?{query}"), 422, "InvalidFields")
        assert [(each["location"], each["path"]) for each in fault["errors"]] == [("query", path_of_fault)]
    problem(
        await api.post(f"/accounts/{account.account_id}/closures?mode=keep-data", closing()),
        422,
        "InvalidFields",
    )
    assert (await api.get(f"/accounts/{account.account_id}/closure")).status_code == 404


async def test_unknown_accounts_and_closures_are_not_found(api: ApiDriver) -> None:
    for path in ("plan", "export"):
        problem(await api.get(f"/accounts/nobody/{path}"), 404, "AccountNotFound")
    problem(await api.get("/accounts/nobody/closure"), 404, "ClosureNotFound")
    for path in ("", "/items", "/events", "/audit", "/certificate"):
        fault: Any = problem(await api.get(f"/closures/{UNKNOWN}{path}"), 404, "ClosureNotFound")
        assert fault["facts"] == {"closure_id": UNKNOWN}
    problem(await api.post("/accounts/nobody/closures", closing()), 404, "AccountNotFound")
    said = {"user_id": "u-1", "method": "email_code"}
    problem(await api.post("/accounts/nobody/challenges", said), 404, "AccountNotFound")
    acts: dict[str, dict[str, object]] = {
        "recheck": {},
        "resume": {},
        "withdraw": {"user_id": "u-1"},
        "renounce": {"user_id": "u-1", "all": True},
        "approve": {"user_id": "u-1", "plan_hash": "h"},
        "confirm": {"user_id": "u-1", "plan_hash": "h", "reason": "r"},
    }
    for act, body in acts.items():
        problem(await api.post(f"/closures/{UNKNOWN}/{act}", body), 404, "ClosureNotFound")


async def test_closures_are_listed_filtered_and_paged(api: ApiDriver) -> None:
    accounts = [await api.account() for _ in range(3)]
    for each in accounts:
        await api.close(each)
    other = await api.installation.account()
    await other.close()
    await accounts[0].withdraw()
    newest_first = [other, *reversed(accounts)]

    async def listed(**wanted: str | int | bool) -> list[str]:
        found: Any = document(await api.get("/closures", **wanted))
        assert found["next_cursor"] is None
        return [each["closure_id"] for each in found["closures"]]

    assert await listed() == [each.closure_id for each in newest_first]
    assert await listed(provider="alibaba-cloud") == [other.closure_id]
    assert await listed(stage="withdrawn") == [accounts[0].closure_id]
    assert await listed(outcome="withdrawn") == [accounts[0].closure_id]
    assert await listed(account=accounts[1].account_id) == [accounts[1].closure_id]
    assert await listed(waiting=True) == await listed(late=True) == await listed(interrupted=True) == []

    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page: Any = document(await api.get("/closures", limit=3, **cursor))
        seen += [each["closure_id"] for each in page["closures"]]
        if page["next_cursor"] is None:
            break
        assert len(page["closures"]) == 3
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [each.closure_id for each in newest_first]
    for wrong in ("AAAA", "%", "bm9uZQ", "LTE"):
        fault: Any = problem(await api.get("/closures", cursor=wrong), 422, "InvalidFields")
        assert [each["path"] for each in fault["errors"]] == ["cursor"]
    for limit in (0, LARGEST_PAGE + 1):
        problem(await api.get("/closures", limit=limit), 422, "InvalidFields")


async def test_a_long_checklist_is_read_in_pages_by_category(api: ApiDriver) -> None:
    resources = [
        {"id": f"i-{number}", "product": "ecs", "billing": "pay-as-you-go", "renounceable": True}
        for number in range(LARGEST_PAGE + 5)
    ]
    bill = {"id": "b-1", "amount": "1.00", "status": "unpaid"}
    account = await api.installation.account(resources=resources, bills=[bill])
    whole = await account.close()
    path = f"/closures/{account.closure_id}/items"
    first: Any = document(await api.get(path))
    assert len(first["items"]) == LARGEST_PAGE
    rest: Any = document(await api.get(path, cursor=first["next_cursor"]))
    assert rest["next_cursor"] is None
    seen = {each["item_id"] for page in (first, rest) for each in page["items"]}
    assert len(seen) == len(first["items"]) + len(rest["items"]) == whole.item_count
    manual: Any = document(await api.get(path, category="manual"))
    assert [each["amount"] for each in manual["items"]] == ["1.00"]
    assert manual["next_cursor"] is None
    problem(await api.get(path, category="none"), 422, "InvalidFields")
    for wrong in ("AAAA", "LTE"):
        problem(await api.get(path, cursor=wrong), 422, "InvalidFields")


async def test_the_audit_is_told_and_verified(api: ApiDriver) -> None:
    account = await api.account()
    await api.close(account)
    told: Any = document(await api.get(f"/closures/{account.closure_id}/audit"))
    assert [each["event"] for each in told["events"]] == [each.value for each in await account.event_types()]
    assert (told["verified"], told["fault"], told["unreadable"]) == (True, None, 0)
    assert told["events"][0]["event"] == EventType.OPENED.value


async def test_the_certificate_is_given_as_it_was_signed_and_as_a_pdf(api: ApiDriver) -> None:
    going = await api.account()
    await api.close(going)
    problem(await api.get(f"/closures/{going.closure_id}/certificate"), 409, "CertificateNotIssued")

    account = await deleted(api)
    path = f"/api/v1/closures/{account.closure_id}/certificate"
    kept = await api.installation.records.certificate(account.closure_id)
    assert kept is not None
    for accept in ("application/json", "*/*", "application/pdf;q=0.1, application/json"):
        answer = await api.http.get(path, headers={"Accept": accept})
        assert (answer.headers["content-type"], answer.text) == ("application/json", kept.content)
    key = load_signer(api.installation.signing_key_file).public_key
    assert verify(kept.content.encode(), key)["closure_id"] == account.closure_id
    for accept in ("application/pdf", "text/html, application/pdf, */*;q=0.1"):
        pdf = await api.http.get(path, headers={"Accept": accept})
        assert pdf.headers["content-type"] == "application/pdf"
        attached = PdfReader(io.BytesIO(pdf.content)).attachments
        assert attached["certificate.json"] == [kept.content.encode()]


async def test_the_financial_records_are_exported(api: ApiDriver) -> None:
    bill = {"id": "b-1", "amount": "18.20", "status": "unpaid"}
    account = await api.installation.account(bills=[bill])
    answer = await api.get(f"/accounts/{account.account_id}/export")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="{account.account_id}-records.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        assert "18.20" in bundle.read("bills.csv").decode()


async def test_an_account_id_may_have_any_character(api: ApiDriver) -> None:
    account = await api.account(id="a/b c?ü")
    path = "/accounts/a%2Fb%20c%3F%C3%BC"
    opened = document(await api.post(f"{path}/closures", closing()))
    assert opened["account_id"] == account.account_id
    assert document(await api.get(f"{path}/closure"))["closure_id"] == opened["closure_id"]
    exported = await api.get(f"{path}/export")
    assert exported.headers["content-disposition"] == 'attachment; filename="a_b_c__-records.zip"'
