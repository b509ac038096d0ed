"""The PDF says what the certificate says, whatever things are called, and carries it."""

import unicodedata
from io import BytesIO

import pytest
from fpdf import FPDF
from pypdf import PdfReader

from client.certificate_fonts import add_fonts
from client.certificate_pdf import ATTACHMENT, certificate_pdf
from closure.certificate import (
    CertifiedOwner,
    CertifiedStore,
    CertifiedSubaccount,
    OwedAmount,
    SignedCertificate,
    StoreState,
)
from keys.verify import verify
from tests.unit.certificates import KEY, certificate, signed

HOSTILE = (
    "<b>bold</b> **x** __u__ --s-- [a](http://x)",
    "{nb}",
    "%PDF-1.4 (\\) >> endobj",
    "line\nbreak\x1b[31m\u202etxt.exe",
    "数据🎉",
    "x" * 200,
)


def made(**changes: object) -> tuple[PdfReader, str]:
    content = signed(certificate(**changes))
    pdf = PdfReader(BytesIO(certificate_pdf(SignedCertificate.model_validate_json(content), content)))
    return pdf, " ".join(" ".join(page.extract_text() for page in pdf.pages).split())


def store(name: str, objects: int) -> CertifiedStore:
    return CertifiedStore(reference="0" * 16, store=name, state=StoreState.DELETED, objects=objects)


def test_it_says_all_that_the_certificate_says() -> None:
    pdf, text = made()
    assert len(pdf.pages) == 1
    assert (float(pdf.pages[0].mediabox.width), float(pdf.pages[0].mediabox.height)) == pytest.approx(
        (595.28, 841.89), abs=0.1
    )
    for said in (
        "Certificate of account deletion",
        "ali-100 (alibaba-cloud)",
        "closure-1",
        "alibaba-cloud 2026-11-01",
        "ab" * 32,
        "cd" * 32,
        "ef" * 32,
        "Opened 2026-11-24 12:00:03 UTC",
        "Confirmed 2026-11-25 12:00:03 UTC",
        "Data deleted and verified 2026-12-02 12:00:03 UTC",
        "object-storage 0000000000000000 1,200 deleted",
        "audit-logs 1111111111111111 99 retained § 147 AO, until 2036-11-21",
        "Ledger § 147 AO 2036-11-21",
        "Resources released 3",
        "Subscriptions cancelled 1",
        "ecs: 3, rds: 1",
        "Cash forfeited 200.00 USD",
        "Promotional value forfeited 15.00 USD",
        "Refunded 7.50 USD",
        "sub-1",
        "Audit events 14",
        certificate().certificate_id,
        certificate().key_id,
        "python -m keys.verify certificate.json --public-key FILE.pem",
    ):
        assert said in text, said


def test_the_certificate_itself_is_attached_to_the_byte() -> None:
    pdf, _ = made()
    (attached,) = pdf.attachments[ATTACHMENT]
    assert attached == signed(certificate()).encode()
    verify(attached, KEY.public_key())


def test_equal_certificates_give_equal_files() -> None:
    content = signed(certificate())
    read = SignedCertificate.model_validate_json(content)
    assert certificate_pdf(read, content) == certificate_pdf(read, content)


def test_a_restored_account_is_told_what_was_owed_and_that_it_is_back() -> None:
    _, text = made(
        outcome="restored",
        stores=(),
        retained=(),
        data_deleted_at=None,
        owed=(OwedAmount(check="unpaid-bills", amount="12.34", currency="USD"),),
    )
    assert "Report on a restored account" in text
    assert "was not closed" in text
    assert "unpaid-bills 12.34 USD" in text
    assert "Restored 2026-12-02" in text
    assert "Data stores" not in text


def test_a_subaccount_names_the_closure_that_it_went_with() -> None:
    _, text = made(
        owner=CertifiedOwner(account_id="top", closure_id="closure-0"),
        money=None,
        released=None,
        plan_hash=None,
    )
    assert "Went with account top, closure closure-0" in text
    assert "Accounted for in the certificate of the closure that this subaccount went with" in text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_as_text_and_nothing_else(name: str) -> None:
    pdf, text = made(
        account_id=name, provider=name, stores=(store(name, 1),), subaccounts=(), policy_version=name
    )
    assert len(pdf.pages) <= 3
    assert "\x1b" not in text
    assert "\u202e" not in text
    shown = {
        HOSTILE[3]: "line break[31mtxt.exe",
        HOSTILE[4]: "数据[U+1F389]",
    }.get(name, name)
    assert "".join(shown.split()) in "".join(text.split())
    assert not any("/Annots" in page for page in pdf.pages), "no links"


@pytest.mark.parametrize(
    "name",
    [
        "简体中文",
        "繁體中文",
        "日本語かなカナ",
        "한국어",
        "Žluťoučký kůň",
        "Ελλάδα",
        "Счёт Київ",
        "Việt Nam",
        "บัญชี",
        "₹ 5 ½",
    ],
)
def test_every_script_is_readable(name: str) -> None:
    _, text = made(account_id=name, subaccounts=())
    assert f"Account {name} (alibaba-cloud)" in text


@pytest.mark.parametrize("name", ["حساب", "חשבון", "खाता"])
def test_a_script_that_joins_or_turns_its_letters_has_them_all(name: str) -> None:
    _, text = made(account_id=name, subaccounts=())
    shown = text.partition("Account ")[2].partition(" (alibaba-cloud)")[0]
    assert "[U+" not in shown
    assert set(shown) >= {letter for letter in name if not unicodedata.combining(letter)} - {"ा"}


def test_letters_are_joined_where_a_script_joins_them() -> None:
    plain, joined = FPDF(), FPDF()
    assert add_fonts(plain, "Счёт") == {ord(letter) for letter in "Счёт"}
    assert add_fonts(joined, "حساب") == {ord(letter) for letter in "حساب"}
    assert plain.text_shaping is None
    assert joined.text_shaping is not None


def test_a_certificate_embeds_only_the_characters_that_it_shows() -> None:
    content = signed(certificate(account_id="简体中文"))
    assert len(certificate_pdf(SignedCertificate.model_validate_json(content), content)) < 60_000


def test_many_stores_and_subaccounts_go_on_over_pages_with_the_tables_head_on_each() -> None:
    pdf, text = made(
        stores=tuple(store(f"kind-{number}", number) for number in range(120)),
        subaccounts=tuple(
            CertifiedSubaccount(account_id=f"sub-{number}", closure_id="c" * 40, certificate_id="9" * 64)
            for number in range(60)
        ),
    )
    assert len(pdf.pages) > 3
    assert text.count("what became of it") > 1
    assert "kind-119" in text
    assert "sub-59" in text
