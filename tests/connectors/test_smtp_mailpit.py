"""E-mails as a mail server that nobody here wrote has taken and read them."""

from pathlib import Path
from typing import Final

import pytest

from closure.brand import Brand, Logo
from connectors.mail_pages import MailPages
from connectors.smtp.messages import NotTaken
from connectors.smtp.server import Security
from tests.connectors.test_smtp import ANN, INJECTION, ZHU, carrier, message
from tests.harness.mailpit import Mailpit, mailpit
from tests.transport.certificates import Authority
from tests.unit.test_brand import PNG

pytestmark = pytest.mark.long

USER, PASSWORD = "closures", "correct-horse"
CHINESE: Final = "您的账号即将注销——请在 7 天内取回余额（第 1 号通知）"


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
async def test_it_takes_and_reads_what_we_send(tmp_path: Path, security: Security) -> None:
    authority = Authority(tmp_path, "authority")
    async with mailpit(
        tmp_path,
        authority.issue("mail"),
        implicit_tls=security is Security.TLS,
        users=f"{USER}:{PASSWORD}",
    ) as post:
        known = {
            "security": security,
            "authority": authority.file,
            "reply_to": "Help <help@acme.example>",
            "user": USER,
        }
        brand = Brand(name="Acme", logo=Logo(content=PNG))
        signed_in = carrier(post.smtp_port, ANN, ZHU, **known, password=PASSWORD)  # type: ignore[arg-type]
        sending = MailPages(signed_in, brand, "https://closing.example")
        await _reads_both_languages(post, sending)
        await _nothing_is_smuggled_in(post, sending)
        with pytest.raises(NotTaken, match="answered 535"):
            await carrier(post.smtp_port, **known, password="wrong").send(message())  # type: ignore[arg-type]
        assert len(await post.mails()) == 4


async def _reads_both_languages(post: Mailpit, sending: MailPages) -> None:
    assert await sending.send(message(subjects={"en": "It is open", "zh": CHINESE})) == 2
    english, chinese = await post.mails()
    assert (english.subject, chinese.subject) == ("It is open", CHINESE)
    assert [(each.name, each.address) for each in (english.sender, *(english.reply_to or ()))] == [
        ("Acme Cloud", "no-reply@acme.example"),
        ("Help", "help@acme.example"),
    ]
    assert [[to.address for to in mail.to] for mail in (english, chinese)] == [
        ["ann@example.com"],
        ["zhu@xn--fsqu00a.xn--0zwm56d"],
    ]
    assert "您的账号即将注销。" in chinese.text
    assert "您的账号即将注销。" in chinese.html
    assert "View status: https://closing.example/closure" in english.text
    assert english.message_id != chinese.message_id
    for mail in (english, chinese):
        assert [(each.file_name, each.content_type) for each in mail.inline] == [("logo.png", "image/png")]
        assert mail.attachments == []
        source = await post.source(mail)
        assert source["Auto-Submitted"] == "auto-generated"
        assert [each.get_content() for each in source.walk() if each.get_filename()] == [PNG]


async def _nothing_is_smuggled_in(post: Mailpit, sending: MailPages) -> None:
    body = "Hello\n.\nMAIL FROM:<eve@evil.example>\n..\nBcc: eve@evil.example\n"
    injected = message("c-1/another", subjects={"en": INJECTION, "zh": INJECTION}, bodies={"en": body})
    assert await sending.send(injected) == 2
    for mail in (await post.mails())[2:]:
        assert mail.subject == "Hello Bcc: eve@evil.example <b>body</b>"
        assert not mail.bcc
        assert not mail.cc
        assert len(mail.to) == 1
        assert mail.text.splitlines()[:5] == body.splitlines()


async def test_it_takes_nothing_without_tls_or_from_who_does_not_know_its_certificate(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path, "authority")
    async with mailpit(tmp_path, authority.issue("mail")) as post:
        with pytest.raises(NotTaken):
            await carrier(post.smtp_port, security=Security.NONE).send(message())
        with pytest.raises(NotTaken):
            await carrier(post.smtp_port, security=Security.STARTTLS).send(message())
        with pytest.raises(NotTaken):
            await carrier(post.smtp_port, security=Security.TLS, authority=authority.file).send(message())
        assert await post.mails() == []
