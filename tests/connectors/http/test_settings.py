"""What this connector is told by the environment, and how a bad choice is told."""

from datetime import timedelta
from pathlib import Path

import pytest

import connectors.http
from closure.errors import RefusalType
from connectors.chosen import chosen_platform
from connectors.http.billing import HttpBilling
from connectors.http.settings import HttpSettings, HttpSettingsFault, read_settings
from connectors.ports import Platform
from connectors.setting_faults import PlatformFault
from database import Database
from keys.key_ring import new_key_ring
from private_files import create_file
from settings import Settings

URL = "https://platform.example/v1"


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in HttpSettings.model_fields:
        monkeypatch.delenv(f"CLOSURE_HTTP_{name.upper()}", raising=False)


@pytest.fixture
def keys_file(tmp_path: Path) -> str:
    file = tmp_path / "keys.json"
    create_file(file, new_key_ring().to_json())
    return str(file)


def choose(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"CLOSURE_HTTP_{name.upper()}", value)


async def test_an_address_and_keys_are_enough(monkeypatch: pytest.MonkeyPatch, keys_file: str) -> None:
    choose(monkeypatch, url=URL, keys_file=keys_file)
    platform = connectors.http.platform()
    assert isinstance(platform, Platform)
    assert platform.answers_at_once is False
    await platform.aclose()


async def test_the_setting_platform_chooses_it(
    monkeypatch: pytest.MonkeyPatch, keys_file: str, database: Database
) -> None:
    settings = Settings(_env_file=None, platform="http")
    with pytest.raises(PlatformFault, match="CLOSURE_HTTP_URL: needed"):
        await chosen_platform(settings, database)
    choose(monkeypatch, url=URL, keys_file=keys_file)
    platform = await chosen_platform(settings, database)
    assert isinstance(platform.billing, HttpBilling)
    await platform.aclose()


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({}, "CLOSURE_HTTP_URL: needed"),
        ({"url": "http://platform.example/v1"}, "CLOSURE_HTTP_URL: must begin with https://"),
        ({"url": "https://me:secret@platform.example"}, "CLOSURE_HTTP_URL: must be an address alone"),
        ({"url": "platform"}, "CLOSURE_HTTP_URL: "),
        ({"url": URL}, "CLOSURE_HTTP_KEYS_FILE: needed"),
        (
            {"url": URL, "keys_file": "nowhere.json"},
            "CLOSURE_HTTP_KEYS_FILE: payload key file nowhere.json can't",
        ),
        ({"url": URL, "token_url": URL}, "CLOSURE_HTTP: TOKEN_URL, CLIENT_ID and CLIENT_SECRET_FILE belong"),
        ({"url": URL, "certificate_file": "c.pem"}, "CLOSURE_HTTP: CERTIFICATE_FILE and PRIVATE_KEY_FILE"),
        (
            {"url": URL, "token_url": URL, "client_id": "c", "client_secret_file": "nowhere"},
            "CLOSURE_HTTP_CLIENT_SECRET_FILE: the file nowhere can't be read",
        ),
        (
            {"url": URL, "token_url": URL, "client_id": "c", "client_secret_file": "s", "keys_file": "k"},
            "CLOSURE_HTTP: KEYS_FILE and TOKEN_URL",
        ),
        ({"url": URL, "keys_file": "k", "authority_file": "nowhere.pem"}, "certificates"),
        ({"url": URL, "call_timeout": "50"}, "CLOSURE_HTTP_CALL_TIMEOUT: must be a whole number with a unit"),
        ({"url": URL, "call_timeout": "0s"}, "CLOSURE_HTTP_CALL_TIMEOUT: "),
        ({"url": URL, "connections": "0"}, "CLOSURE_HTTP_CONNECTIONS: "),
        ({"url": URL, "address": "8400"}, "CLOSURE_HTTP_ADDRESS: must be HOST:PORT"),
        ({"url": URL, "address": "127.0.0.1:99999"}, "CLOSURE_HTTP_ADDRESS: "),
    ],
)
def test_a_bad_choice_is_one_line(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], fault: str
) -> None:
    choose(monkeypatch, **settings)
    with pytest.raises(HttpSettingsFault) as raised:
        connectors.http.platform()
    assert fault in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "secret@" not in str(raised.value)


def test_this_computer_needs_no_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    choose(monkeypatch, url="http://127.0.0.1:8400/v1", call_timeout="2m")
    settings = read_settings()
    assert str(settings.url) == "http://127.0.0.1:8400/v1"
    assert settings.call_timeout == timedelta(minutes=2)


def test_secrets_that_others_can_read_are_refused(monkeypatch: pytest.MonkeyPatch, keys_file: str) -> None:
    Path(keys_file).chmod(0o644)
    Path(keys_file).parent.chmod(0o755)
    choose(monkeypatch, url=URL, keys_file=keys_file)
    with pytest.raises(HttpSettingsFault, match="open to other users"):
        connectors.http.platform()


def test_a_refusal_of_the_engine_s_own_is_none_of_a_platform_s() -> None:
    from connectors.http.problems import REFUSALS

    assert RefusalType.STALE_RUN not in REFUSALS
    assert RefusalType.TAKES_LONG not in REFUSALS
