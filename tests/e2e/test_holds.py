"""Legal holds by the commands alone."""

from tests.harness.installed_program import InstalledProgram, sample_account


def test_a_hold_is_looked_at_before_the_start_before_confirm_and_before_deletion(
    installed_program: InstalledProgram,
) -> None:
    account = "e2e-hold"
    installed_program.load(sample_account(account))
    held = installed_program.ask("platform", "hold", account, "--reason", "case 7")
    assert held == {"account_id": account, "held": True}
    code = installed_program.code_for(account)
    close = ("close", account, "--as", "u-main", "--agree", "--code", code)
    assert installed_program.refused(*close) == "LegalHold"
    assert installed_program.ask("platform", "unhold", account)["changed"] is True
    assert installed_program.ask("platform", "unhold", account)["changed"] is False

    installed_program.make_ready(account)
    installed_program.ask("platform", "hold", account, "--reason", "case 7")
    confirm = ("confirm", account, "--as", "u-main", "--reason", "r", "--yes")
    assert installed_program.refused(*confirm) == "LegalHold"
    installed_program.ask("platform", "unhold", account)
    assert installed_program.ask("recheck", account)["stage"] == "ready"

    installed_program.ask(*confirm)
    installed_program.ask("fast-forward", account, "6m")
    installed_program.ask("platform", "hold", account, "--reason", "case 7")
    installed_program.ask("fast-forward", account, "7d")
    assert installed_program.ask("status", account)["stage"] == "final_check"
    assert "legal_hold" in str(installed_program.ask("audit", account)["events"])
    installed_program.ask("platform", "unhold", account)
    installed_program.start("recheck", account)
    installed_program.ask("fast-forward", account, "2h")
    assert installed_program.ask("status", account)["outcome"] == "deleted"


def test_a_hold_needs_a_reason_and_an_account_that_is_there(installed_program: InstalledProgram) -> None:
    assert installed_program.start("platform", "hold", "e2e-hold").exit_code == 2
    assert installed_program.start("platform", "hold", "e2e-hold", "--reason", " ").exit_code == 2
    assert installed_program.start("platform", "hold", "e2e-hold", "--reason", "x" * 501).exit_code == 2
    assert installed_program.refused("platform", "hold", "nobody", "--reason", "r") == "AccountNotFound"
    assert installed_program.refused("platform", "unhold", "nobody") == "AccountNotFound"
