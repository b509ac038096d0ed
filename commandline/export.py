"""The export bundle of an account's financial records, to be taken before they are gone (A5)."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.console import Group

from client.exporting import export_records
from commandline.commands import Purpose, starter_command
from commandline.installation import on_record
from commandline.layout import bullet_list, whole
from commandline.next_step import command
from commandline.options import Account, AsJson, file_to_write
from commandline.terminal import Answer, execute
from commandline.written_files import OUTPUT, write_file
from connectors.ports import Platform

app = typer.Typer()


@starter_command(app, Purpose.LOOK, "export ali-100 --output records.zip")
def export(
    context: typer.Context,
    account: Account,
    output: Annotated[
        Path | None,
        typer.Option(
            OUTPUT,
            metavar="FILE",
            help="By default ACCOUNT-records.zip here.",
            callback=file_to_write,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Writes the account's financial records into a ZIP file (A5).

    Bills, credit notes, payments and balances, to be kept before they are gone. Changes nothing.
    """
    execute(on_record(context, lambda there: _export(there.platform, account, output)), as_json=as_json)


async def _export(platform: Platform, account: str, output: Path | None) -> Answer:
    exported = await export_records(platform, account)
    file = output or Path(exported.file_name)
    write_file(file, exported.content)
    document: JsonValue = {
        "account_id": account,
        "file": str(file),
        "bills": exported.bills,
        "credit_notes": exported.credit_notes,
        "payments": exported.payments,
    }
    said = f"Wrote {file}. Keep it safe."
    steps = [f"See what a closure would do: {command('plan', account)}"]
    return Answer(document, Group(whole(said), bullet_list("Next", steps)))
