"""The certificate as a PDF that a customer can keep: readable; what counts is the signed JSON attached to it.

A character that no font has is shown as its code point, such as ``[U+1F389]``.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from fpdf import FPDF
from fpdf.enums import VAlign, XPos, YPos
from fpdf.fonts import FontFace

from client.certificate_fonts import FAMILY, add_fonts
from closure.certificate import CertifiedStore, SignedCertificate, StoresSum, StoreState
from closure.lifecycle import Mode, Outcome
from closure.visible_text import printable
from keys.verify import COMMAND

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
it is, get the public key from its issuer (not from here) and run: {COMMAND.format(certificate=ATTACHMENT)}
(the file keys/verify.py and the Python package cryptography are all it needs). Any other program can do the
same: the signature is Ed25519 over the attachment's JSON without its member "signature", in the spelling of
RFC 8785 with whole numbers in full and keys sorted by code point.
"""
_MODES = {Mode.DELETE: "delete the account and its data", Mode.KEEP_DATA: "keep the data"}
_LABEL_WIDTH = 42
_LINE = 4.0
"""Millimetres."""
_GREY = 110
_HEADING = FontFace(emphasis="BOLD", fill_color=(236, 239, 243))


def certificate_pdf(certificate: SignedCertificate, issued: str) -> bytes:
    """A4 pages; `issued` is the certificate's file to the byte. Equal certificates give equal PDFs."""
    title = _TITLES[certificate.outcome]
    pdf = _Page(certificate)
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
        restored = certificate.outcome is Outcome.RESTORED
        pdf.listing(
            "Owed at the final check" if restored else "Stays due, handed over to billing",
            ("found by" if restored else "kind", "amount"),
            rows,
            (3, 2),
        )
    if certificate.left_behind:
        rows = [(each.kind.value, str(each.number)) for each in certificate.left_behind]
        pdf.listing("Left behind", ("kind", "how many"), rows, (3, 2))
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

    def __init__(self, certificate: SignedCertificate) -> None:
        super().__init__(orientation="portrait", unit="mm", format="A4")
        self._certificate_id = certificate.certificate_id
        self._shown = add_fonts(self, certificate.model_dump_json())
        self.set_margins(18, 13, 18)
        self.set_auto_page_break(True, margin=13)
        self.set_creator("account-closure")
        # Else the text "{nb}" would be shown as the number of pages.
        self.alias_nb_pages("")

    def footer(self) -> None:
        self.set_y(-11)
        self.set_font(FAMILY, size=6.5)
        self.set_text_color(_GREY)
        self.cell(0, 5, f"Certificate {self._certificate_id}")
        self.cell(0, 5, f"{self.page_no()}", align="R")
        self.set_text_color(0)

    def headline(self, title: str, meaning: str) -> None:
        self.set_font(FAMILY, style="B", size=16)
        self._paragraph(title, 8)
        self.set_font(FAMILY, size=8.5)
        self._paragraph(meaning, 4.2)

    def heading(self, text: str) -> None:
        self.ln(2)
        if self.will_page_break(14):
            self.add_page()
        self.set_font(FAMILY, style="B", size=9.5)
        self._paragraph(text, 5)
        self.set_font(FAMILY, size=8)

    def facts(self, heading: str, rows: Iterable[tuple[str, str]]) -> None:
        """Labels and values in two columns."""
        self.heading(heading)
        for label, value in rows:
            if self.will_page_break(_LINE):
                self.add_page()
            self.set_text_color(_GREY)
            self.cell(_LABEL_WIDTH, _LINE, label)
            self.set_text_color(0)
            self._paragraph(value or "-", _LINE)

    def listing(
        self, heading: str, columns: Sequence[str], rows: Iterable[Sequence[str]], widths: tuple[int, ...]
    ) -> None:
        """A table that goes on over pages, its head on each."""
        self.heading(heading)
        self.set_font(FAMILY, size=7.5)
        with self.table(
            col_widths=widths,
            headings_style=_HEADING,
            text_align="LEFT",
            v_align=VAlign.T,
            line_height=_LINE,
            borders_layout="HORIZONTAL_LINES",
            padding=(0.3, 1),
        ) as table:
            for row in (columns, *rows):
                table.row([self._text(value) or "-" for value in row])

    def note(self, heading: str, text: str) -> None:
        self.heading(heading)
        self._paragraph(text, _LINE)

    def remark(self, text: str) -> None:
        """Small print below a table."""
        self.set_font(FAMILY, size=7)
        self._paragraph(text, 3.5)

    def _paragraph(self, text: str, height: float) -> None:
        self.multi_cell(0, height, self._text(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _text(self, text: str) -> str:
        """On one line, without control characters; what no font has as its code point."""
        return "".join(
            character if character.isascii() or ord(character) in self._shown else f"[U+{ord(character):04X}]"
            for character in printable(" ".join(text.split()))
        )


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
    if certificate.stores_sum is not None:
        pdf.note("Data stores", _sum_text(certificate.stores_sum))
    elif not certificate.stores:
        pdf.note("Data stores", "The account had none.")
    if not certificate.stores:
        return
    rows = [
        (store.store, store.reference, f"{store.objects:,}", store.state.value, _kept(store))
        for store in certificate.stores
    ]
    columns = ("kind", "reference", "objects", "what became of it", "kept on the ground of")
    pdf.listing("Data stores", columns, rows, (4, 4, 2, 3, 6))
    pdf.remark(_ABOUT_STORES)


def _sum_text(many: StoresSum) -> str:
    erased, retained = sum(many.erased.values()), sum(many.retained.values())
    return (
        f"{erased:,} with {many.objects:,} objects were deleted, {retained:,} are retained. "
        f"Their list is kept with the closure; its SHA-256 is {many.list_hash}."
    )


def _kept(store: CertifiedStore) -> str:
    if store.state is not StoreState.RETAINED:
        return ""
    until = "further notice" if store.until is None else f"{store.until.astimezone(UTC):%Y-%m-%d}"
    return f"{store.ground}, until {until}"


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
            ("Paid otherwise", money.paid_otherwise),
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
