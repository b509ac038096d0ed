"""Attacks through the command line; `tests/security/test_attacks.py` lists them all."""

import json
import shutil
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, select, text

from closure.visible_text import printable
from records.chain import GENESIS_HASH, hash_event
from records.rows import event_columns, event_of
from records.tables import record_closures, record_events
from tests.harness.installed_program import PROJECT, Finished, InstalledProgram, sample_account

BIDI = "\u202e"
HOSTILE = f"x{BIDI}\u2066[red]<b>`_*|[a](http://evil)"
AT_ONCE = 20.0
"""Seconds within which a hostile file must be refused on a busy machine; reading on would take minutes."""


@pytest.fixture(scope="session")
def victim(installed_program: InstalledProgram) -> str:
    """An account that is blocked by a bill and a balance."""
    account = "sec-victim"
    bill = {"id": "b-1", "amount": "18.20", "status": "unpaid"}
    installed_program.load(sample_account(account, bills=[bill], balance={"cash": "9.00", "promo": "0.00"}))
    assert installed_program.close(account)["stage"] == "blocked"
    return account


def is_clean(finished: Finished) -> bool:
    """Nothing in it moves a cursor, changes a colour or reorders a line."""
    shown = finished.stdout + finished.stderr
    return printable(shown) == shown


def test_another_accounts_closure_is_not_shown(installed_program: InstalledProgram, victim: str) -> None:
    """8.2: naming the closure does not help; neither does the code of another account."""
    account = "sec-mallory"
    installed_program.load(sample_account(account))
    closure_id = installed_program.ask("status", victim)["closure_id"]
    for command in ("status", "audit"):
        assert installed_program.refused(command, account, "--closure", closure_id) == "ClosureNotFound"
    before = installed_program.ask("audit", victim)
    code = installed_program.code_for(account)
    for words in (("withdraw", victim), ("renounce", victim, "--all", "--accept-risk")):
        assert installed_program.refused(*words, "--as", "u-main", "--code", code) == "CodeRefused"
    assert installed_program.ask("audit", victim) == before


def test_an_id_of_one_kind_is_none_of_another(installed_program: InstalledProgram, victim: str) -> None:
    """A user's, a closure's, a workflow's or a resource's id in the place of an account's."""
    status = installed_program.ask("status", victim)
    before = installed_program.ask("audit", victim)
    acts = [
        ("status",),
        ("close", "--as", "u-main", "--code", "12345678", "--agree"),
        ("plan",),
        ("withdraw", "--as", "u-main"),
        ("confirm", "--as", "u-main", "--reason", "r", "--yes"),
        ("platform", "show"),
    ]
    wrong_ids = ("u-main", status["closure_id"], status["workflow_id"], status["run_id"], "oss-1", "b-1")
    for act, wrong in zip(acts, wrong_ids, strict=True):
        place = 2 if act[0] == "platform" else 1
        words = (*act[:place], wrong, *act[place:])
        assert installed_program.refused(*words) in {"AccountNotFound", "ClosureNotFound"}, words
    assert installed_program.refused("certificate", victim) == "ClosureNotFound"
    assert installed_program.refused("status", victim, "--closure", victim) == "ClosureNotFound"
    assert installed_program.ask("audit", victim) == before


@pytest.mark.parametrize("text_", ["a\x1b[2J", "a\nb", "\x7f", "x" * 201, ""])
def test_an_id_with_control_characters_is_bad_usage(installed_program: InstalledProgram, text_: str) -> None:
    for words in (("status", text_), ("close", "sec-none", "--as", text_, "--code", "1", "--agree")):
        finished = installed_program.start(*words)
        assert finished.exit_code == 2, finished
        assert is_clean(finished)


