"""Every request that a rule refuses: exit 1, a type name and a sentence, and nothing changed."""

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text

from tests.e2e.driver import Installation, Json, sample_account

STALE_HASH = "0" * 64


@pytest.fixture
def unchanged(installation: Installation, blocked_account: str) -> Iterator[str]:
    """The blocked account, which is the same afterwards: platform and closure."""
    before = state_of(installation, blocked_account)
    yield blocked_account
    assert state_of(installation, blocked_account) == before


def state_of(installation: Installation, account: str) -> tuple[Json, Json]:
    return installation.ask("platform", "show", account), installation.ask("status", account)


@pytest.mark.parametrize(
    "words",
    [
        ["status", "nobody"],
        ["recheck", "nobody"],
        ["challenge", "nobody", "--as", "u-main", "--method", "email_code"],
        ["close", "nobody", "--as", "u-main", "--code", "123456", "--agree"],
        ["renounce", "nobody", "--all", "--as", "u-main", "--accept-risk"],
        ["confirm", "nobody", "--as", "u-main", "--reason", "r"],
        ["withdraw", "nobody", "--as", "u-main"],
        ["audit", "nobody"],
        ["platform", "show", "nobody"],
        ["platform", "request", "nobody", "--kind", "api"],
        ["platform", "pay", "nobody", "b-1"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_unknown_account(installation: Installation, words: list[str]) -> None:
    assert installation.refused(*words) in {"AccountNotFound", "ClosureNotFound"}


def test_unknown_things_are_not_handled(installation: Installation, unchanged: str) -> None:
    for act in ("pay", "settle", "transfer", "cancel-filing", "unlink", "release"):
        assert installation.refused("platform", act, unchanged, "no-such-thing") == "ThingNotFound"


def test_only_the_main_account_may_start(installation: Installation) -> None:
    """A11."""
    account = "e2e-ram"
    installation.load(sample_account(account))
    shown = installation.ask("platform", "show", account)
    code = installation.code_for(account, "u-ram")
    refused = installation.refused("close", account, "--as", "u-ram", "--code", code, "--agree")
    assert refused == "RoleRefused"
    assert installation.ask("platform", "show", account) == shown
    assert installation.ask("status", account)["outcome"] == "refused"


def test_wrong_and_used_codes(installation: Installation) -> None:
    """A12: single use, and no closure begins with a wrong one."""
    account = "e2e-codes"
    installation.load(sample_account(account))
    code = installation.code_for(account)
    wrong = code[:-1] + str((int(code[-1]) + 1) % 10)
    close = ("close", account, "--as", "u-main", "--agree", "--code")
    assert installation.refused(*close, wrong) == "CodeRefused"
    assert installation.refused("status", account) == "ClosureNotFound"
    assert installation.ask(*close, code)["stage"] == "ready"
    installation.ask("withdraw", account, "--as", "u-main")
    assert installation.refused(*close, code) == "CodeRefused", "used already"


def test_expired_code(installation: Installation) -> None:
    account = "e2e-expired-code"
    installation.load(sample_account(account))
    code = installation.code_for(account)
    engine = create_engine(f"sqlite:///{installation.folder}/.closure/accounts.db")
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE record_challenges SET expires_at = '2020-01-01 00:00:00.000000' WHERE account_id = :a"
            ),
            {"a": account},
        )
    engine.dispose()
    refused = installation.refused("close", account, "--as", "u-main", "--agree", "--code", code)
    assert refused == "CodeRefused"


def test_no_agreement_lists_what_must_be_agreed_to(installation: Installation) -> None:
    """A13."""
    account = "e2e-agreement"
    installation.load(sample_account(account))
    code = installation.code_for(account)
    finished = installation.start("close", account, "--as", "u-main", "--code", code, "--json")
    assert finished.exit_code == 1, finished
    error = finished.json["error"]
    assert error["type"] == "AcknowledgementRequired"
    assert len(error["acknowledgements"]) == 1
    assert "version" in error["acknowledgements"][0]
    assert installation.ask("status", account)["outcome"] == "refused"


def test_proof_is_needed(installation: Installation) -> None:
    account = "e2e-no-proof"
    installation.load(sample_account(account))
    finished = installation.start("close", account, "--as", "u-main", "--agree", "--json")
    assert finished.exit_code in (1, 2), finished
    assert installation.refused("status", account) == "ClosureNotFound"


def test_another_user_needs_a_proof_of_their_own(installation: Installation, unchanged: str) -> None:
    refused = installation.refused("renounce", unchanged, "--all", "--as", "u-ram", "--accept-risk")
    assert refused in {"RoleRefused", "IdentityProofRequired"}
    assert installation.refused("withdraw", unchanged, "--as", "u-ram") in {
        "RoleRefused",
        "IdentityProofRequired",
    }


def test_renouncing_what_cannot_be(installation: Installation, unchanged: str) -> None:
    """A16: unknown items, manual items, and no accepted risk."""
    items = installation.ask("status", unchanged)["checklist"]
    manual = next(item["item_id"] for item in items if item["category"] == "manual")
    renounceable = next(item["item_id"] for item in items if item["category"] == "renounceable")
    renounce = ("renounce", unchanged, "--as", "u-main", "--accept-risk")
    assert installation.refused(*renounce, "no-such-item") == "ItemNotFound"
    assert installation.refused(*renounce, manual) == "ItemNotRenounceable"
    assert installation.refused(*renounce, renounceable, manual) == "ItemNotRenounceable"
    assert installation.refused("renounce", unchanged, "--as", "u-main", renounceable) == "RiskNotAccepted"


def test_confirming_while_blocked(installation: Installation, unchanged: str) -> None:
    """A17."""
    refused = installation.refused("confirm", unchanged, "--as", "u-main", "--reason", "r")
    assert refused == "ItemsOutstanding"


def test_second_start_for_the_same_account(installation: Installation, unchanged: str) -> None:
    code = installation.code_for(unchanged)
    refused = installation.refused("close", unchanged, "--as", "u-main", "--code", code, "--agree")
    assert refused == "ClosureAlreadyOpen"


def test_confirm_is_bound_to_plan_and_reason(installation: Installation) -> None:
    """A17: stale or malformed hashes and unusable reasons leave it ready; a changed account says so."""
    account = "e2e-plan"
    installation.load(sample_account(account))
    ready = installation.make_ready(account)
    confirm = ("confirm", account, "--as", "u-main", "--reason")
    assert installation.refused(*confirm, "r", "--plan-hash", STALE_HASH) == "StalePlanHash"
    assert installation.refused(*confirm, "r", "--plan-hash", "not-a-hash") == "StalePlanHash"
    assert installation.refused(*confirm, "r", "--plan-hash", ready["plan_hash"].upper()) == "StalePlanHash"
    assert installation.refused(*confirm, "   ") == "InvalidReason"
    assert installation.refused(*confirm, "x" * 201) == "InvalidReason"
    after = installation.ask("status", account)
    assert (after["stage"], after["confirmed_at"]) == ("ready", None)
    assert after["plan_hash"] == ready["plan_hash"]

    installation.ask("platform", "charge", account, "--amount", "3.00")
    refused = installation.refused(*confirm, "r", "--plan-hash", ready["plan_hash"])
    assert refused in {"PlanChanged", "ItemsOutstanding"}
    assert installation.ask("status", account)["stage"] == "blocked"


def test_the_silent_period_refuses_everything(installation: Installation, silent_account: str) -> None:
    """A20: no update, no recheck and no new closure changes it; signing in shows the status only."""
    before = installation.ask("status", silent_account)
    installation.refused("close", silent_account, "--as", "u-main", "--code", "123456", "--agree")
    actions = (
        ("withdraw", silent_account, "--as", "u-main"),
        ("renounce", silent_account, "--all", "--as", "u-main", "--accept-risk"),
        ("confirm", silent_account, "--as", "u-main", "--reason", "r"),
    )
    for words in actions:
        assert installation.refused(*words) == "Irrevocable", words
    for kind in ("api", "call", "message", "verify"):
        finished = installation.start("platform", "request", silent_account, "--kind", kind, "--json")
        assert finished.exit_code == 1, finished
    signed_in = installation.ask("platform", "request", silent_account, "--kind", "sign-in")
    assert signed_in["scope"] == "closure-status"
    after = installation.ask("status", silent_account)
    assert after["remaining_seconds"] <= before["remaining_seconds"]
    assert {**after, "remaining_seconds": None} == {**before, "remaining_seconds": None}
