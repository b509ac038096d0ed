"""Ed25519 signatures under a key in a file: evidence can be verified without this program.

Beside the private key FILE lie the public ones: FILE.pub of the key that signs, FILE.ID.pub of earlier ones.
``python -m keys rotate`` makes another key.
"""

import base64
import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from private_files import PUBLIC, create_file, make_private_folder, replace_file


class SigningKeyFault(Exception):
    """A key file that can't be used; the message says which and why, never what is in it."""


@dataclass(frozen=True)
class Signer:
    """Signs under one private key; `key_id` names the public key that verifies it."""

    key_id: str
    _key: Ed25519PrivateKey = field(repr=False)

    def sign(self, content: bytes) -> str:
        """The signature in base64."""
        return base64.b64encode(self._key.sign(content)).decode("ascii")

    @property
    def public_key(self) -> Ed25519PublicKey:
        return self._key.public_key()


def load_signer(file: Path) -> Signer:
    """The signer of a PEM file with an Ed25519 private key (PKCS #8).

    Raises:
        SigningKeyFault: the file can't be read or holds no such key.
    """
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except FileNotFoundError as error:
        raise SigningKeyFault(
            f"signing key {file} is missing: put it back from its backup; if it is lost, make another "
            "with `python -m keys rotate` (what it has signed is verified by its public key)"
        ) from error
    except OSError as error:
        raise SigningKeyFault(f"signing key {file} can't be read: {error.strerror or error}") from error
    except (ValueError, TypeError) as error:
        raise SigningKeyFault(f"signing key {file} is no unencrypted PEM private key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyFault(f"signing key {file} is no Ed25519 key")
    return Signer(key_id(key.public_key()), key)


def load_or_create_signer(file: Path, *, has_signed: bool = False) -> Signer:
    """As `load_signer`; a key that never was is made (owner-readable only) with its ``.pub`` beside it.

    A missing key that has signed is never replaced: what it signed would verify no more. Whichever way the
    private key comes to be another one, the earlier one's public key stays beside it.

    Args:
        file: the private key's.
        has_signed: whether there is something that was signed; a public key of the file says so, too.

    Raises:
        SigningKeyFault: as `load_signer`, or a file can't be written.
    """
    try:
        if not (has_signed or file.exists() or _has_public_key(file)):
            _create(file)
        signer = load_signer(file)
        _publish(file, signer.public_key)
    except OSError as error:
        raise SigningKeyFault(f"signing key {file} can't be made: {error.strerror or error}") from error
    return signer


def rotate_signer(file: Path) -> Signer:
    """Makes a new key that signs from now on, whether or not there is one; public keys of earlier ones stay.

    Raises:
        SigningKeyFault: the old key can't be read, or the new one can't be written.
    """
    try:
        make_private_folder(file.parent)
        if file.exists():
            _publish(file, load_signer(file).public_key)
        key = Ed25519PrivateKey.generate()
        replace_file(file, _private_pem(key))
        _publish(file, key.public_key())
    except OSError as error:
        raise SigningKeyFault(f"signing key {file} can't be made: {error.strerror or error}") from error
    return Signer(key_id(key.public_key()), key)


def published_file(file: Path) -> Path:
    """Where the public key of the private key in `file` lies."""
    return file.with_name(f"{file.name}.pub")


def load_public_key(file: Path) -> Ed25519PublicKey:
    """The public key of a PEM file.

    Raises:
        SigningKeyFault: the file can't be read or holds no Ed25519 public key.
    """
    try:
        key = load_pem_public_key(file.read_bytes())
    except OSError as error:
        raise SigningKeyFault(f"public key {file} can't be read: {error.strerror or error}") from error
    except ValueError as error:
        raise SigningKeyFault(f"public key {file} is no PEM public key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SigningKeyFault(f"public key {file} is no Ed25519 key")
    return key


def is_signed_by(public_key: Ed25519PublicKey, content: bytes, signature: str) -> bool:
    """Whether the base64 `signature`, spelled as it was, is this key's over exactly this content."""
    try:
        signed = base64.b64decode(signature, validate=True)
        public_key.verify(signed, content)
    except (InvalidSignature, ValueError):
        return False
    return signature == base64.b64encode(signed).decode()


def key_id(public_key: Ed25519PublicKey) -> str:
    """The first 16 hex digits of SHA-256 over the raw public key."""
    raw = public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def public_pem(public_key: Ed25519PublicKey) -> str:
    """The public key as PEM, to be published."""
    return public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def _has_public_key(file: Path) -> bool:
    """Whether a key of this file's name has ever been made here."""
    try:
        names = [each.name for each in file.parent.iterdir()]
    except FileNotFoundError:
        return False
    return any(name.startswith(f"{file.name}.") and name.endswith(".pub") for name in names)


def _create(file: Path) -> None:
    """Processes and threads that make the same file agree: the first one's stays."""
    make_private_folder(file.parent)
    with suppress(FileExistsError):
        create_file(file, _private_pem(Ed25519PrivateKey.generate()))


def _publish(file: Path, public_key: Ed25519PublicKey) -> None:
    """Puts the public key beside its private one; the key that was there is kept under its id."""
    published = published_file(file)
    if published.exists():
        earlier = load_public_key(published)
        if key_id(earlier) == key_id(public_key):
            return
        kept = file.with_name(f"{file.name}.{key_id(earlier)}.pub")
        replace_file(kept, public_pem(earlier), mode=PUBLIC)
    replace_file(published, public_pem(public_key), mode=PUBLIC)


def _private_pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
