"""Who carries messages: chosen by settings, and told in one line where nothing could be sent."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from closure.accounts import Channel
from closure.brand import Brand
from connectors.brand_file import load_brand
from connectors.embedded import embedded_platform
from connectors.ports import OutgoingMessage
from connectors.sending import Sending
from connectors.setting_faults import SendingFault
from database import Database
from settings import Carrier, Settings
from tests.connectors.test_smtp import ANN, Book, Remembered
from tests.harness.mail_server import mail_server
from tests.transport.certificates import Authority

SMTP = {"HOST": "127.0.0.1", "SENDER": "no-reply@acme.example"}
HELD_BY_US = "no-reply@acme.example"


@dataclass
class Own:
    """Implements `connectors.ports.Messages`: a platform's own way."""

    sent: list[OutgoingMessage] = field(default_factory=list)

    async def send(self, message: OutgoingMessage) -> int:
        self.sent.append(message)
        return 1


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # no `.env` either


def sending(
    carrier: Carrier | None,
    must_choose: bool,
    *,
    own: Own | None = None,
    brand: Path | None = None,
    has_addresses: bool = True,
    web_url: str | None = None,
) -> Sending:
    """On the embedded platform, or on one whose own way is `own`."""
    platform = embedded_platform(Database("sqlite+aiosqlite:///unused.db"))
    platform = replace(
        platform,
        messages=platform.messages if own is None else own,
        addresses=Book() if has_addresses else None,
    )
    settings = Settings.model_validate({"messages": carrier, "web_url": web_url})
    return Sending(platform, settings, must_choose, lambda: load_brand(brand), Remembered())


def message(channel: Channel = Channel.EMAIL) -> OutgoingMessage:
    return OutgoingMessage(
        key=f"k/{channel}",
        account_id="ali-100",
        channel=channel,
        template="closure_opened",
        subjects={"en": "It is open"},
        bodies={"en": "It is open."},
        time=datetime(2026, 11, 26, tzinfo=UTC),
    )


def smtp_settings(monkeypatch: pytest.MonkeyPatch, changes: Mapping[str, str | None]) -> None:
    for name, value in {**SMTP, **changes}.items():
        if value is None:
            monkeypatch.delenv(f"CLOSURE_SMTP_{name}", raising=False)
        else:
            monkeypatch.setenv(f"CLOSURE_SMTP_{name}", value)


@pytest.mark.parametrize(
    ("carrier", "must_choose", "is_embedded", "can_send"),
    [
        (None, False, True, True),
        (Carrier.PLATFORM, False, True, True),
        (Carrier.EMBEDDED, False, True, True),
        (None, True, True, False),
        (Carrier.PLATFORM, True, True, False),
        (Carrier.EMBEDDED, True, True, True),
        (None, True, False, True),
        (Carrier.PLATFORM, True, False, True),
        (Carrier.EMBEDDED, True, False, False),
        (Carrier.EMBEDDED, False, False, False),
    ],
)
def test_nothing_goes_to_the_outbox_in_production_unless_that_was_chosen(
    carrier: Carrier | None, must_choose: bool, is_embedded: bool, can_send: bool
) -> None:
    chosen = sending(carrier, must_choose, own=None if is_embedded else Own())
    if can_send:
        chosen.require()
    else:
        with pytest.raises(SendingFault, match=r"^setting CLOSURE_MESSAGES: [^\n]+$"):
            chosen.require()


async def test_nothing_is_sent_where_nothing_was_chosen() -> None:
    with pytest.raises(SendingFault):
        await sending(None, True).send(message())


