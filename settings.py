"""Settings from the environment (prefix ``CLOSURE_``) or a ``.env`` file."""

from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field, HttpUrl, PositiveInt, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from closure.duration import Duration

WORKFLOW_CACHE: Final = 1_000
OWN_WEB_SECRET_FILE: Final = Path(".closure/keys/web.secret")
"""The web service's own, where no other is chosen."""


def _are_networks(text: str) -> str:
    for each in text.split(","):
        try:
            ip_network(each.strip())
        except ValueError:
            raise ValueError(
                "addresses or networks such as 10.0.0.7 or 10.0.0.0/24, with commas between them"
            ) from None
    return text


TimeLimit = Annotated[Duration, Field(ge=timedelta(seconds=10), le=timedelta(days=7))]
"""Text such as ``10m``. Signs of life come every 5 s, so that less than two of them would prove nothing."""

Proxies = Annotated[str, AfterValidator(_are_networks)]
FrameAncestors = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:*-]+( https?://[A-Za-z0-9.:*-]+)*$")]


class LogFormat(StrEnum):
    CONSOLE = "console"
    JSON = "json"


class Encryption(StrEnum):
    """Whether what Temporal stores is encrypted by us first."""

    ON = "on"
    OFF = "off"
    """Writes plain text; reads what is encrypted too, where there are keys: the way back."""
    MIGRATING = "migrating"
    """Writes encrypted, reads plain text too: while closures from before encryption go on."""


class Carrier(StrEnum):
    """Who brings messages to the account's users."""

    PLATFORM = "platform"
    """The platform's own way, whichever platform it is."""
    SMTP = "smtp"
    """E-mails go to the mail server of the settings ``CLOSURE_SMTP_…``, text messages the platform's way."""
    EMBEDDED = "embedded"
    """Nobody: they stay in the outbox of the embedded platform."""


class Settings(BaseSettings):
    """What an installation chooses; Temporal's own settings come by ``temporalio.envconfig``."""

    model_config = SettingsConfigDict(
        env_prefix="CLOSURE_", env_file=".env", extra="ignore", hide_input_in_errors=True
    )

    database_url: str = "sqlite+aiosqlite:///.closure/accounts.db"
    policy_dir: Path = Path("policies")
    platform: str = "embedded"
    """Whose accounts they are: `embedded`, `http`, ``package.module:factory``, or the name of an entry point
    in the group ``account_closure.platforms``."""
    task_queue: str = "account-closure"
    log_format: LogFormat | None = None
    signing_key_file: Path = Path(".closure/keys/signing.pem")
    """Ed25519 key for certificates and anchors; made on first use where there never was one."""
    anchor_file: Path = Path(".closure/anchors.jsonl")
    """Where heads of audit chains are anchored outside the database; workers on one record share it."""
    erasures_file: Path = Path(".closure/erasures.jsonl")
    """The ledger of accounts that were deleted, for after a restored backup; kept like the anchors."""
    encryption: Encryption | None = None
    """By default `on` where there are payload keys, else `off`."""
    payload_keys_file: Path | None = None
    """Keys that payloads are encrypted under: JSON, ``{"current": ID, "keys": {ID: base64 of 32 bytes}}``."""
    payload_keys: SecretStr | None = None
    """The same JSON document itself, where a platform hands secrets over in the environment."""
    codec_token_file: Path | None = None
    """What people and tools need to use the codec server; `codec_token` is the token itself."""
    codec_token: SecretStr | None = None
    web_address: str = "127.0.0.1:8300"
    """Where `web.py` listens: a host or an IP address (IPv6 in brackets), a colon, a port."""
    web_url: HttpUrl | None = None
    """What links to `web.py` begin with, where that is not ``http://`` and the address, such as a proxy's."""
    api_tokens_file: Path = Path(".closure/api_tokens.json")
    """Who may call the API: hashes of their tokens, as ``python -m web.tokens`` writes them."""
    web_secret_file: Path | None = None
    """What signs links to certificates: made on first use; web services and workers on one record share it.

    `web.py` has one of its own without it; a worker then has none, and its mails have no such links.
    """
    web_proxies: Proxies | None = None
    """Addresses or networks of proxies, with commas: they alone are believed for whom they ask."""
    web_frame_ancestors: FrameAncestors | None = None
    """Origins whose pages may frame ours, with spaces between them; by default none may."""
    messages: Carrier | None = None
    """By default `platform`; a production installation on the embedded platform has to choose."""
    brand_file: Path | None = None
    """How pages and mails look: TOML, as `docs/connect.md` describes it; the logo is beside it."""
    health_file: Path | None = None
    """Where a worker leaves a sign of life every few seconds, for ``worker.py --healthcheck``: not while the
    database or the server is away."""
    act_time_limit: TimeLimit = timedelta(minutes=10)
    """For one attempt to carry out what a customer waits for, the system check in it included."""
    act_silence_limit: TimeLimit = timedelta(seconds=20)
    """So long without a sign of life, the worker counts as dead and another one goes on."""
    record_time_limit: TimeLimit = timedelta(seconds=30)
    """For one attempt at a short transaction in the record."""
    check_time_limit: TimeLimit = timedelta(hours=1)
    """For one attempt at a system check."""
    check_silence_limit: TimeLimit = timedelta(seconds=60)
    effect_time_limit: TimeLimit = timedelta(hours=1)
    """For one attempt at stopping, releasing, erasing, refunding; the next goes on where it ended."""
    effect_silence_limit: TimeLimit = timedelta(seconds=60)
    source_time_limit: TimeLimit = timedelta(seconds=60)
    """For one source of an account to answer a system check; then it counts as unreadable, which blocks."""
    workflow_cache: PositiveInt = WORKFLOW_CACHE
    """So many closures a worker keeps in memory; others are made again from their histories."""


def setting_fault(error: ValidationError, prefix: str = "CLOSURE_") -> str:
    """In one line, which variable can't be right and why; of several the sentence itself names them."""
    fault = error.errors()[0]
    reason = fault["msg"].removeprefix("Value error, ")
    if not fault["loc"]:
        return f"setting {reason}"
    name = prefix + "_".join(str(part) for part in fault["loc"]).upper()
    return f"setting {name}: {reason}"
