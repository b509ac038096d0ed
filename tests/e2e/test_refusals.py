"""Every request that a rule refuses: exit 1, a type name and a sentence, and nothing changed."""

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text

from tests.harness.installed_program import InstalledProgram, Json, sample_account

STALE_HASH = "0" * 64


@pytest.fixture
def unchanged(installed_program: InstalledProgram, blocked_account: str) -> Iterator[str]:
    """The blocked account, which is the same afterwards: platform and closure."""
    before = state_of(installed_program, blocked_account)
    yield blocked_account
    assert state_of(installed_program, blocked_account) == before


def state_of(installed_program: InstalledProgram, account: str) -> tuple[Json, Json]:
    """All but the time that is left until the draft expires."""
    status = installed_program.ask("status", account)
    return installed_program.ask("platform", "show", account), {**status, "remaining_seconds": None}


@pytest.mark.parametrize(
    "words",
    [
        ["status", "nobody"],
        ["recheck", "nobody"],
        ["challenge", "nobody", "--as", "u-main", "--method", "email_code"],
        ["close", "nobody", "--as", "u-main", "--code", "123456", "--agree"],
        ["renounce", "nobody", "--all", "--as", "u-main", "--accept-risk"],
        ["confirm", "nobody", "--as", "u-main", "--reason", "r", "--yes"],
        ["withdraw", "nobody", "--as", "u-main"],
        ["audit", "nobody"],
        ["platform", "show", "nobody"],
        ["platform", "request", "nobody", "--kind", "api"],
        ["platform", "pay", "nobody", "b-1"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_unknown_account(installed_program: InstalledProgram, words: list[str]) -> None:
    assert installed_program.refused(*words) in {"AccountNotFound", "ClosureNotFound"}


def test_unknown_things_are_not_handled(installed_program: InstalledProgram, unchanged: str) -> None:
    for act in ("pay", "settle", "transfer", "cancel-filing", "unlink", "release"):
        assert installed_program.refused("platform", act, unchanged, "no-such-thing") == "ThingNotFound"


def test_only_the_main_account_may_start(installed_program: InstalledProgram) -> None:
    """A11."""
    account = "e2e-ram"
    installed_program.load(sample_account(account))
    shown = installed_program.ask("platform", "show", account)
    code = installed_program.code_for(account, "u-ram")
    refused = installed_program.refused("close", account, "--as", "u-ram", "--code", code, "--agree")
    assert refused == "RoleRefused"
    assert installed_program.ask("platform", "show", account) == shown
    assert installed_program.ask("status", account)["outcome"] == "refused"


def test_wrong_and_used_codes(installed_program: InstalledProgram) -> None:
    """A12: single use, and no closure begins with a wrong one."""
    account = "e2e-codes"
    installed_program.load(sample_account(account))
    code = installed_program.code_for(account)
    wrong = code[:-1] + str((int(code[-1]) + 1) % 10)
    close = ("close", account, "--as", "u-main", "--agree", "--code")
    assert installed_program.refused(*close, wrong) == "CodeRefused"
    assert installed_program.refused("status", account) == "ClosureNotFound"
    assert installed_program.ask(*close, code)["stage"] == "ready"
    installed_program.ask("withdraw", account, "--as", "u-main")
    assert installed_program.refused(*close, code) == "CodeRefused", "used already"


def test_expired_code(installed_program: InstalledProgram) -> None:
    account = "e2e-expired-code"
    installed_program.load(sample_account(account))
    code = installed_program.code_for(account)
    engine = create_engine(f"sqlite:///{installed_program.folder}/.closure/accounts.db")
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE record_challenges SET expires_at = '2020-01-01 00:00:00.000000' WHERE account_id = :a"
            ),
            {"a": account},
        )
    engine.dispose()
    refused = installed_program.refused("close", account, "--as", "u-main", "--agree", "--code", code)
    assert refused == "CodeRefused"


def test_no_agreement_lists_what_must_be_agreed_to(installed_program: InstalledProgram) -> None:
    """A13."""
    account = "e2e-agreement"
    installed_program.load(sample_account(account))
    code = installed_program.code_for(account)
    finished = installed_program.start("close", account, "--as", "u-main", "--code", code, "--json")
    assert finished.exit_code == 1, finished
    error = finished.json["error"]
    assert error["type"] == "AcknowledgementRequired"
    assert len(error["acknowledgements"]) == 1
    assert "version" in error["acknowledgements"][0]
    assert installed_program.ask("status", account)["outcome"] == "refused"
    # The code is not used up by that, but by the close that it opens.
    words = ("close", account, "--as", "u-main", "--agree", "--code", code)
    assert installed_program.ask(*words)["outcome"] is None
    installed_program.ask("withdraw", account, "--as", "u-main")
    assert installed_program.refused(*words) == "CodeRefused"


def test_proof_is_needed(installed_program: InstalledProgram) -> None:
    account = "e2e-no-proof"
    installed_program.load(sample_account(account))
    finished = installed_program.start("close", account, "--as", "u-main", "--agree", "--json")
    assert finished.exit_code in (1, 2), finished
    assert installed_program.refused("status", account) == "ClosureNotFound"


def test_another_user_needs_a_proof_of_their_own(installed_program: InstalledProgram, unchanged: str) -> None:
    refused = installed_program.refused("renounce", unchanged, "--all", "--as", "u-ram", "--accept-risk")
    assert refused in {"RoleRefused", "IdentityProofRequired"}
    assert installed_program.refused("withdraw", unchanged, "--as", "u-ram") in {
        "RoleRefused",
        "IdentityProofRequired",
    }


def test_renouncing_what_cannot_be(installed_program: InstalledProgram, unchanged: str) -> None:
    """A16: unknown items, manual items, and no accepted risk."""
    items = installed_program.ask("status", unchanged)["checklist"]
    manual = next(item["item_id"] for item in items if item["category"] == "manual")
    renounceable = next(item["item_id"] for item in items if item["category"] == "renounceable")
    renounce = ("renounce", unchanged, "--as", "u-main", "--accept-risk")
    assert installed_program.refused(*renounce, "no-such-item") == "ItemNotFound"
    assert installed_program.refused(*renounce, manual) == "ItemNotRenounceable"
    assert installed_program.refused(*renounce, renounceable, manual) == "ItemNotRenounceable"
    assert (
        installed_program.refused("renounce", unchanged, "--as", "u-main", renounceable) == "RiskNotAccepted"
    )


def test_confirming_while_blocked(installed_program: InstalledProgram, unchanged: str) -> None:
    """A17."""
    refused = installed_program.refused("confirm", unchanged, "--as", "u-main", "--reason", "r", "--yes")
    assert refused == "ItemsOutstanding"


def test_second_start_for_the_same_account(installed_program: InstalledProgram, unchanged: str) -> None:
    code = installed_program.code_for(unchanged)
    refused = installed_program.refused("close", unchanged, "--as", "u-main", "--code", code, "--agree")
    assert refused == "ClosureAlreadyOpen"


def test_confirm_is_bound_to_plan_and_reason(installed_program: InstalledProgram) -> None:
    """A17: stale or malformed hashes and unusable reasons leave it ready; a changed account says so."""
    account = "e2e-plan"
    installed_program.load(sample_account(account))
    ready = installed_program.make_ready(account)
    confirm = ("confirm", account, "--as", "u-main", "--yes", "--reason")
    assert installed_program.refused(*confirm, "r", "--plan-hash", STALE_HASH) == "StalePlanHash"
    assert installed_program.refused(*confirm, "r", "--plan-hash", "not-a-hash") == "StalePlanHash"
    assert (
        installed_program.refused(*confirm, "r", "--plan-hash", ready["plan_hash"].upper()) == "StalePlanHash"
    )
    assert installed_program.refused(*confirm, "   ") == "InvalidReason"
    assert installed_program.refused(*confirm, "x" * 201) == "InvalidReason"
    after = installed_program.ask("status", account)
    assert (after["stage"], after["confirmed_at"]) == ("ready", None)
    assert after["plan_hash"] == ready["plan_hash"]

    installed_program.ask("platform", "charge", account, "--amount", "3.00")
    refused = installed_program.refused(*confirm, "r", "--plan-hash", ready["plan_hash"])
    assert refused in {"PlanChanged", "ItemsOutstanding"}
    assert installed_program.ask("status", account)["stage"] == "blocked"


def test_the_silent_period_refuses_everything(
    installed_program: InstalledProgram, silent_account: str
) -> None:
    """A20: no update, no recheck and no new closure changes it; signing in shows the status only."""
    before = installed_program.ask("status", silent_account)
    installed_program.refused("close", silent_account, "--as", "u-main", "--code", "123456", "--agree")
    actions = (
        ("withdraw", silent_account, "--as", "u-main"),
        ("renounce", silent_account, "--all", "--as", "u-main", "--accept-risk"),
        ("confirm", silent_account, "--as", "u-main", "--reason", "r", "--yes"),
    )
    for words in actions:
        assert installed_program.refused(*words) == "Irrevocable", words
    for kind in ("api", "call", "message", "verify"):
        finished = installed_program.start("platform", "request", silent_account, "--kind", kind, "--json")
        assert finished.exit_code == 1, finished
    signed_in = installed_program.ask("platform", "request", silent_account, "--kind", "sign-in")
    assert signed_in["scope"] == "closure-status"
    after = installed_program.ask("status", silent_account)
    assert after["remaining_seconds"] <= before["remaining_seconds"]
    assert {**after, "remaining_seconds": None} == {**before, "remaining_seconds": None}
