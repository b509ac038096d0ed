"""The certificate of a closure that has ended, as issued or as a PDF, and the key that verifies it."""

from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import JsonValue

from client.certificates import issued_certificate
from closure.certificate import SignedCertificate
from commandline.commands import Purpose, starter_command
from commandline.installation import Installation, on_record
from commandline.options import AsJson, file_to_write, identifier
from commandline.terminal import Answer, BadInput, execute
from commandline.written_files import OUTPUT, write_file
from keys.signing import SigningKeyFault, key_id, load_public_key, load_signer, public_pem
from records.certificates import KeptCertificate
from records.reading import ClosureRecords

app = typer.Typer()

ANNEX: Final = "--annex"


@starter_command(app, Purpose.LOOK, "certificate closure-0f3c --output certificate.pdf")
def certificate(
    context: typer.Context,
    closure: Annotated[
        str | None, typer.Argument(metavar="CLOSURE", help="Closure id.", callback=identifier)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            OUTPUT,
            metavar="FILE",
            help="Write it there; as a PDF if it ends in .pdf.",
            callback=file_to_write,
        ),
    ] = None,
    public_key: Annotated[
        bool,
        typer.Option(
            "--public-key",
            help="The key that verifies it instead; without CLOSURE, the one that is signed with now.",
        ),
    ] = False,
    annex: Annotated[
        Path | None,
        typer.Option(
            ANNEX,
            metavar="FILE",
            help="Write the list of data stores there, whose hash it may have.",
            callback=file_to_write,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The signed certificate of a closure that has ended.

    Anybody can verify it with python -m keys.verify.
    """
    if closure is None and not public_key:
        raise typer.BadParameter("name a closure, or give --public-key")
    if annex is not None and output is not None and annex.absolute() == output.absolute():
        raise typer.BadParameter(f"{OUTPUT} and {ANNEX} name the same file")

    async def act(installation: Installation) -> Answer:
        if closure is None:
            return _key_answer(_own_public_key(installation), output)
        records = ClosureRecords(installation.record)
        kept = await issued_certificate(records, closure)
        if annex is not None:
            write_file(annex, await records.erasures(closure), option=ANNEX)
        return _key_answer(kept.public_key, output) if public_key else _answer(kept, output)

    execute(on_record(context, act), as_json=as_json)


def _answer(kept: KeptCertificate, output: Path | None) -> Answer:
    if output is None:
        return Answer(None, "", verbatim=kept.content)
    if output.suffix.lower() == ".pdf":
        # Imported here: no other command needs it, and it takes long to import.
        from client.certificate_pdf import certificate_pdf

        signed = SignedCertificate.model_validate_json(kept.content)
        write_file(output, certificate_pdf(signed, kept.content))
    else:
        write_file(output, kept.content.encode())
    document: dict[str, JsonValue] = {
        "closure_id": kept.closure_id,
        "account_id": kept.account_id,
        "certificate_id": kept.certificate_id,
        "key_id": kept.key_id,
        "file": str(output),
    }
    return Answer(document, f"The certificate of closure {kept.closure_id} is in {output}.")


def _own_public_key(installation: Installation) -> str:
    file = installation.settings.signing_key_file
    published = file.with_name(f"{file.name}.pub")
    try:
        # The private key may be readable to the worker only.
        key = load_public_key(published) if published.exists() else load_signer(file).public_key
    except (SigningKeyFault, OSError) as fault:
        raise BadInput(f"{fault}; the worker makes the key when it signs for the first time") from fault
    return public_pem(key)


def _key_answer(pem: str, output: Path | None) -> Answer:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(pem.encode())
    assert isinstance(key, Ed25519PublicKey)
    name = key_id(key)
    if output is not None:
        write_file(output, pem.encode())
        return Answer({"key_id": name, "file": str(output)}, f"The public key {name} is in {output}.")
    return Answer({"key_id": name, "public_key": pem}, pem.rstrip("\n"))
