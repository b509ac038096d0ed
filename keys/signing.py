"""Ed25519 signatures under a key in a file: evidence can be verified without this program."""

import base64
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkstemp

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
    except OSError as error:
        raise SigningKeyFault(f"signing key {file} can't be read: {error.strerror or error}") from error
    except (ValueError, TypeError) as error:
        raise SigningKeyFault(f"signing key {file} is no unencrypted PEM private key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyFault(f"signing key {file} is no Ed25519 key")
    return Signer(key_id(key.public_key()), key)


def load_or_create_signer(file: Path) -> Signer:
    """As `load_signer`; where there is no file, makes one (owner-readable only) with its ``.pub`` beside it.

    Raises:
        SigningKeyFault: as `load_signer`, or the file can't be written.
    """
    if not file.exists():
        try:
            _create(file)
        except OSError as error:
            raise SigningKeyFault(f"signing key {file} can't be made: {error.strerror or error}") from error
    return load_signer(file)


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
    """Whether the base64 `signature` is this key's over exactly this content."""
    try:
        public_key.verify(base64.b64decode(signature, validate=True), content)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_id(public_key: Ed25519PublicKey) -> str:
    """The first 16 hex digits of SHA-256 over the raw public key."""
    raw = public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def public_pem(public_key: Ed25519PublicKey) -> str:
    """The public key as PEM, to be published."""
    return public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def _create(file: Path) -> None:
    """Processes and threads that make the same file agree: the first link wins."""
    file.parent.mkdir(parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    descriptor, unfinished = mkstemp(prefix=f"{file.name}.", dir=file.parent)  # owner-readable only
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        os.link(unfinished, file)
    except FileExistsError:
        return
    else:
        file.with_name(f"{file.name}.pub").write_text(public_pem(key.public_key()), encoding="ascii")
    finally:
        os.unlink(unfinished)