def test_hostile_ids_and_reasons_reach_no_terminal(installed_program: InstalledProgram) -> None:
    """What the account file may hold, in every command that shows it; as text and as JSON."""
    account = f"sec-{HOSTILE}"
    installed_program.load(
        sample_account(
            account,
            resources=[
                {"id": f"r-{HOSTILE}", "product": f"ecs{BIDI}", "renounceable": True},
                {"id": "r-2", "product": "ebs", "depends_on": [f"r-{HOSTILE}"], "renounceable": True},
            ],
        )
    )
    commands: list[tuple[str, ...]] = [
        ("plan", account),
        ("platform", "show", account),
        ("platform", "outbox", account),
    ]
    assert installed_program.close(account)["stage"] == "blocked"
    commands += [("status", account), ("audit", account, "--verify"), ("list",)]
    for words in commands:
        finished = installed_program.start(*words)
        assert finished.exit_code == 0, finished
        assert is_clean(finished), finished
    for words in (("status", account), ("platform", "show", account)):
        assert is_clean(installed_program.start(*words, "--json"))
    renounced = installed_program.ask("renounce", account, "--all", "--as", "u-main", "--accept-risk")
    ids = {item["resource_id"] for item in renounced["checklist"]}
    assert ids == {f"r-{HOSTILE}", "r-2"}, "JSON still says what it is"
    reason = f"because{BIDI}\x9b31m\x1b[2J[red]"
    finished = installed_program.start("confirm", account, "--as", "u-main", "--reason", reason, "--yes")
    assert is_clean(finished)
    assert finished.exit_code in {0, 1}, finished
    for words in (("audit", account), ("status", account)):
        assert is_clean(installed_program.start(*words))
    for message in installed_program.ask("platform", "outbox", account)["messages"]:
        assert printable(message["body"]) == message["body"]


@pytest.mark.parametrize("text_", ["a\x1b[2J", "a\nb", "a\x9bb", "\x00"])
def test_control_characters_in_an_account_file_are_refused(
    installed_program: InstalledProgram, text_: str
) -> None:
    file = installed_program.folder / "hostile.json"
    for field in ("id", "provider"):
        file.write_text(json.dumps({"accounts": [sample_account("sec-control") | {field: text_}]}))
        finished = installed_program.start("platform", "load", str(file))
        assert finished.exit_code == 2, finished
        assert is_clean(finished)


def test_a_policy_is_a_name_never_a_path(installed_program: InstalledProgram, victim: str) -> None:
    """A file that lies there is not read, wherever it lies."""
    evil = installed_program.folder / "evil.toml"
    shutil.copy(PROJECT / "policies" / "alibaba-cloud.toml", evil)
    before = installed_program.ask("audit", victim)
    for name in (
        str(evil),
        str(evil.with_suffix("")),
        "../evil",
        "alibaba-cloud.toml",
        "../policies/alibaba-cloud",
        "ALIBABA-CLOUD",
        "..",
    ):
        assert installed_program.refused("plan", victim, "--policy", name) == "PolicyNotFound", name
    assert installed_program.start("plan", victim, "--policy", "a\x1b[2Jb").exit_code == 2
    assert installed_program.ask("audit", victim) == before


def test_a_provider_with_path_parts_has_no_policy(installed_program: InstalledProgram) -> None:
    account = "sec-provider"
    installed_program.load(sample_account(account, provider="../../evil"))
    assert installed_program.refused("plan", account) == "PolicyNotFound"
    code = ("--code", "12345678")
    assert installed_program.refused("close", account, "--as", "u-main", *code, "--agree") == "PolicyNotFound"


@pytest.mark.parametrize(
    "name", ["../nothing.yaml", "/nothing", "/", "..", "/dev/null", "/dev/zero", "~", ""]
)
def test_a_file_that_is_none_loads_nothing(installed_program: InstalledProgram, name: str) -> None:
    began = time.monotonic()
    finished = installed_program.start("platform", "load", name, "--json")
    assert finished.exit_code == 2, finished
    assert finished.error_type in {"BadInput", "BadUsage"}
    assert time.monotonic() - began < AT_ONCE


