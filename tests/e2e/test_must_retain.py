"""What the law makes the provider keep, by the account file and the commands alone."""

import json

from tests.harness.installed_program import InstalledProgram, sample_account

BOOKS = {"id": "books", "store": "invoices", "objects": 30}
GROUND = {"because": "Tax law, section 147", "until": "2099-01-01T00:00:00Z"}
ORDER = {"because": "An order of the tax office", "until": None}


def test_an_account_that_must_be_kept_waits_until_it_may_go(installed_program: InstalledProgram) -> None:
    account = "e2e-must-retain"
    installed_program.load(
        sample_account(account, data=[{**BOOKS, "must_retain": GROUND}], must_retain=ORDER)
    )
    (shown,) = installed_program.ask("platform", "show", account)["accounts"]
    assert (shown["data"], shown["must_retain"]) == ([{**BOOKS, "must_retain": GROUND}], ORDER)
    said = installed_program.start("platform", "show", account).stdout
    assert "An order of the tax office, until further notice" in " ".join(said.split())

    installed_program.make_silent(account)
    installed_program.ask("fast-forward", account, "7d")
    document = installed_program.ask("status", account)
    assert document["stage"] == "deleting"
    assert document["waiting_for"]["reason"] == "must_retain"
    assert document["waiting_for"]["detail"] == "An order of the tax office, until further notice"

    let_go = ("platform", "let-go", account)
    answer = {"account_id": account, "id": None, "must_retain": None}
    assert installed_program.ask(*let_go) == {**answer, "changed": True}
    assert installed_program.ask(*let_go) == {**answer, "changed": False}
    installed_program.start("recheck", account)
    installed_program.ask("fast-forward", account, "2d")
    document = installed_program.ask("status", account)
    assert document["outcome"] == "deleted"
    certificate = installed_program.ask("certificate", document["closure_id"])
    assert "Tax law, section 147" in json.dumps(certificate)
    (shown,) = installed_program.ask("platform", "show", account)["accounts"]
    assert [each["id"] for each in shown["data"]] == ["books"]
    assert installed_program.refused(*let_go) == "AccountClosed"


def test_only_what_is_there_can_be_let_go(installed_program: InstalledProgram) -> None:
    account = "e2e-let-go"
    installed_program.load(sample_account(account, data=[{**BOOKS, "must_retain": GROUND}]))
    assert installed_program.ask("platform", "let-go", account, "books")["changed"] is True
    (shown,) = installed_program.ask("platform", "show", account)["accounts"]
    assert shown["data"] == [{**BOOKS, "must_retain": None}]
    assert installed_program.refused("platform", "let-go", account, "nothing") == "ThingNotFound"
    assert installed_program.refused("platform", "let-go", "nobody") == "AccountNotFound"
