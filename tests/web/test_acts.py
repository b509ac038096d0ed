"""What a console does with a closure over the API, and how the closure's rules refuse it there."""

from typing import Any

from closure.accounts import Access
from closure.lifecycle import Outcome, Stage
from closure.messages import IdentityMethod, Standing
from closure.policy import Approval, Policy
from connectors.embedded import tables
from tests.harness.account_driver import AccountDriver
from tests.harness.installation import InstallationBuilder, running_worker
from tests.harness.installed_program import CODE
from tests.web.api_driver import PASSWORD, WORDS, ApiDriver, closing, document, opened_api, problem

NUMBER = {"id": "n-1", "product": "phone-number", "billing": "subscription", "renounceable": True}
SERVER = {"id": "i-1", "product": "ecs", "billing": "pay-as-you-go", "renounceable": True}
BILL = {"id": "b-1", "amount": "18.20", "status": "unpaid"}


async def code_of(account: AccountDriver) -> str:
    """The code that was sent last."""
    *_, message = [row for row in await account.rows(tables.outbox) if row["template"] == "identity_code"]
    return str(CODE.findall(str(message["body"]))[0])


def act(user_id: str = "u-1", **words: object) -> dict[str, object]:
    return {"user_id": user_id, **words}


async def test_an_account_is_closed_from_plan_to_certificate(api: ApiDriver) -> None:
    account = await api.account(data=[{"id": "d-1", "store": "recordings", "objects": 3}])
    plan = document(await api.get(f"/accounts/{account.account_id}/plan"))
    assert plan["acknowledgements"] == [WORDS]

    answer = await api.post(f"/accounts/{account.account_id}/closures", closing())
    opened = document(answer)
    assert (answer.status_code, opened["stage"]) == (201, Stage.READY.value)
    assert opened["plan_hash"] == plan["plan_hash"]
    assert answer.headers["location"].endswith(f"/api/v1/closures/{opened['closure_id']}")
    assert opened["web_url"] == f"http://ui.example/{opened['run_id']}"
    account.closure_id = str(opened["closure_id"])
    path = f"/closures/{account.closure_id}"

    confirmed = await api.post(f"{path}/confirm", act(reason="moving", plan_hash=opened["plan_hash"]))
    assert confirmed.status_code == 200
    await account.until(Stage.RETAINED)
    await account.end_of_retention()
    assert (await account.outcome()).outcome is Outcome.DELETED
    assert await account.access() is Access.CLOSED
    assert document(await api.get(path))["outcome"] == "deleted"


async def test_a_code_is_sent_proves_and_lasts_for_the_acts_that_follow(api: ApiDriver) -> None:
    account = await api.installation.account(resources=[SERVER])
    sent = await api.post(f"/accounts/{account.account_id}/challenges", act(method="email_code"))
    assert sent.status_code == 202
    assert set(document(sent)) == {"account_id", "user_id", "method", "expires_at"}

    proof = {"code": await code_of(account)}
    blocked = await api.close(account, proof=proof, acknowledgements=None, agree=True)
    assert (blocked["stage"], blocked["blocking"]) == ("blocked", 1)
    items: Any = blocked["checklist"]
    path = f"/closures/{account.closure_id}"
    ready = await api.post(f"{path}/renounce", act(item_ids=[items[0]["item_id"]], accept_risk=True))
    assert (ready.status_code, document(ready)["stage"]) == (200, "ready")
    withdrawn = await api.post(f"{path}/withdraw", act())
    assert (withdrawn.status_code, document(withdrawn)["outcome"]) == (200, "withdrawn")


async def test_what_was_handled_elsewhere_is_found_at_the_recheck(api: ApiDriver) -> None:
    account = await api.installation.account(bills=[BILL])
    assert (await account.close()).stage is Stage.BLOCKED
    await account.remove(tables.bills, "b-1")
    bodies: tuple[dict[str, object] | None, ...] = ({}, None)
    for body in bodies:
        looked = await api.post(f"/closures/{account.closure_id}/recheck", body)
        assert (looked.status_code, document(looked)["stage"]) == (200, "ready")


async def test_all_that_can_be_given_up_is_given_up_at_once(api: ApiDriver) -> None:
    account = await api.installation.account(resources=[SERVER], balance={"cash": "1.00", "promo": "0.00"})
    await account.close()
    ready = await api.post(f"/closures/{account.closure_id}/renounce", act(all=True, accept_risk=True))
    assert document(ready)["stage"] == "ready"


