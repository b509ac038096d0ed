"""Codes of authenticator apps: the current one and its neighbours, each once, nobody else's."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from connectors.embedded.account_file import parse_account_file
from connectors.embedded.account_text import AccountFileFault
from connectors.embedded.authenticator import use_code
from connectors.embedded.loading import load_accounts
from connectors.embedded.sign_ins import authenticator_key
from database import Database

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOW = datetime(2026, 11, 24, 12, 0, 10, tzinfo=UTC)


def code_at(moment: datetime) -> str:
    return TOTP(authenticator_key(SECRET), 6, SHA1(), 30).generate(int(moment.timestamp())).decode()


def file(account: str, secret: str = SECRET) -> str:
    return (
        f"accounts: [{{id: {account}, provider: acme, kind: standard, currency: USD, users: "
        f'[{{id: u-1, role: main, totp: "{secret}"}}, {{id: u-2, role: main}}]}}]'
    )


@pytest.fixture
async def account(database: Database) -> str:
    await load_accounts(database, parse_account_file(file("totp-1"), "a.yaml"), "a.yaml")
    return "totp-1"


async def test_a_current_code_is_good_once(database: Database, account: str) -> None:
    code = code_at(NOW)
    assert await use_code(database, account, "u-1", code, NOW)
    assert not await use_code(database, account, "u-1", code, NOW)
    later = NOW + timedelta(seconds=30)
    assert await use_code(database, account, "u-1", code_at(later), later)


@pytest.mark.parametrize(("seconds", "accepted"), [(-61, False), (-30, True), (30, True), (61, False)])
async def test_a_clock_may_be_one_step_off(
    database: Database, account: str, seconds: int, accepted: bool
) -> None:
    code = code_at(NOW + timedelta(seconds=seconds))
    assert await use_code(database, account, "u-1", code, NOW) is accepted


@pytest.mark.parametrize("code", ["", "12345", "abcdef", "0" * 500])
async def test_anything_else_is_refused(database: Database, account: str, code: str) -> None:
    assert not await use_code(database, account, "u-1", code, NOW)


async def test_without_an_app_or_a_user_no_code_is_good(database: Database, account: str) -> None:
    for user in ("u-2", "nobody"):
        assert not await use_code(database, account, user, code_at(NOW), NOW)


@pytest.mark.parametrize("secret", ["short", "JBSWY3DP", "not base32!!!!!!!!!!!!!!!!!!!!!!"])
def test_a_bad_secret_is_refused_with_its_place_and_not_repeated(secret: str) -> None:
    with pytest.raises(AccountFileFault) as refused:
        parse_account_file(file("totp-2", secret), "a.yaml")
    (line,) = refused.value.lines
    assert "accounts.0.users.0.totp" in line
    assert secret not in line
