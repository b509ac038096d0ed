"""E-mails by a real mail server in this process: what arrives, what is refused, what is asked again."""

import asyncio
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closure.accounts import Channel
from closure.brand import Brand, Logo
from connectors.mail_pages import MailPages
from connectors.ports import Addressee, OutgoingMessage, Undeliverable
from connectors.smtp import MailServer, SmtpMessages
from connectors.smtp.addresses import mail_address, mailbox
from connectors.smtp.composing import LONGEST_SUBJECT, compose
from connectors.smtp.messages import NotTaken
from connectors.smtp.server import Security
from tests.harness.mail_server import PASSWORD, USER, mail_server
from tests.transport.certificates import Authority
from tests.unit.test_brand import PNG

ANN: Final = Addressee(user_id="u-1", address="ann@example.com", language="en-GB")
ZHU: Final = Addressee(user_id="u-2", address="zhu@例子.测试", language="zh-CN")


@dataclass
class Remembered:
    """Implements `connectors.smtp.Deliveries` for one test."""

    settlements: dict[str, str | None] = field(default_factory=dict)

    async def settled(self, deliveries: Sequence[str]) -> dict[str, str | None]:
        return {name: self.settlements[name] for name in deliveries if name in self.settlements}

    async def settle(self, delivery: str, refusal: str | None) -> None:
        self.settlements.setdefault(delivery, refusal)


@dataclass
class Book:
    """Implements `connectors.ports.AddressBook`."""

    everybody: tuple[Addressee, ...] = (ANN,)

    async def addressees(self, message: OutgoingMessage) -> tuple[Addressee, ...]:
        return self.everybody


def message(key: str = "c-1/notify/closure_opened/email", **changes: object) -> OutgoingMessage:
    return OutgoingMessage.model_validate(
        {
            "key": key,
            "account_id": "ali-100",
            "channel": Channel.EMAIL,
            "template": "closure_opened",
            "subjects": {"en": "It is open", "zh": "已发起"},
            "bodies": {"en": "Your account is about to close.\n", "zh": "您的账号即将注销。\n"},
            "time": datetime(2030, 1, 1, tzinfo=UTC),
            **changes,
        }
    )


def carrier(
    port: int,
    *readers: Addressee,
    deliveries: Remembered | None = None,
    authority: Path | None = None,
    book: Book | None = None,
    **more: object,
) -> SmtpMessages:
    """One that sends to the server on `port`, without TLS unless `more` says so."""
    server = MailServer.model_validate(
        {
            "host": "127.0.0.1",
            "port": port,
            "security": Security.NONE,
            "sender": "Acme Cloud <no-reply@acme.example>",
            "time_limit": "5s",
            **more,
        }
    )
    password = server.password.get_secret_value() if server.password else None
    context = ssl.create_default_context(cafile=authority)
    return SmtpMessages(
        server,
        password,
        context,
        server.from_mailbox,
        book or Book(readers or (ANN,)),
        deliveries or Remembered(),
    )


def parts(mail: EmailMessage) -> list[str]:
    return [part.get_content_type() for part in mail.walk()]


def text_of(mail: EmailMessage, kind: str) -> str:
    (part,) = (each for each in mail.walk() if each.get_content_type() == f"text/{kind}")
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


# What arrives.


async def test_each_reader_gets_a_mail_of_their_own_in_their_language() -> None:
    async with mail_server() as post:
        sending = carrier(post.port, ANN, ZHU)
        assert await MailPages(sending, Brand(), "https://closing.example").send(message()) == 2
    assert [to for to, _ in post.taken] == ["ann@example.com", "zhu@xn--fsqu00a.xn--0zwm56d"]
    english, chinese = post.mails()
    for mail in (english, chinese):
        assert parts(mail) == ["multipart/alternative", "text/plain", "text/html"], "the best comes last"
    assert (english["Subject"], english["Content-Language"]) == ("It is open", "en")
    assert (chinese["Subject"], chinese["Content-Language"]) == ("已发起", "zh")
    assert text_of(english, "plain").splitlines() == [
        "Your account is about to close.",
        "",
        "View status: https://closing.example/closure",
    ]
    assert "您的账号即将注销。" in text_of(chinese, "html")
    assert chinese["To"] == "zhu@xn--fsqu00a.xn--0zwm56d"
    assert "ann@" not in str(chinese), "nobody learns of the others"


