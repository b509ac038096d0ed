"""After a restored backup: what had been deleted is erased again."""

import asyncio

import typer
from pydantic import JsonValue

from activities.certificates import Certificates
from client.erasures import ErasedAccount, ErasureResult, ErasuresAgain
from commandline.commands import Purpose, starter_command
from commandline.installation import Installation, on_record
from commandline.options import AsJson
from commandline.terminal import Answer, BadInput, ExitCode, execute
from keys.signing import SigningKeyFault
from records.anchor_check import AnchorsUnreadable, public_keys, readable_lines, verified_lines
from records.anchors import AnchorFile, AnchorNotWritten
from records.record import Record

app = typer.Typer()


@starter_command(app, Purpose.OPERATE, "erase-again", name="erase-again")
def erase_again(context: typer.Context, as_json: AsJson = False) -> None:
    """After a restored backup: erases again what had been erased.

    The accounts are those that the ledger of erasures names. No worker may run meanwhile.
    """

    async def act(installation: Installation) -> Answer:
        settings, there = installation.settings, installation.record
        key_file = settings.signing_key_file
        keys = public_keys(key_file.parent)
        try:
            ledger = await asyncio.to_thread(verified_lines, settings.erasures_file, keys)
            anchors = await asyncio.to_thread(readable_lines, settings.anchor_file)
        except AnchorsUnreadable as error:
            raise BadInput(str(error)) from error
        if anchors and not settings.erasures_file.exists():
            # A worker makes it when it starts: nobody could say that nothing had been deleted.
            raise BadInput(
                f"the ledger of erasures {settings.erasures_file} is missing: put it back from its backup; "
                "nothing was changed"
            )
        record = Record(there.database, there.installation, AnchorFile(settings.anchor_file, key_file))
        certificates = Certificates(there.installation.kind, key_file)
        erasures = ErasuresAgain(record, installation.platform, installation.policies, certificates)
        try:
            return _answer(await erasures.erase(ledger, anchor_lines=len(anchors)))
        except (AnchorNotWritten, SigningKeyFault) as error:
            raise BadInput(f"{error}; run it where the worker's keys and anchors can be written") from error

    execute(on_record(context, act), as_json=as_json)


def _answer(found: tuple[ErasedAccount, ...]) -> Answer:
    accounts: list[JsonValue] = [each.model_dump(mode="json") for each in found]
    left = [each for each in found if each.result is not ErasureResult.ERASED_AGAIN]
    if not left:
        return Answer({"accounts": accounts}, f"{len(found)} accounts were erased again.")
    message = f"not erased: {', '.join(f'{each.account_id} ({each.result.value})' for each in left)}"
    document: dict[str, JsonValue] = {
        "accounts": accounts,
        "error": {"type": "NotErasedAgain", "message": message},
    }
    return Answer(document, message, ExitCode.REFUSED)
