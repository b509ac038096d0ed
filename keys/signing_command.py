"""`python -m keys rotate`: a new signing key, without losing what verifies the old one's signatures."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from keys.signing import SigningKeyFault, rotate_signer
from settings import Settings, setting_fault


def rotate(
    file: Annotated[
        Path | None, typer.Argument(help="Instead of the one of CLOSURE_SIGNING_KEY_FILE.")
    ] = None,
) -> None:
    """Makes a new key that signs from now on; public keys of earlier ones stay and verify what they signed.

    Running workers sign with it from their next signature on.
    """
    try:
        signing_key_file = file or Settings().signing_key_file
        signer = rotate_signer(signing_key_file)
    except (SigningKeyFault, ValidationError) as error:
        reason = setting_fault(error) if isinstance(error, ValidationError) else str(error)
        sys.stderr.write(f"error: {reason}\n")
        raise typer.Exit(2) from error
    sys.stdout.write(f"{signing_key_file}: key {signer.key_id} signs from now on; back it up\n")