async def test_the_headers_say_what_they_must() -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    async with mail_server() as post:
        await carrier(post.port, reply_to="Help <help@acme.example>").send(message())
    (mail,) = post.mails()
    assert mail["From"] == "Acme Cloud <no-reply@acme.example>"
    assert mail["To"] == "ann@example.com"
    assert mail["Reply-To"] == "Help <help@acme.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["MIME-Version"] == "1.0"
    assert before <= parsedate_to_datetime(mail["Date"]) <= datetime.now(UTC), "not a closure's own clock"
    assert re.fullmatch(r"<[0-9a-f]{64}@acme\.example>", mail["Message-ID"])
    for name in ("From", "To", "Subject", "Date", "Message-ID"):
        assert len(mail.get_all(name, [])) == 1
    assert all(len(line) <= 998 for line in post.taken[0][1].split(b"\r\n"))


async def test_a_message_without_a_page_is_plain() -> None:
    async with mail_server() as post:
        await carrier(post.port).send(message())
    (mail,) = post.mails()
    assert parts(mail) == ["text/plain"]


async def test_the_logo_comes_along_and_not_within_the_page() -> None:
    async with mail_server() as post:
        brand = Brand(name="Acme", logo=Logo(content=PNG))
        await MailPages(carrier(post.port), brand, None).send(message())
    (mail,) = post.mails()
    assert parts(mail) == [
        *("multipart/alternative", "text/plain"),
        *("multipart/related", "text/html", "image/png"),
    ]
    html, (picture,) = (
        text_of(mail, "html"),
        [part for part in mail.walk() if part.get_filename() == "logo.png"],
    )
    assert isinstance(picture, EmailMessage)
    assert picture.get_content() == PNG
    assert picture["Content-Disposition"].startswith("inline")
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in html
    assert "data:" not in html


# The connection.


def contexts(folder: Path) -> tuple[Authority, ssl.SSLContext]:
    authority = Authority(folder, "authority")
    issued = authority.issue("mail")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    return authority, context


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # it sees no TLS around it
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
async def test_with_tls_and_a_password(tmp_path: Path, security: Security) -> None:
    authority, context = contexts(tmp_path)
    by_starttls = security is Security.STARTTLS
    async with mail_server(
        starttls=context if by_starttls else None, tls=None if by_starttls else context, wants_password=True
    ) as post:
        known = {"security": security, "authority": authority.file}
        assert await carrier(post.port, **known, user=USER, password=PASSWORD).send(message()) == 1  # type: ignore[arg-type]
        with pytest.raises(NotTaken, match="answered 535"):
            await carrier(post.port, **known, user=USER, password="wrong").send(message())  # type: ignore[arg-type]
        with pytest.raises(NotTaken, match="answered 530"):
            await carrier(post.port, **known).send(message())  # type: ignore[arg-type]
        with pytest.raises(NotTaken):
            await carrier(post.port, security=security).send(message())  # an authority that nobody knows
    assert len(post.taken) == 1


async def test_nothing_is_sent_to_a_server_that_can_not_or_will_not_use_tls() -> None:
    async with mail_server() as post:
        with pytest.raises(NotTaken):
            await carrier(post.port, security=Security.STARTTLS).send(message())
        with pytest.raises(NotTaken):
            await carrier(post.port, security=Security.TLS).send(message())
    assert post.taken == []


async def test_no_server_is_no_refusal() -> None:
    async with mail_server() as post:
        port = post.port
    with pytest.raises(NotTaken, match="could not be used"):
        await carrier(port).send(message())


# Refusals.


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("550 5.1.1 no such user ann@example.com", "550 5.1.1"),
        ("553 not here", "553"),
        ("552 5.2.2 ann@example.com is full", "552 5.2.2"),
    ],
)
async def test_a_dead_address_is_refused_for_good_and_the_others_get_theirs(answer: str, reason: str) -> None:
    remembered = Remembered()
    async with mail_server() as post:
        post.answers[ANN.address] = answer
        sending = carrier(post.port, ANN, ZHU, deliveries=remembered)
        for _ in range(2):
            with pytest.raises(Undeliverable) as refused:
                await sending.send(message())
            assert (refused.value.addresses, refused.value.reason) == (1, reason)
            assert "ann" not in str(refused.value)
        assert [to for to, _ in post.taken] == ["zhu@xn--fsqu00a.xn--0zwm56d"]
        assert post.connections == 2, "asked again, nobody is asked again"


