"""`--language` on every command that prints a policy's texts: those are in it, and nothing else changes."""

import pytest

from tests.harness.installed_program import InstalledProgram, Json, sample_account


def wordless(document: Json) -> Json:
    """The document without a policy's texts, and without what time alone changes."""
    items = [{**item, "title": "", "how_to": ""} for item in document["checklist"]]
    return {**document, "checklist": items, "advice": [], "remaining_seconds": None}


@pytest.mark.parametrize("command", ["plan", "status", "recheck"])
def test_what_is_shown_is_in_the_language_asked_for(
    installed_program: InstalledProgram, blocked_account: str, command: str
) -> None:
    english = installed_program.ask(command, blocked_account)
    chinese = installed_program.ask(command, blocked_account, "--language", "zh-CN")
    assert [item["title"] for item in english["checklist"]] == [
        "Bill b-1 of 18.20 USD is unpaid",
        "Remaining balance of 200.00 USD",
    ]
    assert [item["title"] for item in chinese["checklist"]] == [
        "账单 b-1（18.20 USD）未支付",
        "剩余余额 200.00 USD",
    ]
    assert chinese["advice"][0].startswith("确认注销前")
    if command == "plan":
        assert chinese["acknowledgements"] == ["《阿里云账号注销协议》（版本 2024-06）"]
        english["acknowledgements"] = chinese["acknowledgements"]
    if command == "recheck":
        assert chinese.pop("survey_number") == english.pop("survey_number") + 1
        assert chinese.pop("deadline")["what"] == english.pop("deadline")["what"]
    assert wordless(chinese) == wordless(english)
    for_people = installed_program.start(command, blocked_account, "--language", "zh")
    assert for_people.exit_code == 0
    assert "剩余余额" in for_people.stdout


def test_a_closure_is_carried_through_in_chinese(installed_program: InstalledProgram) -> None:
    account = "e2e-chinese"
    resources = [{"id": "i-1", "product": "ecs", "renounceable": True}]
    given = sample_account(account, resources=resources)
    given["users"][0]["language"] = "zh"
    installed_program.load(given)
    code = installed_program.code_for(account)
    words = ("--as", "u-main", "--language", "zh")
    refused = installed_program.start("close", account, *words, "--code", code, "--json")
    assert (refused.exit_code, refused.error_type) == (1, "AcknowledgementRequired")
    assert refused.json["error"]["acknowledgements"] == ["《阿里云账号注销协议》（版本 2024-06）"]
    document = installed_program.ask("close", account, *words, "--code", code, "--agree")
    assert document["checklist"][0]["title"] == "ecs 实例 i-1 尚未释放"
    document = installed_program.ask("renounce", account, *words, "--all", "--accept-risk")
    assert document["checklist"][0]["title"] == "ecs 实例 i-1 尚未释放"
    document = installed_program.ask("confirm", account, *words, "--reason", "不再需要云服务", "--yes")
    assert document["advice"][0].startswith("确认注销前")
    messages = installed_program.ask("platform", "outbox", account)["messages"]
    assert {message["language"] for message in messages} == {"zh"}
    (opened,) = [
        message
        for message in messages
        if (message["template"], message["channel"]) == ("closure_opened", "email")
    ]
    assert opened["subject"] == f"有人申请注销您的阿里云账号 {account}：是您本人吗？"
    shown = installed_program.start("platform", "outbox", account)
    assert opened["subject"] in shown.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "{account}"),
        ("close", "{account}", "--as", "u-main", "--code", "123456"),
        ("status", "{account}"),
        ("recheck", "{account}"),
        ("renounce", "{account}", "--as", "u-main", "--all", "--accept-risk"),
        ("confirm", "{account}", "--as", "u-main", "--reason", "r", "--yes"),
        ("approve", "{account}", "--as", "u-main", "--plan-hash", "0" * 64),
        ("withdraw", "{account}", "--as", "u-main"),
        ("watch", "{account}"),
    ],
    ids=lambda words: words[0],
)
def test_a_language_that_no_policy_has_is_refused_in_one_line(
    installed_program: InstalledProgram, blocked_account: str, words: tuple[str, ...]
) -> None:
    named = [word.format(account=blocked_account) for word in words]
    before = installed_program.ask("status", blocked_account)
    refused = installed_program.start(*named, "--language", "fr")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == "error: --language fr: no policy has it; there are: en, zh\n"
    assert wordless(installed_program.ask("status", blocked_account)) == wordless(before)


@pytest.mark.parametrize("tag", ["", "english!", "e", "zh_CN", "\udcff"])
def test_what_is_no_tag_is_bad_usage(
    installed_program: InstalledProgram, blocked_account: str, tag: str
) -> None:
    refused = installed_program.start("status", blocked_account, "--language", tag, "--json")
    assert refused.exit_code == 2
    assert "en or zh-CN" in refused.stdout + refused.stderr
