"""E-mails as pages: every template in every language, whatever the values, and nothing from elsewhere."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closure.accounts import Channel
from closure.brand import Brand, Logo
from closure.mail_html import MailText, mail_page
from closure.notices import Value, render
from closure.policy import MessageTemplate, Policy
from closure.policy_rules import MESSAGE_PLACEHOLDERS
from connectors.mail_pages import MailPages
from connectors.policy_files import load_policies
from connectors.ports import OutgoingMessage
from tests.unit.test_brand import PNG, SVG

POLICIES: Final = load_policies(Path(__file__).resolve().parents[2] / "policies")
LANGUAGES: Final = ("en", "zh")
NOW: Final = datetime(2026, 11, 26, 7, 45, tzinfo=UTC)
URL: Final = "https://closing.example/closure"
HOSTILE: Final = "</td><script>alert(1)</script><img src=//evil.example/x onerror=x>\"'&{{ 7 * 7 }}\u202e"
VOID: Final = frozenset({"meta", "img", "br"})
EMAILS: Final = [
    (policy, template, language)
    for policy in POLICIES.values()
    for template in policy.messages
    for language in LANGUAGES
]


class Page(HTMLParser):
    """A document as a mail client reads it: each element must be closed where it may be."""

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(document)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "title"} & set(self._open):
            self.texts.append(data.strip())

    @property
    def text(self) -> str:
        return "\n".join(filter(None, self.texts))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def values_for(template: MessageTemplate, value: Value = "value") -> dict[str, Value]:
    named: dict[str, Value] = dict.fromkeys(MESSAGE_PLACEHOLDERS[template], value)
    if template is MessageTemplate.IDENTITY_CODE:
        return named
    return {**named, "account_id": "ali-100", "closure_id": "c-1"}


def text(**changes: str | None) -> MailText:
    return MailText(
        **{"language": "en", "subject": "A subject", "body": "A text.", "account_id": "ali-100", **changes}  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("policy", "template", "language"), EMAILS, ids=lambda each: getattr(each, "name", None) or str(each)
)
def test_every_message_is_a_page_that_says_all_that_the_text_says(
    policy: Policy, template: MessageTemplate, language: str
) -> None:
    notice = render(policy, template, Channel.EMAIL, **values_for(template))
    body, subject = notice.bodies[language], notice.subjects[language]
    page = Page(mail_page(Brand(), text(language=language, subject=subject, body=body, status_url=URL)))
    assert page.all("html") == [{"lang": language}]
    assert subject in page.text
    for line in body.splitlines():
        assert line.strip().removeprefix("- ") in page.text
    assert page.text.splitlines()[0] == "Account closure", "whom it is from comes first"
    assert ("账号 ali-100" if language == "zh" else "Account ali-100") in page.text
    assert [link["href"] for link in page.all("a")] == [URL]
    assert ("查看进度" if language == "zh" else "View status") in page.text


@pytest.mark.parametrize("template", sorted({template for _, template, _ in EMAILS}))
def test_no_value_can_be_more_than_text(template: MessageTemplate) -> None:
    policy = next(each for each in POLICIES.values() if template in each.messages)
    notice = render(policy, template, Channel.EMAIL, **values_for(template, HOSTILE))
    said = text(subject=notice.subjects["en"], body=notice.bodies["en"], account_id=HOSTILE, code=HOSTILE)
    harmless = Page(mail_page(Brand(), text(body=render_plain(policy, template), code="1")))
    page = Page(mail_page(Brand(), said))
    assert not page.all("script")
    assert not page.all("img")
    assert [name for name, _ in page.elements] == [name for name, _ in harmless.elements]
    assert HOSTILE.removesuffix("\u202e") in page.text
    assert "49" not in page.text
    assert "\u202e" not in page.text


def render_plain(policy: Policy, template: MessageTemplate) -> str:
    return render(policy, template, Channel.EMAIL, **values_for(template)).bodies["en"]


@given(subject=st.text(), body=st.text(), account_id=st.text(), code=st.text(min_size=1))
def test_whatever_is_said_the_page_stays_whole(subject: str, body: str, account_id: str, code: str) -> None:
    page = Page(mail_page(Brand(), text(subject=subject, body=body, account_id=account_id, code=code)))
    assert {name for name, _ in page.elements} <= {
        *("html", "head", "meta", "title", "style", "body", "table", "tr", "td", "h1", "p", "br", "ul", "li")
    }


def test_paragraphs_lines_and_lists() -> None:
    body = "First\nsecond line\n\nReasons:\n- one\n- two\nafter\n"
    page = Page(mail_page(Brand(), text(body=body)))
    assert len(page.all("p")) == 3
    assert len(page.all("br")) == 1
    assert len(page.all("ul")) == 1
    assert len(page.all("li")) == 2
    assert "First\nsecond line\nReasons:\none\ntwo\nafter" in page.text


def test_a_code_stands_alone_in_unbroken_digits() -> None:
    page = Page(mail_page(Brand(), text(body="Your code is 48291734.", code="48291734")))
    assert "48291734" in page.text.splitlines()


def test_without_an_address_there_is_no_link() -> None:
    assert Page(mail_page(Brand(), text())).all("a") == []


def test_the_brand_is_seen_in_name_colours_and_help() -> None:
    brand = Brand(name="Acme <Cloud>", accent="#ff6a00", support_url="https://acme.example/help?a=1&b=2")
    document = mail_page(brand, text(status_url=URL))
    page = Page(document)
    assert page.text.startswith("Acme <Cloud>")
    assert [link["href"] for link in page.all("a")] == [URL, "https://acme.example/help?a=1&b=2"]
    (button,) = (cell for cell in page.all("td") if cell.get("class") == "button")
    assert button["bgcolor"] == "#ff6a00"
    assert f"color: {brand.on_accent};" in str(page.all("a")[0]["style"])


def test_a_png_is_within_the_page_with_the_name_for_who_sees_none() -> None:
    brand = Brand(name="Acme", logo=Logo(content=PNG))
    (image,) = Page(mail_page(brand, text())).all("img")
    assert image["alt"] == "Acme"
    assert str(image["src"]).startswith("data:image/png;base64,iVBOR")


def test_an_svg_which_mail_clients_do_not_show_gives_way_to_the_name() -> None:
    page = Page(mail_page(Brand(name="Acme", logo=Logo(content=SVG)), text()))
    assert page.all("img") == []
    assert page.text.startswith("Acme")


def test_nothing_is_fetched_from_anywhere() -> None:
    document = mail_page(Brand(logo=Logo(content=PNG)), text())
    assert "http" not in document
    assert "url(" not in document
    assert "@import" not in document
    assert "@font-face" not in document
    assert not Page(document).all("link")


# Completing what is sent.


class Carrier:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[OutgoingMessage] = []

    async def send(self, message: OutgoingMessage) -> int:
        self.sent.append(message)
        return 1


def message(**changes: object) -> OutgoingMessage:
    return OutgoingMessage.model_validate(
        {
            "key": "k",
            "account_id": "ali-100",
            "channel": Channel.EMAIL,
            "template": "closure_opened",
            "subjects": {"en": "Opened", "zh": "已发起"},
            "bodies": {"en": "It is open.\n", "zh": "已发起。"},
            "values": {"en": {"account_id": "ali-100"}, "zh": {"account_id": "ali-100"}},
            "time": NOW,
            **changes,
        }
    )


async def completed(web_url: str | None, **changes: object) -> OutgoingMessage:
    carrier = Carrier()
    assert await MailPages(carrier, Brand(), web_url).send(message(**changes)) == 1
    (sent,) = carrier.sent
    return sent


async def test_an_email_gets_a_page_and_a_link_in_each_language() -> None:
    sent = await completed("https://closing.example/")
    assert sent.bodies == {
        "en": f"It is open.\n\nView status: {URL}\n",
        "zh": f"已发起。\n\n查看进度: {URL}\n",
    }
    assert sent.status_url == URL
    assert set(sent.pages) == set(LANGUAGES)
    page = Page(sent.pages["zh"])
    assert page.text.count(URL) == 0, "there it is a button"
    assert [link["href"] for link in page.all("a")] == [URL]
    assert (sent.subjects, sent.values) == (message().subjects, message().values)


async def test_without_a_web_address_there_is_a_page_and_no_link() -> None:
    sent = await completed(None)
    assert sent.bodies == message().bodies
    assert sent.status_url is None
    assert Page(sent.pages["en"]).all("a") == []


@pytest.mark.parametrize("template", ["identity_code", "closure_deleted"])
async def test_where_nobody_could_follow_it_there_is_no_link(template: str) -> None:
    sent = await completed("https://closing.example", template=template, values={"en": {"code": "48291734"}})
    assert sent.bodies == message().bodies
    assert Page(sent.pages["en"]).all("a") == []
    assert "48291734" in Page(sent.pages["en"]).text


async def test_a_text_message_is_passed_on_as_it_is() -> None:
    sent = await completed("https://closing.example", channel=Channel.SMS)
    assert sent == message(channel=Channel.SMS)
