"""Making, listing and revoking tokens: `python -m web.tokens`, and the file that it writes."""

import asyncio
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from keys.secret_file import SecretFault
from tests.harness.installed_program import PROJECT
from web.token_file import NameTaken, NoSuchToken, Scope, TokenFile


def run(file: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """One command."""
    return subprocess.run(
        [sys.executable, "-m", "web.tokens", *words],
        env={**os.environ, "CLOSURE_API_TOKENS_FILE": str(file)},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_token_is_printed_once_listed_without_it_and_revoked(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "tokens.json"
    made = run(file, "new", "console", "--scope", "read,act,portal,staff")
    assert (made.returncode, made.stderr) == (0, "")
    secret = made.stdout.strip()
    assert len(secret) >= 43
    assert secret not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = TokenFile(file).find(secret)
    assert found is not None
    assert (found.name, found.scopes, found.provider) == ("console", tuple(Scope), None)

    assert run(file, "new", "robot", "--scope", "read", "--provider", "twilio").returncode == 0
    listed = run(file, "list").stdout.splitlines()
    assert [line.split()[:2] for line in listed] == [["console", "read,act,portal,staff"], ["robot", "read"]]
    assert listed[1].endswith("UTC  only twilio")
    assert secret not in "".join(listed)

    assert run(file, "revoke", "console").returncode == 0
    assert TokenFile(file).find(secret) is None
    assert [each.name for each in TokenFile(file).tokens()] == ["robot"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("new", "taken", "--scope", "read"), 1, "there is a token taken already"),
        (("revoke", "nobody"), 1, "there is no token nobody"),
        (("new", "n", "--scope", "everything"), 2, "Some of read, act, portal, staff"),
        (("new", "n", "--scope", ""), 2, "Some of"),
        (("new", "n"), 2, "--scope"),
        (("new", "two words", "--scope", "read"), 2, "NAME"),
        (("new", "n", "--scope", "read", "--provider", "\n"), 2, "--provider"),
        ((), 2, "Usage"),
    ],
)
def test_wrong_words_change_nothing(tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    file = tmp_path / "tokens.json"
    TokenFile(file).add("taken", (Scope.READ,))
    before = file.read_text()
    refused = run(file, *words)
    assert (refused.returncode, file.read_text()) == (code, before), refused
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("content", ["", "{", "[]", '{"tokens": [{"name": "n"}]}', '{"others": []}'])
def test_a_damaged_file_is_one_line_and_stays(tmp_path: Path, content: str) -> None:
    file = tmp_path / "tokens.json"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(SecretFault) as fault:
        TokenFile(file).tokens()
    assert "\n" not in str(fault.value)
    with pytest.raises(SecretFault):
        TokenFile(file).add("new", (Scope.READ,))
    assert file.read_text() == content


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    file = folder / "tokens.json"
    tokens = TokenFile(file)
    secret = tokens.add("n", (Scope.READ,))
    assert tokens.find(secret) is not None
    file.chmod(0o644)
    with pytest.raises(SecretFault, match="chmod 600"):
        tokens.find(secret)


def test_what_is_not_there_is_empty_and_unknown(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "none.json")
    assert tokens.tokens() == ()
    assert tokens.find("") is None
    with pytest.raises(NoSuchToken):
        tokens.revoke("n")
    tokens.add("n", (Scope.READ,))
    with pytest.raises(NameTaken):
        tokens.add("n", (Scope.READ,))
    assert tokens.find("") is None


async def test_those_made_at_once_are_all_there(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    names = [f"n-{number}" for number in range(20)]
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(8) as threads:
        made = (loop.run_in_executor(threads, TokenFile(file).add, name, (Scope.READ,)) for name in names)
        secrets = await asyncio.gather(*made)
    found = [TokenFile(file).find(secret) for secret in secrets]
    assert [each.name for each in found if each is not None] == names
