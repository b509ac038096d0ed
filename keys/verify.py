"""Verifies a certificate offline: ``python -m keys.verify CERTIFICATE.json --public-key FILE.pem``.

FILE.pem may be a folder with the issuer's keys, earlier ones included: the one that the certificate names is
taken. Needs this file, Python 3.11 and the package ``cryptography``; nothing else of this program. Ends 0
when the file is to the byte what the holder of the key issued, else 1 (2 for wrong usage), with one line that
says why.

The file is one JSON object, canonical, and a line feed. The signature (Ed25519, base64) is over the same
object without its ``signature``, canonical, without the line feed. Canonical is what RFC 8785 says (UTF-8, no
spaces, keys sorted; the only numbers are whole ones, in full), but that keys are sorted by their code points,
not by UTF-16: another order where a character beyond U+FFFF meets one from U+E000 to U+FFFF.
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
COMMAND = "python -m keys.verify {certificate} --public-key FILE.pem"
"""What a certificate tells its reader to run."""


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
        written = document.get("signature", "")
        signature = base64.b64decode(written, validate=True)
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
    # Base64 has several spellings of the same bytes; only one was issued.
    if content != canonical(document) + b"\n" or written != base64.b64encode(signature).decode():
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


def _issuers_key(place: Path, certificate: bytes) -> Ed25519PublicKey:
    """The key of the file, or of the folder's keys the one that the certificate names."""
    if not place.is_dir():
        return read_public_key(place)
    for file in sorted((*place.glob("*.pub"), *place.glob("*.pem"))):
        try:
            key = read_public_key(file)
        except NotVerified:
            continue  # the private key, perhaps
        if f'"key_id":"{key_id(key)}"'.encode() in certificate:
            return key
    raise NotVerified(f"none of the public keys in {place} is the one that the certificate names")


def main() -> int:
    """One line: verified, on stdout, or why not, on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m keys.verify", description="Verifies a closure certificate offline."
    )
    parser.add_argument("certificate", type=Path, help="the JSON file as it was issued")
    parser.add_argument(
        "--public-key",
        type=Path,
        required=True,
        help="PEM file, as its issuer publishes it, or a folder of all its keys (*.pub, *.pem)",
        metavar="FILE",
    )
    arguments = parser.parse_args()
    try:
        content = _read(arguments.certificate)
        signed = verify(content, _issuers_key(arguments.public_key, content))
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
