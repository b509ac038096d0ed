"""Settings from the environment (prefix ``CLOSURE_``) or a ``.env`` file."""

from enum import StrEnum
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class LogFormat(StrEnum):
    CONSOLE = "console"
    JSON = "json"


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
    health_file: Path | None = None
    """Where a worker leaves a sign of life every few seconds, for ``worker.py --healthcheck``."""