@pytest.mark.parametrize("answer", ["550 5.7.1 looks like spam", "554 no"])
async def test_a_mail_that_is_refused_for_what_it_says_is_refused_for_good(answer: str) -> None:
    async with mail_server() as post:
        post.answer_to_data = answer
        with pytest.raises(Undeliverable, match=answer[:3]):
            await carrier(post.port).send(message())


@pytest.mark.parametrize("answer", ["450 4.2.1 greylisted", "421 4.3.2 going down", "499 hm"])
async def test_a_passing_refusal_is_asked_again_and_holds_up_nobody_else(answer: str) -> None:
    remembered = Remembered()
    async with mail_server() as post:
        post.answers[ANN.address] = answer
        sending = carrier(post.port, ANN, ZHU, deliveries=remembered)
        with pytest.raises(NotTaken, match=answer[:3]) as failed:
            await sending.send(message())
        assert "ann" not in str(failed.value)
        assert len(post.taken) == 1
        post.answers.clear()
        assert await sending.send(message()) == 2
    assert [to for to, _ in post.taken] == ["zhu@xn--fsqu00a.xn--0zwm56d", "ann@example.com"]


async def test_a_server_that_refuses_the_sender_refuses_no_recipient() -> None:
    """That is the operator's to see to; then everything goes out."""
    async with mail_server() as post:
        sending = carrier(post.port)
        post.answer_to_sender = "550 5.7.1 not from you"
        with pytest.raises(NotTaken, match="550"):
            await sending.send(message())
        post.answer_to_sender = None
        assert await sending.send(message()) == 1


@pytest.mark.parametrize(
    "address",
    [
        *("", "ann", "ann@", "@example.com", "ann example.com", "a@b@c d", "ann@example..com", "ann@-.com"),
        *("ann@example.com\r\nBcc: eve@evil.example", "ann@example.com>\r\nRCPT TO:<eve@evil.example"),
        *("ann@example.com,eve@evil.example", "<ann@example.com>", "ann@[127.0.0.1]", "ann@127.0.0.1"),
        *("ann\u202e@example.com", "ann@exa\u200bmple.com", f"{'a' * 65}@example.com", f"a@{'b' * 64}.com"),
        *('"ann smith"@example.com', "ann@example.com\0", "ann..b@example.com", ".ann@example.com"),
    ],
)
async def test_what_is_no_address_is_a_dead_one(address: str) -> None:
    async with mail_server() as post:
        bad = ANN.model_copy(update={"address": address})
        with pytest.raises(Undeliverable, match="bad address"):
            await carrier(post.port, bad, ZHU).send(message())
    assert [to for to, _ in post.taken] == ["zhu@xn--fsqu00a.xn--0zwm56d"]


@pytest.mark.parametrize("knows_utf8", [True, False])
async def test_an_address_in_another_script_needs_a_server_that_knows_it(knows_utf8: bool) -> None:
    reader = ANN.model_copy(update={"address": "朱@例子.测试"})
    async with mail_server(knows_utf8=knows_utf8) as post:
        sending = carrier(post.port, reader)
        if knows_utf8:
            assert await sending.send(message()) == 1
            assert [to for to, _ in post.taken] == ["朱@xn--fsqu00a.xn--0zwm56d"]
            assert post.mails()[0]["To"] == "朱@xn--fsqu00a.xn--0zwm56d"
        else:
            with pytest.raises(Undeliverable, match="no SMTPUTF8"):
                await sending.send(message())


# Once.


async def test_a_message_is_sent_once_for_its_key() -> None:
    remembered = Remembered()
    async with mail_server() as post:
        for _ in range(2):
            assert await carrier(post.port, deliveries=remembered).send(message()) == 1
        await carrier(post.port, deliveries=remembered).send(message("another"))
    first, second = post.mails()
    assert first["Message-ID"] != second["Message-ID"]


async def test_a_code_is_remembered_by_nobody() -> None:
    """Nobody asks for the same one twice, and who faces customers may not write what was sent."""
    remembered = Remembered()
    async with mail_server() as post:
        assert await carrier(post.port, deliveries=remembered).send(message(template="identity_code")) == 1
    assert len(post.taken) == 1
    assert remembered.settlements == {}


