"""Stands in for Acme's services: accounts in one JSON file, changed by one process at a time."""

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from closure.errors import RefusalType, Refused

Json = dict[str, Any]


class Backend:
    """Reads and writes documents of accounts. What is done once by a key is kept beside them."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self, account_id: str) -> Json:
        """The account's document. Raises `Refused` (`ACCOUNT_NOT_FOUND`)."""
        with self._open() as document:
            return _account(document, account_id)

    def once(self, account_id: str, key: str, act: Callable[[Json], object]) -> Any:  # noqa: ANN401 - JSON
        """What `act` answered the first time it was called with this key; its changes are kept with it."""
        with self._open() as document:
            account = _account(document, account_id)
            answers = document["answers"]
            if key not in answers:
                answers[key] = act(account)
            return answers[key]

    def open_account(self, account: Json) -> None:
        with self._open() as document:
            document["accounts"][account["id"]] = account

    @contextmanager
    def _open(self) -> Iterator[Json]:
        """The whole document, locked; written when nothing was raised."""
        self._file.touch(mode=0o600)
        with self._file.open("r+", encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            text = stream.read()
            document: Json = json.loads(text) if text else {"accounts": {}, "answers": {}}
            yield document
            changed = json.dumps(document)
            if changed != text:
                stream.seek(0)
                stream.truncate()
                stream.write(changed)


def _account(document: Json, account_id: str) -> Json:
    account: Json | None = document["accounts"].get(account_id)
    if account is None:
        raise Refused(RefusalType.ACCOUNT_NOT_FOUND, f"there is no account {account_id!r}")
    return account
