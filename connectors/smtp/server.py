"""Which mail server, by settings of its own: environment variables that begin with ``CLOSURE_SMTP_``."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from closure.duration import Duration
from connectors.smtp.addresses import Mailbox, mailbox

PREFIX: Final = "CLOSURE_SMTP_"


class Security(StrEnum):
    """How the connection is protected; nothing is sent over one that isn't as it should be."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"
    """For a relay on the same machine or a network that nobody else is on."""


_PORTS: Final = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


class MailServer(BaseSettings):
    """A mail server that takes messages for anybody. Its certificate must be good for `host`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    host: Annotated[str, Field(min_length=1, max_length=253)]
    security: Security = Security.STARTTLS
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """By default 587, or 465 with `tls`, 25 with `none`."""
    user: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    """Holds the password, for its owner's eyes only; instead of `password`."""
    ca_file: Path | None = None
    """Certificate authorities in PEM, where the server's is none that this computer trusts."""
    sender: Annotated[str, Field(max_length=320)]
    """Whom mails are from: ``name@example.com`` or ``Any Name <name@example.com>``; by default the brand's
    name."""
    reply_to: Annotated[str, Field(max_length=320)] | None = None
    time_limit: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(minutes=10))] = timedelta(
        seconds=20
    )
    """For connecting, and for each answer of the server."""

    @field_validator("sender", "reply_to")
    @classmethod
    def _is_mailbox(cls, text: str | None) -> str | None:
        if text is not None and mailbox(text).address.needs_utf8:
            raise ValueError("needs ASCII before its @, for servers that know nothing else")
        return text

    @model_validator(mode="after")
    def _signs_in_safely(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError(f"{PREFIX}PASSWORD or {PREFIX}PASSWORD_FILE: one of them")
        has_password = self.password is not None or self.password_file is not None
        if has_password is not (self.user is not None):
            raise ValueError(f"{PREFIX}USER and {PREFIX}PASSWORD (or {PREFIX}PASSWORD_FILE): both or neither")
        if has_password and self.security is Security.NONE:
            raise ValueError(f"{PREFIX}SECURITY: no password goes over a connection that anybody can read")
        return self

    @property
    def reached_at(self) -> int:
        """The port."""
        return _PORTS[self.security] if self.port is None else self.port

    @property
    def from_mailbox(self) -> Mailbox:
        return mailbox(self.sender)

    @property
    def reply_mailbox(self) -> Mailbox | None:
        return None if self.reply_to is None else mailbox(self.reply_to)
