"""The certificate of a closure that has ended, as issued or as a PDF, and the key that verifies it."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from closure.certificate import CERTIFIED, SignedCertificate
from closure.errors import RefusalType, Refused
from closure.messages import StatusDocument
from commandline.installation import Installation, open_installation
from commandline.next_step import STARTER
from commandline.options import AsJson, identifier
from commandline.terminal import Answer, BadInput, execute
from keys.signing import SigningKeyFault, key_id, load_public_key, load_signer, public_pem
from records.certificates import CertificateRecords, KeptCertificate

app = typer.Typer()


@app.command()
def certificate(
    closure: Annotated[
        str | None, typer.Argument(metavar="CLOSURE", help="Closure id.", callback=identifier)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Write it there; as a PDF if it ends in .pdf."),
    ] = None,
    public_key: Annotated[
        bool,
        typer.Option(
            "--public-key",
            help="The key that verifies it instead; without CLOSURE, the one that is signed with now.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The signed certificate of a closure that has ended; verify it with python -m keys.verify."""
    if closure is None and not public_key:
        raise typer.BadParameter("name a closure, or give --public-key")

    async def act() -> Answer:
        async with open_installation() as installation:
            if closure is None:
                return _key_answer(_own_public_key(installation), output)
            kept = await _kept(installation, closure)
            return _key_answer(kept.public_key, output) if public_key else _answer(kept, output)

    execute(act, as_json=as_json)


async def _kept(installation: Installation, closure_id: str) -> KeptCertificate:
    kept = await CertificateRecords(installation.engine).get(closure_id)
    if kept is not None:
        return kept
    recorded = await installation.records.get(closure_id)
    if recorded is None:
        raise Refused(RefusalType.CLOSURE_NOT_FOUND, f"there is no closure {closure_id}")
    raise Refused(RefusalType.CERTIFICATE_NOT_ISSUED, _why_not(recorded.document))


def _why_not(document: StatusDocument) -> str:
    closure, outcome = document.closure_id, document.outcome
    if outcome is None:
        return (
            f"closure {closure} has not ended: it is {document.stage.value}; "
            f"see {STARTER} status {document.account_id}"
        )
    if outcome not in CERTIFIED:
        return f"closure {closure} ended {outcome.value}: nothing was changed, so there is no certificate"
    return (
        f"closure {closure} ended {outcome.value}, but its certificate is not signed yet; try again soon; "
        "if that lasts, look at the pending activity of its workflow in the Web UI"
    )


def _answer(kept: KeptCertificate, output: Path | None) -> Answer:
    if output is None:
        return Answer(None, "", verbatim=kept.content)
    if output.suffix.lower() == ".pdf":
        # Imported here: no other command needs it, and it takes long to import.
        from commandline.certificate_pdf import certificate_pdf

        signed = SignedCertificate.model_validate_json(kept.content)
        _write(output, certificate_pdf(signed, kept.content))
    else:
        _write(output, kept.content.encode())
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
        _write(output, pem.encode())
        return Answer({"key_id": name, "file": str(output)}, f"The public key {name} is in {output}.")
    return Answer({"key_id": name, "public_key": pem}, pem.rstrip("\n"))


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise BadInput(f"--output {file} can't be written: {error.strerror or error}") from error
