"""What can't be reached or read: one line, the right exit code, no traceback, nothing loaded or started."""

import shutil
from pathlib import Path

import pytest

from tests.harness.installed_program import PROJECT, Finished, InstalledProgram

NOBODY_LISTENS = "127.0.0.1:9"
POLICY = PROJECT / "policies" / "alibaba-cloud.toml"


def one_line(finished: Finished, exit_code: int) -> str:
    """What was said on stderr: one line and no traceback."""
    assert finished.exit_code == exit_code, finished
    assert "Traceback" not in finished.stdout + finished.stderr
    assert finished.stdout == "", finished
    assert len(finished.stderr.strip().splitlines()) == 1, finished
    return finished.stderr


@pytest.fixture
def alone(tmp_path: Path) -> InstalledProgram:
    """A folder in which nothing has been started."""
    return InstalledProgram(tmp_path, {"CLOSURE_POLICY_DIR": str(PROJECT / "policies")})


def test_starter_without_a_server(alone: InstalledProgram) -> None:
    list_all = ("list", "--temporal")
    assert "TEMPORAL_ADDRESS" in one_line(alone.start(*list_all, TEMPORAL_ADDRESS=NOBODY_LISTENS), 3)
    finished = alone.start(*list_all, "--json", TEMPORAL_ADDRESS=NOBODY_LISTENS)
    assert (finished.exit_code, finished.error_type) == (3, "Unreachable")


def test_starter_without_a_database(installed_program: InstalledProgram) -> None:
    for url in (
        "postgresql+psycopg://nobody@127.0.0.1:9/none",
        "sqlite+aiosqlite:////proc/no/such/folder/accounts.db",
    ):
        one_line(installed_program.start("platform", "show", "a-1", CLOSURE_DATABASE_URL=url), 3)
        finished = installed_program.start("status", "a-1", "--json", CLOSURE_DATABASE_URL=url)
        assert (finished.exit_code, finished.error_type) == (3, "Unreachable")


def test_bad_settings(installed_program: InstalledProgram) -> None:
    assert "CLOSURE_DATABASE_URL" in one_line(
        installed_program.start("platform", "show", "a-1", CLOSURE_DATABASE_URL="no url"), 2
    )
    assert "CLOSURE_LOG_FORMAT" in one_line(installed_program.work(CLOSURE_LOG_FORMAT="loud"), 2)
    assert "CLOSURE_DATABASE_URL" in one_line(installed_program.work(CLOSURE_DATABASE_URL="no url"), 2)
    assert "CLOSURE_EFFECT_TIME_LIMIT" in one_line(installed_program.work(CLOSURE_EFFECT_TIME_LIMIT="60"), 2)


def test_worker_without_server_or_database(alone: InstalledProgram) -> None:
    one_line(alone.work(TEMPORAL_ADDRESS=NOBODY_LISTENS), 2)
    one_line(alone.work(CLOSURE_DATABASE_URL="postgresql+psycopg://nobody@127.0.0.1:9/none"), 2)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("draft_lifetime", "# draft_lifetime", "draft_lifetime"),
        ("[final_check]", "[no_such_table]", "no_such_table"),
        ('silent_period = "7d"', 'silent_period = "0s"', "final_check"),
        ('silent_period = "7d"', "silent_period = ", "TOML"),
    ],
    ids=["missing key", "unknown key", "contradiction", "no TOML"],
)
def test_bad_policy_stops_the_worker(alone: InstalledProgram, old: str, new: str, named: str) -> None:
    text = POLICY.read_text(encoding="utf-8")
    assert old in text
    folder = alone.folder / "policies"
    folder.mkdir()
    (folder / POLICY.name).write_text(text.replace(old, new, 1), encoding="utf-8")
    said = one_line(alone.work(CLOSURE_POLICY_DIR=str(folder)), 2)
    assert POLICY.name in said
    assert named in said


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("accounts: [", "line"),
        ("accounts: 7", "accounts"),
        (
            "accounts:\n  - {id: a-1, provider: alibaba-cloud, kind: standard, currency: XXY, users: []}",
            "currency",
        ),
        (
            "accounts:\n  - {id: a-1, provider: p, kind: k, currency: USD, users: [], no_such_field: 1}",
            "no_such_field",
        ),
    ],
    ids=["malformed YAML", "wrong type", "unknown currency", "unknown field"],
)
def test_bad_account_file_is_refused_whole(
    installed_program: InstalledProgram, content: str, named: str
) -> None:
    good = "accounts:\n  - {id: e2e-in-bad-file, provider: p, kind: k, currency: USD, users: []}\n"
    file = installed_program.folder / "bad.yaml"
    file.write_text(content.replace("accounts:\n", good, 1), encoding="utf-8")
    finished = installed_program.start("platform", "load", str(file))
    assert finished.exit_code == 2, finished
    assert "bad.yaml" in finished.stderr
    assert named in finished.stderr
    assert installed_program.refused("platform", "show", "e2e-in-bad-file") == "AccountNotFound"


def test_missing_account_file(installed_program: InstalledProgram) -> None:
    assert installed_program.start("platform", "load", "no-such-file.yaml").exit_code == 2


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["no-such-command"],
        ["close"],
        ["close", "a-1"],
        ["close", "a-1", "--as", "u", "--mode", "explode"],
        ["status", ""],
        ["status", "a\nb"],
        ["fast-forward", "e2e-blocked", "soon"],
        ["fast-forward", "e2e-blocked", "-5m"],
        ["platform", "charge", "e2e-blocked", "--amount", "1.234"],
        ["platform", "charge", "e2e-blocked", "--amount", "much"],
        ["platform", "request", "e2e-blocked", "--kind", "teleport"],
    ],
    ids=repr,
)
def test_bad_usage(installed_program: InstalledProgram, blocked_account: str, words: list[str]) -> None:
    finished = installed_program.start(*words)
    assert finished.exit_code == 2, finished
    assert "Traceback" not in finished.stderr


def test_fast_forward_is_for_the_local_server_only(
    installed_program: InstalledProgram, blocked_account: str
) -> None:
    """The same server, named by TEMPORAL_ADDRESS from a folder in which `make up` has not run."""
    elsewhere = installed_program.folder / "elsewhere"
    elsewhere.mkdir()
    address = (installed_program.folder / ".closure" / "local.json").read_text(encoding="utf-8")
    other = InstalledProgram(
        elsewhere,
        {
            **installed_program.settings,
            "CLOSURE_DATABASE_URL": f"sqlite+aiosqlite:///{installed_program.folder}/.closure/accounts.db",
            "TEMPORAL_ADDRESS": address.split('"temporal_address": "')[1].split('"')[0],
        },
    )
    assert other.ask("status", blocked_account)["stage"] == "blocked"
    finished = other.start("fast-forward", blocked_account, "6m", "--json")
    assert finished.exit_code == 1, finished
    shutil.rmtree(elsewhere)
