"""The certificate as a PDF that a customer can keep: readable; what counts is the signed JSON attached to it.

The standard fonts of PDF have Latin-1 only: other characters are shown as ``\\uXXXX``, as JSON spells them.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from fpdf import FPDF
from fpdf.enums import VAlign, XPos, YPos
from fpdf.fonts import FontFace

from closure.certificate import CertifiedStore, SignedCertificate, StoreState
from closure.lifecycle import Mode, Outcome
from closure.visible_text import printable

ATTACHMENT: Final = "certificate.json"

_TITLES: Final = {
    Outcome.DELETED: "Certificate of account deletion",
    Outcome.RESTORED: "Report on a restored account",
    Outcome.DORMANT: "Certificate of a dormant account",
}
_DELETED = """
The account named below was closed for good. Its data was erased, and a fresh read of every store found
nothing, but for what the law makes the provider keep, which is listed here with the ground and the end of
it.
"""
_RESTORED = """
The account named below was not closed: something was owed at the final check, and it is in normal use
again. What is listed as released or forfeited can't come back.
"""
_DORMANT = """
The account named below was stopped, and its data is kept. What is listed as released can't come back.
"""
_MEANINGS: Final = {
    Outcome.DELETED: _DELETED,
    Outcome.RESTORED: _RESTORED,
    Outcome.DORMANT: _DORMANT,
}
_ABOUT_STORES = """
Deleted means: erased, and a fresh read found nothing. The reference is the beginning of SHA-256 over
closure id, slash and store id; the store's own id, which may name somebody, is not kept.
"""
_HOW_TO_VERIFY = f"""
The attachment {ATTACHMENT} of this file is the certificate; these pages only show what it says. Save it as
it is, get the public key from its issuer (not from here) and run: python -m keys.verify {ATTACHMENT}
--public-key FILE.pem (the file keys/verify.py and the Python package cryptography are all it needs). Any
other program can do the same: the signature is Ed25519 over the attachment's JSON without its member
"signature", in the spelling of RFC 8785.
"""
_MODES = {Mode.DELETE: "delete the account and its data", Mode.KEEP_DATA: "keep the data"}
_LABEL_WIDTH = 46
_GREY = 110
_HEADING = FontFace(emphasis="BOLD", fill_color=(236, 239, 243))


def certificate_pdf(certificate: SignedCertificate, issued: str) -> bytes:
    """A4 pages; `issued` is the certificate's file to the byte. Equal certificates give equal PDFs."""
    title = _TITLES[certificate.outcome]
    pdf = _Page(certificate.certificate_id)
    pdf.set_creation_date(certificate.issued_at)
    pdf.set_title(title)
    pdf.embed_file(
        bytes=issued.encode(),
        basename=ATTACHMENT,
        desc="The signed certificate",
        creation_date=certificate.issued_at,
        modification_date=certificate.issued_at,
    )
    pdf.add_page()
    pdf.headline(title, _MEANINGS[certificate.outcome])
    pdf.facts("Closure", _closure(certificate))
    pdf.facts("When", _times(certificate))
    _stores(pdf, certificate)
    _retained(pdf, certificate)
    pdf.facts("Given up", _given_up(certificate))
    if certificate.owed:
        rows = [(each.check, f"{each.amount or ''} {each.currency or ''}") for each in certificate.owed]
        pdf.listing("Owed at the final check", ("found by", "amount"), rows, (3, 2))
    if certificate.subaccounts:
        subaccounts = [
            (each.account_id, each.closure_id, each.certificate_id) for each in certificate.subaccounts
        ]
        pdf.listing("Subaccounts", ("account", "closure", "certificate"), subaccounts, (3, 4, 5))
    pdf.facts("Evidence", _evidence(certificate))
    pdf.note("How to verify", _HOW_TO_VERIFY)
    return bytes(pdf.output())


