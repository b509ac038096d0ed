"""A mail server that nobody here wrote, with an API that says what it took: Mailpit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import httpx2
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal

from local.ports import HOST
from tests.harness.go_programs import MAILPIT, running
from tests.harness.waiting import eventually
from tests.transport.certificates import Certificate


class _Read(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal)  # type: ignore[pydantic-alias]


class Person(_Read):
    name: str
    address: str


class Attachment(_Read):
    file_name: str
    content_type: str


class Mail(_Read):
    """A mail as Mailpit has read it."""

    id: str = Field(alias="ID")
    message_id: str = Field(alias="MessageID")
    subject: str
    sender: Person = Field(alias="From")
    to: list[Person]
    cc: list[Person] | None
    bcc: list[Person] | None
    reply_to: list[Person] | None
    text: str
    html: str = Field(alias="HTML")
    inline: list[Attachment]
    attachments: list[Attachment]


class _Summary(_Read):
    id: str = Field(alias="ID")


class _Listing(BaseModel):
    messages: list[_Summary]


@dataclass(frozen=True)
class Mailpit:
    smtp_port: int
    _http: httpx2.AsyncClient

    async def mails(self) -> list[Mail]:
        """All it has, the oldest first."""
        listing = _Listing.model_validate(await self._read("/api/v1/messages"))
        found = [await self._read(f"/api/v1/message/{each.id}") for each in reversed(listing.messages)]
        return [Mail.model_validate(each) for each in found]

    async def source(self, mail: Mail) -> EmailMessage:
        """As it came over the wire."""
        answer = (await self._http.get(f"/api/v1/message/{mail.id}/raw")).raise_for_status()
        return message_from_bytes(answer.content, policy=default)

    async def _read(self, path: str) -> object:
        return (await self._http.get(path)).raise_for_status().json()


@asynccontextmanager
async def mailpit(
    folder: Path, certificate: Certificate, *, implicit_tls: bool = False, users: str = ""
) -> AsyncIterator[Mailpit]:
    """It takes mail under STARTTLS alone, or over TLS from the start; from `users` (``name:password``)."""
    options = ["--smtp-tls-cert", str(certificate.certificate), "--smtp-tls-key", str(certificate.key)]
    options += ["--smtp-require-tls" if implicit_tls else "--smtp-require-starttls"]
    options += ["--disable-version-check", "--smtp-disable-rdns", "--database", str(folder / "mailpit.db")]
    if users:
        (folder / "users").write_text(users, encoding="utf-8")
        options += ["--smtp-auth-file", str(folder / "users")]
    async with (
        running(
            MAILPIT,
            folder / "mailpit.log",
            lambda ports: ["--listen", f"{HOST}:{ports[0]}", "--smtp", f"{HOST}:{ports[1]}", *options],
            alive="/readyz",
        ) as (port, smtp_port),
        httpx2.AsyncClient(base_url=f"http://{HOST}:{port}", trust_env=False) as http,
    ):
        await eventually(lambda: _listens(smtp_port), bool, "a mail server")
        yield Mailpit(smtp_port, http)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
