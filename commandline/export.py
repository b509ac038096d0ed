"""The export bundle of an account's financial records, to be taken before they are gone (A5)."""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import JsonValue

from closure.accounts import AccountProfile, BillingStatement
from closure.refunds import Payment
from commandline.installation import open_installation
from commandline.next_step import STARTER
from commandline.options import Account, AsJson
from commandline.terminal import Answer, BadInput, execute

app = typer.Typer()

# What a spreadsheet would take for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
Row = Sequence[str]


@app.command()
def export(
    account: Account,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="By default ACCOUNT-records.zip here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Writes the account's bills, credit notes, payments and balances into a ZIP file; changes nothing."""
    execute(lambda: _export(account, output), as_json=as_json)


async def _export(account: str, output: Path | None) -> Answer:
    async with open_installation() as installation:
        ports = await installation.ports()
        profile = await ports.directory.profile(account)
        statement = await ports.billing.statement(account)
        payments = await ports.refunds.payments(account)
    file = output or Path(f"{_file_name(account)}-records.zip")
    bundle = _bundle(profile, statement, payments, datetime.now(UTC))
    try:
        with file.open("xb") as out:
            out.write(bundle)
    except FileExistsError as error:
        raise BadInput(f"{file} exists already; name another with --output") from error
    except OSError as error:
        raise BadInput(f"{file} can't be written: {error.strerror or error}") from error
    document: JsonValue = {
        "account_id": account,
        "file": str(file),
        "bills": len(statement.bills),
        "credit_notes": len(statement.credit_notes),
        "payments": len(payments),
    }
    return Answer(document, f"Wrote {file}. Keep it safe, then: {STARTER} plan {account}")


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