async def test_a_second_person_approves(
    installations: InstallationBuilder, policies: dict[str, Policy], api: ApiDriver
) -> None:
    approval = Approval(roles=("owner",), balance_above={"default": "0.01"})
    policy = policies["twilio"].model_copy(update={"approval": approval})
    async with (
        installations.open(policies={policy.name: policy}) as installation,
        opened_api(installation, installation.database_file.with_suffix(".tokens")) as strict,
    ):
        users = [
            {"id": each, "role": "owner", "email": f"{each}@one.example", "password": PASSWORD, "login": each}
            for each in ("u-1", "u-3")
        ]
        account = await strict.account(users=users, balance={"cash": "5.00", "promo": "0.00"})
        opened = await strict.close(account)
        path, hashed = f"/closures/{account.closure_id}", opened["plan_hash"]
        alone = await strict.post(f"{path}/confirm", act(reason="x", plan_hash=hashed))
        problem(alone, 409, "ApprovalRequired")
        said = {"user_id": "u-3", "plan_hash": hashed, "proof": {"password": PASSWORD}}
        assert (await strict.post(f"{path}/approve", said)).status_code == 200
        confirmed = await strict.post(f"{path}/confirm", act(reason="x", plan_hash=hashed))
        assert confirmed.status_code == 200
        assert document(confirmed)["stage"] in ("entering", "retained")  # nothing is silent here (T4)


async def test_an_interrupted_closure_is_resumed(api: ApiDriver) -> None:
    account = await api.account()
    await api.close(account)
    await account.handle.terminate()
    path = f"/closures/{account.closure_id}"
    assert document(await api.get(path))["standing"] == Standing.INTERRUPTED.value
    resumed = await api.post(f"{path}/resume", {})
    assert (resumed.status_code, document(resumed)["standing"]) == (200, Standing.RUNNING.value)
    refused: Any = problem(await api.post(f"{path}/resume", {}), 409, "StageConflict")
    assert refused["facts"]["run_id"] == document(resumed)["run_id"] == (await account.status()).run_id


REFUSED_CLOSES: list[tuple[dict[str, object], int, str]] = [
    ({"proof": None}, 403, "IdentityProofRequired"),
    ({"proof": {"password": "guessed"}}, 403, "SecretRefused"),
    ({"proof": {"code": "00000000"}}, 403, "CodeRefused"),
    ({"proof": {"totp": "000000"}}, 403, "SecretRefused"),
    ({"user_id": "u-2"}, 403, "RoleRefused"),
    ({"user_id": "nobody"}, 403, "SecretRefused"),
    ({"acknowledgements": []}, 422, "AcknowledgementRequired"),
    ({"policy": "none"}, 422, "PolicyNotFound"),
    ({"policy": "alibaba-cloud"}, 422, "PolicyNotFound"),
]


async def test_a_close_is_refused_by_its_rule(api: ApiDriver) -> None:
    for change, status, error in REFUSED_CLOSES:
        account = await api.account()
        answer = await api.post(f"/accounts/{account.account_id}/closures", closing(**change))
        refused: Any = problem(answer, status, error)
        fields = [each["path"] for each in refused["errors"]]
        assert fields == ([] if status != 422 else ["policy" if "policy" in change else "acknowledgements"])
        assert refused["acknowledgements"] == ([WORDS] if "acknowledgements" in change else [])
        assert await account.access() is Access.OPEN


async def test_only_one_closure_of_an_account_is_open(api: ApiDriver) -> None:
    account = await api.account()
    await api.close(account)
    again = await api.post(f"/accounts/{account.account_id}/closures", closing())
    refused: Any = problem(again, 409, "ClosureAlreadyOpen")
    assert refused["facts"]["closure_id"] == account.closure_id


REFUSED_ACTS = [
    ("confirm", act(reason="x", plan_hash="0" * 64), 409, "StalePlanHash"),
    ("confirm", act(reason="x", plan_hash="nonsense"), 409, "StalePlanHash"),
    ("confirm", act(reason="x", plan_hash=""), 409, "StalePlanHash"),
    ("confirm", act(user_id="u-2", reason="x", plan_hash="HASH"), 403, "RoleRefused"),
    ("confirm", act(reason="x" * 201, plan_hash="HASH"), 422, "InvalidReason"),
    ("renounce", act(item_ids=["none"], accept_risk=True), 409, "ItemNotFound"),
    ("renounce", act(all=True), 422, "RiskNotAccepted"),
    ("renounce", act(all=True, accept_risk="on"), 422, "InvalidFields"),
    ("withdraw", act(user_id="u-2"), 403, "RoleRefused"),
    ("withdraw", act(proof={"password": "guessed"}), 403, "SecretRefused"),
    ("approve", act(user_id="u-2", plan_hash="0" * 64), 409, "StalePlanHash"),
]


