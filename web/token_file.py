"""Who may call the API: names, scopes and hashes of tokens, in a file that only its owner reads.

A token is 256 random bits, so that one fast hash of it is enough. It is shown once and kept nowhere.
"""

import fcntl
import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from closure.messages import IDENTIFIER
from closure.model import Instant, Model
from keys.secret_file import SecretFault, read_secret
from private_files import make_private_folder, owner_only, replace_file

TOKEN_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_PREFIX: Final = "closure_"
"""So that tools which look for leaked secrets know one."""
_BYTES: Final = 32


class Scope(StrEnum):
    """What a token is good for. None of them opens a closure's rules: those hold for everybody."""

    READ = "read"
    ACT = "act"
    PORTAL = "portal"
    STAFF = "staff"


class ApiToken(Model):
    """`provider` limits it to accounts of one provider; others do not exist for it. The time is UTC."""

    name: str = Field(pattern=TOKEN_NAME)
    token_hash: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False)
    scopes: tuple[Scope, ...] = Field(min_length=1)
    provider: str | None = Field(default=None, pattern=IDENTIFIER)
    created_at: Instant


class _Content(Model):
    tokens: tuple[ApiToken, ...] = ()


class NameTaken(Exception):
    """There is a token of this name."""


class NoSuchToken(Exception):
    """There is no token of this name."""


class TokenFile:
    """Reads the file again when it has been replaced, so that a revoked token is good for nothing at once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._version: tuple[int, ...] | None = None
        self._tokens: tuple[ApiToken, ...] = ()

    def tokens(self) -> tuple[ApiToken, ...]:
        """In the order of their making; none where there is no file.

        Raises:
            SecretFault: the file can't be read or understood, or other users can read it.
        """
        version = self._version_now()
        if version is None:
            return ()
        if version != self._version:
            self._tokens, self._version = self._read(), version
        return self._tokens

    def find(self, presented: str) -> ApiToken | None:
        """The token with this secret. Takes equally long for all of them. Raises as `tokens` does."""
        wanted = token_hash(presented)
        found = None
        for each in self.tokens():
            if secrets.compare_digest(each.token_hash, wanted):
                found = each
        return found

    def add(self, name: str, scopes: tuple[Scope, ...], provider: str | None = None) -> str:
        """Makes a token and returns it; only its hash is kept.

        Raises:
            NameTaken: there is one of this name.
            SecretFault: see `tokens`.
            OSError: the file can't be written.
        """
        secret = _PREFIX + secrets.token_urlsafe(_BYTES)

        def with_new(tokens: tuple[ApiToken, ...]) -> tuple[ApiToken, ...]:
            if any(each.name == name for each in tokens):
                raise NameTaken(f"there is a token {name} already: revoke it first, or choose another name")
            new = ApiToken(
                name=name,
                token_hash=token_hash(secret),
                scopes=scopes,
                provider=provider,
                created_at=datetime.now(UTC),
            )
            return (*tokens, new)

        self._change(with_new)
        return secret

    def revoke(self, name: str) -> None:
        """Takes a token away.

        Raises:
            NoSuchToken: there is none of this name.
            SecretFault, OSError: see `add`.
        """

        def without(tokens: tuple[ApiToken, ...]) -> tuple[ApiToken, ...]:
            left = tuple(each for each in tokens if each.name != name)
            if left == tokens:
                raise NoSuchToken(f"there is no token {name}")
            return left

        self._change(without)

    def _change(self, change: Callable[[tuple[ApiToken, ...]], tuple[ApiToken, ...]]) -> None:
        make_private_folder(self._file.parent)
        with self._sole_writer():
            content = _Content(tokens=change(self.tokens()))
            replace_file(self._file, content.model_dump_json(indent=2) + "\n")

    @contextmanager
    def _sole_writer(self) -> Iterator[None]:
        with open(self._file.with_name(f".{self._file.name}.lock"), "w", opener=owner_only) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _version_now(self) -> tuple[int, ...] | None:
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SecretFault(f"API tokens file {self._file} can't be read: {error.strerror}") from error
        return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode

    def _read(self) -> tuple[ApiToken, ...]:
        text = read_secret(self._file, "API tokens file")
        try:
            return _Content.model_validate_json(text).tokens
        except ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(map(str, fault["loc"])) or "its text"
            raise SecretFault(f"API tokens file {self._file}: {place}: {fault['msg']}") from None


def token_hash(secret: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