async def test_a_lost_answer_sends_again_what_can_be_recognised() -> None:
    """No mail server can be asked whether it took a mail."""
    async with mail_server() as post:
        sending = carrier(post.port)
        post.drops_before_answer = True
        with pytest.raises(NotTaken):
            await sending.send(message())
        post.drops_before_answer = False
        assert await sending.send(message()) == 1
    first, second = post.mails()
    assert first["Message-ID"] == second["Message-ID"]


async def test_who_gives_up_waiting_interrupts_nothing_and_who_asks_again_joins() -> None:
    async with mail_server() as post:
        sending = carrier(post.port)
        post.waits_for = asyncio.Event()
        first = asyncio.create_task(sending.send(message()))
        await post.has_come.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        second = asyncio.create_task(sending.send(message()))
        post.waits_for.set()
        assert await second == 1
        await sending.aclose()
    assert len(post.taken) == post.connections == 1


async def test_what_is_under_way_at_the_end_is_ended() -> None:
    async with mail_server() as post:
        remembered = Remembered()
        sending = carrier(post.port, deliveries=remembered)
        post.waits_for = asyncio.Event()
        abandoned = asyncio.create_task(sending.send(message()))
        await post.has_come.wait()
        abandoned.cancel()
        closing = asyncio.create_task(sending.aclose())
        post.waits_for.set()
        await closing
        assert len(remembered.settlements) == 1


async def test_for_nobody_the_server_is_asked_all_the_same() -> None:
    """Else how long a code takes, or that it fails, would tell who is there."""
    async with mail_server() as post:
        sending = carrier(post.port, book=Book(()))
        assert await sending.send(message()) == 0
        assert post.connections == 1
    with pytest.raises(NotTaken):
        await sending.send(message())


# Nothing is smuggled in.

INJECTION: Final = "Hello\r\nBcc: eve@evil.example\r\n\r\n<b>body</b>\u202e\u2028\x85"


async def test_a_subject_with_line_breaks_stays_one_header() -> None:
    async with mail_server() as post:
        await carrier(post.port).send(message(subjects={"en": INJECTION, "zh": INJECTION}))
    (mail,) = post.mails()
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Hello Bcc: eve@evil.example <b>body</b>"
    assert [to for to, _ in post.taken] == ["ann@example.com"]
    assert text_of(mail, "plain").split() == ["Your", "account", "is", "about", "to", "close."]


async def test_a_body_that_looks_like_the_end_of_a_mail_is_no_end() -> None:
    body = "Hello\n.\nMAIL FROM:<eve@evil.example>\n..\n.\r\nQUIT\r\n"
    async with mail_server() as post:
        await carrier(post.port).send(message(bodies={"en": body}))
    (mail,) = post.mails()
    assert text_of(mail, "plain").splitlines() == body.splitlines()


SENDER: Final = mailbox("Acme <no-reply@acme.example>")


def composed(subject: str, body: str) -> bytes:
    texts: dict[str, object] = {"subjects": {"en": subject}, "bodies": {"en": body}, "pages": {"en": body}}
    return compose(
        message("k", **texts),
        to=mail_address(ANN.address),
        language="en",
        sender=SENDER,
        reply_to=None,
        message_id="a" * 64,
        date=datetime(2026, 11, 26, 7, 45, tzinfo=UTC),
    )


@given(subject=st.text(max_size=400), body=st.text(max_size=400))
def test_no_text_adds_a_header_or_a_part(subject: str, body: str) -> None:
    """Surrogates never come so far: no message that crossed a boundary has any."""
    content = composed(*(text.encode("utf-8", "ignore").decode() for text in (subject, body)))
    assert content.isascii()
    assert names(content) == names(composed("x", "x"))


def names(content: bytes) -> list[str]:
    return [name for part in message_from_bytes(content).walk() for name in part]


@pytest.mark.parametrize(
    ("length", "shown"), [(LONGEST_SUBJECT, LONGEST_SUBJECT), (LONGEST_SUBJECT + 1, LONGEST_SUBJECT)]
)
async def test_a_long_subject_is_cut(length: int, shown: int) -> None:
    async with mail_server() as post:
        await carrier(post.port).send(message(subjects={"en": "字" * length}))
    (mail,) = post.mails()
    assert len(str(mail["Subject"])) == shown
    assert str(mail["Subject"]).endswith("…") is (length > LONGEST_SUBJECT)