async def test_an_act_is_refused_by_its_rule(api: ApiDriver) -> None:
    account = await api.account()
    opened = await api.close(account)
    for call, body, status, error in REFUSED_ACTS:
        said = {name: opened["plan_hash"] if value == "HASH" else value for name, value in body.items()}
        problem(await api.post(f"/closures/{account.closure_id}/{call}", said), status, error)
    assert (await account.status()).stage is Stage.READY


async def test_what_blocks_keeps_anybody_from_confirming(api: ApiDriver) -> None:
    account = await api.installation.account(bills=[BILL])
    hashed = (await account.close()).plan_hash
    answer = await api.post(f"/closures/{account.closure_id}/confirm", act(reason="x", plan_hash=hashed))
    problem(answer, 409, "ItemsOutstanding")


async def test_from_the_confirmation_on_nobody_turns_back_or_shortens_it(api: ApiDriver) -> None:
    account = await api.installation.account()
    before = await account.silent()
    path = f"/closures/{account.closure_id}"
    problem(await api.post(f"{path}/withdraw", act()), 409, "Irrevocable")
    problem(await api.post(f"{path}/recheck", {}), 409, "Irrevocable")
    again = await api.post(f"{path}/confirm", act(reason="x", plan_hash=before.plan_hash))
    problem(again, 409, "Irrevocable")
    assert (await account.status()).silent_until == before.silent_until


async def test_an_ended_closure_takes_no_act_though_the_account_has_a_new_one(api: ApiDriver) -> None:
    account = await api.account()
    hashed = (await api.close(account))["plan_hash"]
    ended = account.closure_id
    await api.post(f"/closures/{ended}/withdraw", act())
    await api.close(account)
    for call, body in {
        "recheck": {},
        "resume": {},
        "renounce": act(all=True, accept_risk=True),
        "confirm": act(reason="x", plan_hash=hashed),
        "approve": act(plan_hash=hashed),
        "withdraw": act(),
    }.items():
        problem(await api.post(f"/closures/{ended}/{call}", body), 409, "ClosureEnded")
    assert (await account.status()).stage is Stage.READY


async def test_codes_and_guesses_have_pauses_that_are_told(api: ApiDriver) -> None:
    account = await api.installation.account()
    path = f"/accounts/{account.account_id}/challenges"
    asked = [await api.post(path, act(method=IdentityMethod.EMAIL_CODE.value)) for _ in range(12)]
    refused: Any = problem(asked[-1], 429, "TooManyChallenges")
    assert int(asked[-1].headers["retry-after"]) == refused["facts"]["retry_after"] > 0
    # Who is not there gets the same answers.
    stranger = [await api.post(path, {"user_id": "nobody", "method": "email_code"}) for _ in range(12)]
    assert [each.status_code for each in stranger] == [each.status_code for each in asked]

    other = await api.account()
    wrong = closing(proof={"password": "guessed"})
    guessed = [await api.post(f"/accounts/{other.account_id}/closures", wrong) for _ in range(12)]
    problem(guessed[0], 403, "SecretRefused")
    assert int(guessed[-1].headers["retry-after"]) > 0
    problem(guessed[-1], 429, "TooManyGuesses")
    # Nobody's guesses here keep the owner from another door.
    await api.caller(name="second").close(other)


async def test_a_method_that_the_policy_lacks_sends_nothing(api: ApiDriver) -> None:
    account = await api.account()
    answer = await api.post(f"/accounts/{account.account_id}/challenges", act(method="email_code"))
    problem(answer, 403, "IdentityMethodRefused")
    assert await account.templates() == []


async def test_without_a_worker_nothing_is_done_and_it_is_said(installations: InstallationBuilder) -> None:
    async with (
        installations.open(with_worker=False) as installation,
        opened_api(installation, installation.database_file.with_suffix(".tokens")) as api,
    ):
        account = await api.account()
        path = f"/accounts/{account.account_id}/closures"
        answer = await api.post(path, closing(), key="once")
        refused: Any = problem(answer, 503, "NotAnswered")
        assert int(answer.headers["retry-after"]) > 0
        closure_id = refused["facts"]["closure_id"]
        asked = document(await api.get(f"/closures/{closure_id}"))
        assert (asked["standing"], asked["stage"]) == (Standing.UNANSWERED.value, "opened")
        async with running_worker(installation):
            # Since nothing was done, the same request is carried out now.
            again = await api.post(path, closing(), key="once")
            assert (again.status_code, document(again)["stage"]) == (201, "ready")
