"""Verifies a certificate offline: ``python -m keys.verify CERTIFICATE.json --public-key FILE.pem``.

Needs this file, Python 3.11 and the package ``cryptography``; nothing else of this program. Ends 0 when the
file is to the byte what the holder of the key issued, else 1 (2 for wrong usage), with one line that says
why.

The file is one JSON object, canonical (RFC 8785: keys sorted, no spaces, UTF-8), and a line feed. The
signature (Ed25519, base64) is over the same object without its ``signature``, canonical, without the line
feed.
"""

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

SUPPORTED = "account-closure-certificate/1"


class NotVerified(Exception):
    """The certificate is not to be trusted; the message says why."""


def verify(content: bytes, public_key: Ed25519PublicKey) -> dict[str, object]:
    """What the certificate says, if these bytes are what the holder of the key issued.

    Raises:
        NotVerified: they are not.
    """
    try:
        document = json.loads(content)
        if not isinstance(document, dict):
            raise NotVerified("the file is no JSON object")
        signature = base64.b64decode(document.get("signature", ""), validate=True)
    except (ValueError, TypeError, RecursionError) as error:
        raise NotVerified("the file is no signed certificate") from error
    signed = {name: value for name, value in document.items() if name != "signature"}
    if signed.get("format") != SUPPORTED:
        raise NotVerified(f"the file is no certificate of the format {SUPPORTED}")
    expected = key_id(public_key)
    if signed.get("key_id") != expected:
        raise NotVerified(f"the certificate names another key than the one given, which is {expected}")
    try:
        public_key.verify(signature, canonical(signed))
    except (InvalidSignature, ValueError) as error:
        raise NotVerified("the signature does not match: the certificate was changed") from error
    if content != canonical(document) + b"\n":
        raise NotVerified("the content is signed, but the file was reformatted: take it as it was issued")
    return signed


def canonical(value: object) -> bytes:
    """The one spelling of a JSON value in UTF-8.

    Raises:
        ValueError: text that UTF-8 does not have, or a number that JSON does not have.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def key_id(public_key: Ed25519PublicKey) -> str:
    """The first 16 hex digits of SHA-256 over the raw public key."""
    raw = public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def read_public_key(file: Path) -> Ed25519PublicKey:
    """The Ed25519 public key of a PEM file.

    Raises:
        NotVerified: the file can't be read or holds no such key.
    """
    try:
        key = load_pem_public_key(file.read_bytes())
    except OSError as error:
        raise NotVerified(f"{file} can't be read: {error.strerror or error}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise NotVerified(f"{file} is no PEM public key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise NotVerified(f"{file} is no Ed25519 public key")
    return key


def main() -> int:
    """One line: verified, on stdout, or why not, on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m keys.verify", description="Verifies a closure certificate offline."
    )
    parser.add_argument("certificate", type=Path, help="the JSON file as it was issued")
    parser.add_argument(
        "--public-key", type=Path, required=True, help="PEM file, as its issuer publishes it", metavar="FILE"
    )
    arguments = parser.parse_args()
    try:
        signed = verify(_read(arguments.certificate), read_public_key(arguments.public_key))
    except NotVerified as reason:
        sys.stderr.write(f"NOT VERIFIED: {reason}\n")
        return 1
    said = [json.dumps(signed.get(name)) for name in ("closure_id", "account_id", "outcome", "key_id")]
    sys.stdout.write("verified: closure {}, account {}, outcome {}, key {}\n".format(*said))
    return 0


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotVerified(f"{file} can't be read: {error.strerror or error}") from error


if __name__ == "__main__":
    sys.exit(main())
