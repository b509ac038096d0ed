"""Settings of this connector from the environment (prefix ``CLOSURE_HTTP_``) or a ``.env`` file."""

from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, HttpUrl, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from closure.duration import Duration

PREFIX = "CLOSURE_HTTP_"


class HttpSettingsFault(Exception):
    """A setting that can't be right; the message says in one line which and why."""


def is_loopback(host: str) -> bool:
    """Whether nobody else's computer answers to it."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _encrypted(url: HttpUrl) -> HttpUrl:
    if url.scheme != "https" and not is_loopback(url.host or ""):
        raise ValueError("must begin with https:// unless it is this computer's own")
    if url.username or url.password or url.query is not None or url.fragment is not None:
        raise ValueError("must be an address alone, without a user, a query or a fragment")
    return url


Seconds = Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(hours=1))]
ServiceUrl = Annotated[HttpUrl, AfterValidator(_encrypted)]


def _listening_address(text: str) -> str:
    parts = urlsplit(f"//{text}")
    if parts.hostname is None or parts.port is None or f"{parts.netloc}" != text or parts.path:
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:8400")
    return text


class HttpSettings(BaseSettings):
    """How to call the provider's service, and how our own server of the same contract listens."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", hide_input_in_errors=True
    )

    url: ServiceUrl | None = None
    """Of the service, with the version's path: ``https://platform.example/closure/v1``."""
    keys_file: Path | None = None
    """Keys that requests are signed with: made and rotated by ``python -m keys.payload_keys``."""
    token_url: ServiceUrl | None = None
    """In place of signatures: the token endpoint for OAuth client credentials."""
    client_id: str | None = None
    client_secret_file: Path | None = None
    scope: str | None = None
    certificate_file: Path | None = None
    """Our certificate (PEM), where the service asks for one: alone or beside the others."""
    private_key_file: Path | None = None
    """Of the certificate; only its owner may read it."""
    authority_file: Path | None = None
    """Certificates (PEM) of those who vouch for the service, in place of the system's."""
    connect_timeout: Seconds = timedelta(seconds=5)
    read_timeout: Seconds = timedelta(seconds=25)
    """For each part of an answer."""
    call_timeout: Seconds = timedelta(seconds=50)
    """For one call, with its repetitions and until what was accepted is done."""
    connections: Annotated[int, Field(ge=1, le=1_000)] = 50
    """At once, of one process."""
    answer_limit: Annotated[int, Field(ge=1_024, le=1 << 30)] = 16 << 20
    """Bytes of one answer."""
    breaker_failures: Annotated[int, Field(ge=1, le=1_000)] = 10
    """So many failures in a row, and the service is left in peace for `breaker_pause`."""
    breaker_pause: Seconds = timedelta(seconds=15)
    address: Annotated[str, AfterValidator(_listening_address)] = "127.0.0.1:8400"
    """Where ``python -m connectors.http.serve`` listens."""
    replay_window: Seconds = timedelta(minutes=5)
    """How old a signed request may be there, or a callback here, and how far clocks may be apart."""
    answer_within: Duration = timedelta(seconds=20)
    """What takes longer there is answered 202."""

    @model_validator(mode="after")
    def _are_whole(self) -> Self:
        oauth = (self.token_url, self.client_id, self.client_secret_file)
        if any(oauth) and not all(oauth):
            raise ValueError("TOKEN_URL, CLIENT_ID and CLIENT_SECRET_FILE belong together")
        if self.token_url is not None and self.keys_file is not None:
            raise ValueError("KEYS_FILE and TOKEN_URL: requests are signed, or have a token")
        if (self.certificate_file is None) is not (self.private_key_file is None):
            raise ValueError("CERTIFICATE_FILE and PRIVATE_KEY_FILE belong together")
        return self


def read_settings() -> HttpSettings:
    """Raises HttpSettingsFault."""
    try:
        return HttpSettings()
    except ValidationError as error:
        fault = error.errors()[0]
        name = PREFIX + "_".join(str(part) for part in fault["loc"]).upper()
        raise HttpSettingsFault(
            f"setting {name.rstrip('_')}: {fault['msg'].removeprefix('Value error, ')}"
        ) from None