BOMBS = {
    "aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "depth": "[" * 100_000,
    "json depth": '{"accounts":' + "[" * 100_000,
    "tags": "accounts: !!python/object/apply:os.system ['touch pwned']",
    "merge keys": "accounts: [{<<: &a {id: x}, <<: *a}]",
    "numbers": "accounts: " + "9" * 5_000_000,
    "documents": "---\naccounts: []\n" * 50_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_cannot_blow_up(installed_program: InstalledProgram, bomb: str) -> None:
    file = installed_program.folder / "bomb.yaml"
    file.write_text(BOMBS[bomb])
    began = time.monotonic()
    finished = installed_program.start("platform", "load", str(file))
    assert finished.exit_code == 2, finished
    assert time.monotonic() - began < AT_ONCE
    assert len(finished.stderr) < 5_000
    assert "Traceback" not in finished.stderr
    assert not (installed_program.folder / "pwned").exists()


def test_a_giant_file_is_refused_at_once(installed_program: InstalledProgram) -> None:
    file = installed_program.folder / "giant.yaml"
    with file.open("wb") as giant:
        giant.truncate(50 * 1024**3)  # a hole: no disk is used
    began = time.monotonic()
    finished = installed_program.start("platform", "load", str(file))
    file.unlink()
    assert finished.exit_code == 2
    assert "is larger than 64 MiB" in finished.stderr
    assert time.monotonic() - began < AT_ONCE


def confirmed_account(installed_program: InstalledProgram, account: str) -> str:
    """Its closure id."""
    installed_program.load(sample_account(account))
    installed_program.make_ready(account)
    document = installed_program.ask("confirm", account, "--as", "u-main", "--reason", "done", "--yes")
    return str(document["closure_id"])


def verify(installed_program: InstalledProgram, account: str, **settings: str) -> Finished:
    return installed_program.start("audit", account, "--verify", "--json", **settings)


def reforge(installed_program: InstalledProgram, closure_id: str) -> None:
    """Changes an event and makes the chain whole again: the database agrees with itself."""
    engine = create_engine(f"sqlite:///{installed_program.folder}/.closure/accounts.db")
    with engine.begin() as connection:
        triggers = drop_triggers(connection)
        events = select(record_events).where(record_events.c.closure_id == closure_id)
        previous = GENESIS_HASH
        for row in connection.execute(events.order_by(record_events.c.sequence)).mappings().all():
            event = event_of(row).model_copy(update={"previous_hash": previous})
            if event.sequence == 2:
                event = event.model_copy(update={"time": event.time - timedelta(hours=1)})
            event = event.model_copy(update={"hash": hash_event(event)})
            previous = event.hash
            here = (
                record_events.c.closure_id == closure_id,
                record_events.c.sequence == event.sequence,
            )
            connection.execute(record_events.update().where(*here).values(event_columns(event)))
        connection.execute(
            record_closures.update()
            .where(record_closures.c.closure_id == closure_id)
            .values(head_hash=previous)
        )
        for statement in triggers:
            connection.execute(text(statement))
    engine.dispose()


def drop_triggers(connection: Connection) -> list[str]:
    """As somebody with the keys to the database would; the statements that put them back."""
    found = connection.execute(
        text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'record_events'")
    ).all()
    for name, _ in found:
        connection.execute(text(f"DROP TRIGGER {name}"))
    return [statement for _, statement in found]


def test_a_chain_that_was_rewritten_as_a_whole_is_told_by_its_anchors(
    installed_program: InstalledProgram,
) -> None:
    account = "sec-reforged"
    closure_id = confirmed_account(installed_program, account)
    whole = verify(installed_program, account)
    assert (whole.exit_code, whole.json["anchors"], whole.json["anchored"]) == (0, "whole", 1), whole
    reforge(installed_program, closure_id)
    forged = verify(installed_program, account)
    assert forged.exit_code == 1, forged
    assert (forged.json["verified"], forged.json["anchors"]) == (False, "broken")
    assert "the chain was rewritten" in forged.json["error"]["message"]
    assert "fault" not in forged.json, "without its anchors the chain looks whole"
    shown = installed_program.start("audit", account, "--verify")
    assert shown.exit_code == 1
    assert f"of closure {closure_id}, anchored" in " ".join(shown.stdout.split())


def test_a_missing_anchor_file_fails_the_audit_of_what_must_be_anchored(
    installed_program: InstalledProgram,
) -> None:
    account = "sec-no-anchors"
    closure_id = confirmed_account(installed_program, account)
    gone = {"CLOSURE_ANCHOR_FILE": str(installed_program.folder / "none.jsonl")}
    answer = verify(installed_program, account, **gone)
    assert (answer.exit_code, answer.json["verified"], answer.json["anchors"]) == (1, False, "broken")
    assert "none.jsonl is missing" in answer.json["anchor_fault"]
    assert f"of closure {closure_id} must be in it" in answer.json["anchor_fault"]
    shown = installed_program.start("audit", account, "--verify", **gone)
    assert shown.exit_code == 1
    assert "none.jsonl is missing" in " ".join(shown.stdout.split())


def test_before_confirming_nothing_is_anchored_and_the_audit_says_so(
    installed_program: InstalledProgram,
) -> None:
    account = "sec-ready"
    installed_program.load(sample_account(account))
    installed_program.make_ready(account)
    nowhere = {"CLOSURE_ANCHOR_FILE": str(installed_program.folder / "none.jsonl")}
    answer = verify(installed_program, account, **nowhere)
    assert (answer.exit_code, answer.json["verified"], answer.json["anchors"]) == (0, True, "none")
    assert "Anchors: none yet." in installed_program.start("audit", account, "--verify", **nowhere).stdout


def test_a_cut_anchor_file_and_one_without_its_key_are_told(installed_program: InstalledProgram) -> None:
    account = "sec-cut"
    confirmed_account(installed_program, account)
    folder = installed_program.folder / ".closure"
    cut = folder / "cut.jsonl"
    lines = (folder / "anchors.jsonl").read_text().splitlines(keepends=True)
    assert '"account_id":"sec-cut"' in lines[-1]
    cut.write_text("".join(lines[:-1]))
    answer = verify(installed_program, account, CLOSURE_ANCHOR_FILE=str(cut))
    assert answer.exit_code == 1
    assert "has no line in the anchor file" in answer.json["anchor_fault"]
    answer = verify(
        installed_program, account, CLOSURE_SIGNING_KEY_FILE=str(folder / "elsewhere" / "signing.pem")
    )
    assert answer.exit_code == 1
    assert "unknown key" in answer.json["anchor_fault"]


def test_an_anchor_file_that_cannot_be_read_is_bad_input(
    installed_program: InstalledProgram, victim: str
) -> None:
    answer = verify(installed_program, victim, CLOSURE_ANCHOR_FILE=str(installed_program.folder))
    assert answer.exit_code == 2
    assert "CLOSURE_ANCHOR_FILE" in answer.json["error"]["message"]


def test_a_closure_that_is_gone_from_the_record_is_told_by_its_anchors(
    installed_program: InstalledProgram,
) -> None:
    account = "sec-vanished"
    closure_id = confirmed_account(installed_program, account)
    copy = installed_program.folder / ".closure" / "copy.db"
    source = create_engine(f"sqlite:///{installed_program.folder}/.closure/accounts.db")
    with source.connect() as connection:
        connection.exec_driver_sql(f"VACUUM INTO '{copy}'")
    source.dispose()
    thief = create_engine(f"sqlite:///{copy}")
    with thief.begin() as connection:
        drop_triggers(connection)
        for table in ("record_events", "record_plans", "record_closures"):
            connection.execute(text(f"DELETE FROM {table} WHERE closure_id = :id"), {"id": closure_id})
    thief.dispose()
    database = {"CLOSURE_DATABASE_URL": f"sqlite+aiosqlite:///{copy}"}
    assert installed_program.refused("audit", account, **database) == "ClosureNotFound"
    answer = verify(installed_program, account, **database)
    assert answer.exit_code == 1
    assert f"closure {closure_id}, anchored" in answer.json["error"]["message"]
    assert "is not in the record" in answer.json["error"]["message"]


def test_a_worker_that_cannot_anchor_does_not_start(installed_program: InstalledProgram) -> None:
    file = Path(installed_program.folder) / "directory"
    file.mkdir()
    finished = installed_program.work(CLOSURE_ANCHOR_FILE=str(file))
    assert finished.exit_code == 2, finished
    assert f"the anchor file {file} can't be read" in finished.stderr
    assert "Traceback" not in finished.stderr