class _Page(FPDF):
    """A4 in portrait with a foot on every page."""

    def __init__(self, certificate_id: str) -> None:
        super().__init__(orientation="portrait", unit="mm", format="A4")
        self._certificate_id = certificate_id
        self.set_margins(20, 18, 20)
        self.set_auto_page_break(True, margin=20)
        self.set_creator("account-closure")
        # Else the text "{nb}" would be shown as the number of pages.
        self.alias_nb_pages("")

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font("Helvetica", size=7)
        self.set_text_color(_GREY)
        self.cell(0, 5, f"Certificate {self._certificate_id}")
        self.cell(0, 5, f"{self.page_no()}", align="R")
        self.set_text_color(0)

    def headline(self, title: str, meaning: str) -> None:
        self.set_font("Helvetica", style="B", size=18)
        self._paragraph(title, 9)
        self.ln(1)
        self.set_font("Helvetica", size=10)
        self._paragraph(meaning, 5)

    def heading(self, text: str) -> None:
        self.ln(4)
        if self.will_page_break(18):
            self.add_page()
        self.set_font("Helvetica", style="B", size=11)
        self._paragraph(text, 6)
        self.set_font("Helvetica", size=9)

    def facts(self, heading: str, rows: Iterable[tuple[str, str]]) -> None:
        """Labels and values in two columns."""
        self.heading(heading)
        for label, value in rows:
            if self.will_page_break(5):
                self.add_page()
            self.set_text_color(_GREY)
            self.cell(_LABEL_WIDTH, 5, _text(label))
            self.set_text_color(0)
            self._paragraph(value or "-", 5)

    def listing(
        self, heading: str, columns: Sequence[str], rows: Iterable[Sequence[str]], widths: tuple[int, ...]
    ) -> None:
        """A table that goes on over pages, its head on each."""
        self.heading(heading)
        self.set_font("Helvetica", size=8)
        with self.table(
            col_widths=widths,
            headings_style=_HEADING,
            text_align="LEFT",
            v_align=VAlign.T,
            line_height=4.5,
            borders_layout="HORIZONTAL_LINES",
            padding=(0.6, 1),
        ) as table:
            for row in (columns, *rows):
                table.row([_text(value) or "-" for value in row])

    def note(self, heading: str, text: str) -> None:
        self.heading(heading)
        self._paragraph(text, 4.5)

    def remark(self, text: str) -> None:
        """Small print below a table."""
        self.set_font("Helvetica", size=8)
        self.ln(1)
        self._paragraph(text, 4)

    def _paragraph(self, text: str, height: float) -> None:
        self.multi_cell(0, height, _text(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _closure(certificate: SignedCertificate) -> list[tuple[str, str]]:
    rows = [
        ("Account", f"{certificate.account_id} ({certificate.provider})"),
        ("Closure", certificate.closure_id),
        ("Outcome", certificate.outcome.value),
        ("Asked for", _MODES[certificate.mode]),
        ("Policy", f"{certificate.policy} {certificate.policy_version}"),
        ("Policy's SHA-256", certificate.policy_hash),
    ]
    if certificate.plan_hash:
        rows.append(("Confirmed plan's SHA-256", certificate.plan_hash))
    if certificate.owner:
        owner = certificate.owner
        rows.append(("Went with", f"account {owner.account_id}, closure {owner.closure_id}"))
    return rows


def _times(certificate: SignedCertificate) -> list[tuple[str, str]]:
    times = (
        ("Opened", certificate.opened_at),
        ("Confirmed", certificate.confirmed_at),
        ("Access stopped", certificate.stopped_at),
        ("Data deleted and verified", certificate.data_deleted_at),
        (certificate.outcome.value.capitalize(), certificate.ended_at),
        ("Certificate issued", certificate.issued_at),
    )
    return [(label, _moment(time)) for label, time in times if time is not None]


def _stores(pdf: _Page, certificate: SignedCertificate) -> None:
    if certificate.outcome is not Outcome.DELETED:
        return
    if not certificate.stores:
        pdf.note("Data stores", "The account had none.")
        return
    rows = [
        (store.store, store.reference, f"{store.objects:,}", store.state.value, _kept(store))
        for store in certificate.stores
    ]
    columns = ("kind", "reference", "objects", "what became of it", "kept on the ground of")
    pdf.listing("Data stores", columns, rows, (4, 4, 2, 3, 6))
    pdf.remark(_ABOUT_STORES)


def _kept(store: CertifiedStore) -> str:
    if store.state is not StoreState.RETAINED or store.until is None:
        return ""
    return f"{store.ground}, until {store.until.astimezone(UTC):%Y-%m-%d}"


def _retained(pdf: _Page, certificate: SignedCertificate) -> None:
    if not certificate.retained:
        return
    rows = [(each.what, each.ground, f"{each.until:%Y-%m-%d}") for each in certificate.retained]
    pdf.listing("Kept by law", ("what", "ground", "until"), rows, (7, 6, 2))


def _given_up(certificate: SignedCertificate) -> list[tuple[str, str]]:
    if certificate.owner is not None:
        return [("", "Accounted for in the certificate of the closure that this subaccount went with.")]
    rows: list[tuple[str, str]] = []
    released = certificate.released
    rows.append(("Resources released", str(released.resources if released else 0)))
    rows.append(("Subscriptions cancelled", str(released.subscriptions if released else 0)))
    if released and released.products:
        rows.append(
            ("By product", ", ".join(f"{product}: {count}" for product, count in released.products.items()))
        )
    money = certificate.money
    if money is None:
        rows.append(("Money", "none was moved"))
        return rows
    rows += [
        (label, f"{amount} {money.currency}")
        for label, amount in (
            ("Cash forfeited", money.forfeited_cash),
            ("Promotional value forfeited", money.forfeited_promo),
            ("Debt voided", money.voided_debt),
            ("Refunded", money.refunded),
        )
    ]
    return rows


def _evidence(certificate: SignedCertificate) -> list[tuple[str, str]]:
    return [
        ("Certificate", certificate.certificate_id),
        ("Audit events", str(certificate.audit.events)),
        ("Last event's hash", certificate.audit.head_hash),
        ("Signing key", certificate.key_id),
        ("Signature (Ed25519)", certificate.signature),
    ]


def _moment(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _text(text: str) -> str:
    """As the standard fonts can show it, on one line: no control characters, nothing beyond Latin-1."""
    shown = printable(" ".join(text.split()))
    return "".join(
        character if character.encode("latin-1", "ignore") else _escaped(character) for character in shown
    )


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
