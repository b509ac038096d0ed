"""Legal holds by the commands alone."""

from tests.e2e.driver import Installation, sample_account


def test_a_hold_is_looked_at_before_the_start_before_confirm_and_before_deletion(
    installation: Installation,
) -> None:
    account = "e2e-hold"
    installation.load(sample_account(account))
    held = installation.ask("platform", "hold", account, "--reason", "case 7")
    assert held == {"account_id": account, "held": True}
    code = installation.code_for(account)
    close = ("close", account, "--as", "u-main", "--agree", "--code", code)
    assert installation.refused(*close) == "LegalHold"
    assert installation.ask("platform", "unhold", account)["changed"] is True
    assert installation.ask("platform", "unhold", account)["changed"] is False

    installation.make_ready(account)
    installation.ask("platform", "hold", account, "--reason", "case 7")
    assert installation.refused("confirm", account, "--as", "u-main", "--reason", "r") == "LegalHold"
    installation.ask("platform", "unhold", account)
    assert installation.ask("recheck", account)["stage"] == "ready"

    installation.ask("confirm", account, "--as", "u-main", "--reason", "r")
    installation.ask("fast-forward", account, "6m")
    installation.ask("platform", "hold", account, "--reason", "case 7")
    installation.ask("fast-forward", account, "7d")
    assert installation.ask("status", account)["stage"] == "final_check"
    assert "legal hold" in str(installation.ask("audit", account)["events"])
    installation.ask("platform", "unhold", account)
    installation.start("recheck", account)
    installation.ask("fast-forward", account, "2h")
    assert installation.ask("status", account)["outcome"] == "deleted"


def test_a_hold_needs_a_reason_and_an_account_that_is_there(installation: Installation) -> None:
    assert installation.start("platform", "hold", "e2e-hold").exit_code == 2
    assert installation.start("platform", "hold", "e2e-hold", "--reason", " ").exit_code == 2
    assert installation.start("platform", "hold", "e2e-hold", "--reason", "x" * 501).exit_code == 2
    assert installation.refused("platform", "hold", "nobody", "--reason", "r") == "AccountNotFound"
    assert installation.refused("platform", "unhold", "nobody") == "AccountNotFound"
