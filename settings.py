"""Settings from the environment (prefix ``CLOSURE_``) or a ``.env`` file."""

from enum import StrEnum
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


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


class Settings(BaseSettings):
    """What an installation chooses; Temporal's own settings come by ``temporalio.envconfig``."""

    model_config = SettingsConfigDict(
        env_prefix="CLOSURE_", env_file=".env", extra="ignore", hide_input_in_errors=True
    )

    database_url: str = "sqlite+aiosqlite:///.closure/accounts.db"
    policy_dir: Path = Path("policies")
    task_queue: str = "account-closure"
    log_format: LogFormat | None = None
    signing_key_file: Path = Path(".closure/keys/signing.pem")
    """Ed25519 key for certificates and anchors; made on first use where there is none."""
    anchor_file: Path = Path(".closure/anchors.jsonl")
    """Where heads of audit chains are anchored outside the database; workers on one record share it."""
    encryption: Encryption | None = None
    """By default `on` where there are payload keys, else `off`."""
    payload_keys_file: Path | None = None
    """Keys that payloads are encrypted under: JSON, ``{"current": ID, "keys": {ID: base64 of 32 bytes}}``."""
    payload_keys: SecretStr | None = None
    """The same JSON document itself, where a platform hands secrets over in the environment."""
    codec_token_file: Path | None = None
    """What people and tools need to use the codec server; `codec_token` is the token itself."""
    codec_token: SecretStr | None = None
    health_file: Path | None = None
    """Where a worker leaves a sign of life every few seconds, for ``worker.py --healthcheck``."""
