"""The export bundle of an account's financial records, to be taken before they are gone (A5)."""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from closure.accounts import Access, AccountProfile, BillingStatement
from closure.errors import RefusalType, Refused
from closure.refunds import Payment
from connectors.ports import Platform

# What a spreadsheet would take for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
Row = Sequence[str]


@dataclass(frozen=True)
class Export:
    """A ZIP file of bills, credit notes, payments and balances; `file_name` is fit for any folder."""

    file_name: str
    content: bytes = field(repr=False)
    bills: int
    credit_notes: int
    payments: int


async def export_records(platform: Platform, account_id: str) -> Export:
    """Reads the account's financial records; changes nothing.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`, or `ACCOUNT_CLOSED`.
    """
    profile = await platform.directory.profile(account_id)
    if profile.access is Access.CLOSED:
        raise Refused(
            RefusalType.ACCOUNT_CLOSED,
            f"account {account_id} is closed for good, and its financial records are gone with it",
            facts={"account_id": account_id},
        )
    statement = await platform.billing.statement(account_id)
    payments = await platform.refunds.payments(account_id)
    return Export(
        file_name=f"{_file_name(account_id)}-records.zip",
        content=_bundle(profile, statement, payments, datetime.now(UTC)),
        bills=len(statement.bills),
        credit_notes=len(statement.credit_notes),
        payments=len(payments),
    )


def _file_name(account: str) -> str:
    return "".join(character if character.isalnum() or character in "-_." else "_" for character in account)


def _bundle(
    profile: AccountProfile, statement: BillingStatement, payments: Iterable[Payment], time: datetime
) -> bytes:
    currency = profile.currency
    summary = {
        "account_id": profile.account_id,
        "provider": profile.provider,
        "currency": currency,
        "cash": str(statement.cash),
        "promotional": str(statement.promo),
        "exported_at": time.isoformat(),
    }
    bills = [(each.bill_id, str(each.amount), currency, each.status.value) for each in statement.bills]
    notes = [
        (each.credit_note_id, str(each.amount), currency, each.status.value)
        for each in statement.credit_notes
    ]
    paid = [(each.payment_id, each.paid_at.isoformat(), str(each.refundable), currency) for each in payments]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("account.json", json.dumps(summary, indent=2, ensure_ascii=False))
        archive.writestr("bills.csv", _table(("id", "amount", "currency", "status"), bills))
        archive.writestr("credit_notes.csv", _table(("id", "amount", "currency", "status"), notes))
        archive.writestr("payments.csv", _table(("id", "paid_at", "refundable", "currency"), paid))
    return content.getvalue()


def _table(header: Row, rows: Iterable[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    writer.writerows([_harmless(value) for value in row] for row in rows)
    return text.getvalue()


def _harmless(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