async def test_a_platforms_own_way_gets_pages_and_links(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text('name = "Acme Cloud"')
    own = Own()
    chosen = sending(
        None,
        True,
        own=own,
        brand=tmp_path / "acme.toml",
        web_url="https://closing.example/x/",
    )
    await chosen.send(message())
    (sent,) = own.sent
    assert "Acme Cloud" in sent.pages["en"]
    assert sent.status_url == "https://closing.example/x/closure"


async def test_mail_goes_to_the_mail_server_and_text_messages_the_platforms_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = Authority(tmp_path, "authority")
    issued = authority.issue("mail")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    async with mail_server(starttls=context) as post:
        smtp_settings(monkeypatch, {"PORT": str(post.port), "CA_FILE": str(authority.file)})
        own = Own()
        chosen = sending(Carrier.SMTP, True, own=own)
        for channel in Channel:
            assert await chosen.send(message(channel)) == 1
        await chosen.aclose()
    assert [each.channel for each in own.sent] == [Channel.SMS]
    (mail,) = post.mails()
    assert (mail["To"], mail["From"]) == (ANN.address, f"{Brand().name} <{HELD_BY_US}>")
    assert mail.is_multipart()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"HOST": None}, "setting CLOSURE_SMTP_HOST: Field required"),
        ({"SENDER": None}, "setting CLOSURE_SMTP_SENDER: Field required"),
        ({"HOST": ""}, "setting CLOSURE_SMTP_HOST: Field required"),
        ({"PORT": "0"}, "setting CLOSURE_SMTP_PORT: "),
        ({"PORT": "65536"}, "setting CLOSURE_SMTP_PORT: "),
        ({"SECURITY": "maybe"}, "setting CLOSURE_SMTP_SECURITY: "),
        ({"SENDER": "Acme"}, "setting CLOSURE_SMTP_SENDER: is no e-mail address"),
        ({"SENDER": "Acme <a@b.example>, <c@d.example>"}, "setting CLOSURE_SMTP_SENDER: "),
        ({"SENDER": "Acme\nBcc: x <a@b.example>"}, "setting CLOSURE_SMTP_SENDER: "),
        ({"SENDER": "朱@b.example"}, "setting CLOSURE_SMTP_SENDER: needs ASCII before its @"),
        ({"REPLY_TO": "help"}, "setting CLOSURE_SMTP_REPLY_TO: is no e-mail address"),
        ({"TIME_LIMIT": "0s"}, "setting CLOSURE_SMTP_TIME_LIMIT: "),
        ({"TIME_LIMIT": "11m"}, "setting CLOSURE_SMTP_TIME_LIMIT: "),
        ({"USER": "u"}, "setting CLOSURE_SMTP_USER and CLOSURE_SMTP_PASSWORD"),
        ({"PASSWORD": "p"}, "setting CLOSURE_SMTP_USER and CLOSURE_SMTP_PASSWORD"),
        (
            {"USER": "u", "PASSWORD": "p", "PASSWORD_FILE": "p"},
            "setting CLOSURE_SMTP_PASSWORD or CLOSURE_SMTP_PASSWORD_FILE",
        ),
        ({"USER": "u", "PASSWORD": "p", "SECURITY": "none"}, "setting CLOSURE_SMTP_SECURITY: no password"),
        ({"USER": "u", "PASSWORD_FILE": "absent"}, "the mail server's password absent can't be read"),
        ({"CA_FILE": "absent.pem"}, "setting CLOSURE_SMTP_CA_FILE: No such file"),
        ({"CA_FILE": "empty.pem"}, "setting CLOSURE_SMTP_CA_FILE: "),
    ],
)
def test_a_mail_server_that_can_not_be_used_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changes: Mapping[str, str | None], said: str
) -> None:
    (tmp_path / "empty.pem").touch()
    smtp_settings(monkeypatch, changes)
    with pytest.raises(SendingFault) as fault:
        sending(Carrier.SMTP, True).require()
    assert str(fault.value).startswith(said)
    assert "\n" not in str(fault.value)


def test_a_platform_without_addresses_can_not_leave_mail_to_a_mail_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    smtp_settings(monkeypatch, {})
    with pytest.raises(SendingFault, match="smtp needs a platform that has an address book"):
        sending(Carrier.SMTP, True, own=Own(), has_addresses=False).require()


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_port_follows_from_the_security(
    monkeypatch: pytest.MonkeyPatch, security: str, port: int
) -> None:
    from connectors.smtp import MailServer

    smtp_settings(monkeypatch, {"SECURITY": security})
    assert MailServer().reached_at == port


def test_a_password_is_read_from_a_file_that_nobody_else_can_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("correct horse\n")
    smtp_settings(monkeypatch, {"USER": "u", "PASSWORD_FILE": str(file)})
    tmp_path.chmod(0o755)
    file.chmod(0o644)
    with pytest.raises(SendingFault, match="open to other users"):
        sending(Carrier.SMTP, True).require()
    file.chmod(0o600)
    sending(Carrier.SMTP, True).require()
