"""The embedded platform under trial, in a database of its own that is thrown away."""

import json
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from pydantic import JsonValue, SecretStr

from closure.money import Money
from closure.refunds import AttemptState
from connectors.conformance.subject import AccountWanted, ConformanceSubject, NotOffered, OpenedAccount
from connectors.embedded import MIGRATIONS, embedded_platform
from connectors.embedded.account_file import MustRetainEntry, parse_account_file
from connectors.embedded.holds import hold, unhold
from connectors.embedded.loading import load_accounts
from connectors.embedded.refunds import play_answer
from connectors.embedded.retention import keep_by_law, let_go
from connectors.embedded.tables import RefundAnswer
from connectors.ports import Platform
from database import Database, prepare
from settings import Settings

_CURRENCY: Final = "USD"
_PASSWORD: Final = "correct horse battery staple"
_FILE: Final = "conformance.json"
_GROUND: Final = MustRetainEntry(because="a tax law", until=datetime(2099, 1, 1, tzinfo=UTC))
_ANSWERS: Final = {
    AttemptState.SETTLED: RefundAnswer.SETTLED,
    AttemptState.FAILED: RefundAnswer.FAILED,
}

Json = dict[str, JsonValue]


class EmbeddedSubject(ConformanceSubject):
    """Opens accounts in the embedded platform's tables.

    Args:
        database: where they are.
        over: what stands between the rules and the embedded platform, such as a network.
    """

    def __init__(self, database: Database, over: Callable[[Platform], Platform] = lambda each: each) -> None:
        self.platform = over(embedded_platform(database))
        self._database = database
        self._resources = AsyncExitStack()

    @classmethod
    async def thrown_away(cls) -> "EmbeddedSubject":
        """In a new database, which goes with it."""
        async with AsyncExitStack() as resources:
            folder = resources.enter_context(tempfile.TemporaryDirectory(prefix="closure-conformance-"))
            database = Database(f"sqlite+aiosqlite:///{Path(folder) / 'accounts.db'}")
            resources.push_async_callback(database.dispose)
            await prepare(database, MIGRATIONS)
            made = cls(database)
            made._resources = resources.pop_all()
            return made
        raise AssertionError("unreachable")

    async def open_account(self, wanted: AccountWanted) -> OpenedAccount:
        name = f"conformance-{uuid4().hex[:12]}"
        owned = [f"{name}-{number}" for number in range(wanted.subaccounts)]
        accounts = [_entry(name, wanted) | {"subaccounts": [*owned]}]
        accounts += [_entry(each, AccountWanted()) for each in owned]
        file = parse_account_file(json.dumps({"accounts": accounts}), _FILE)
        await load_accounts(self._database, file, _FILE)
        return OpenedAccount(
            account_id=name,
            subaccounts=tuple(owned),
            bindings=wanted.bindings,
            user_id="u-1",
            password=SecretStr(_PASSWORD) if wanted.password else None,
        )

    async def hold(self, account_id: str, *, held: bool) -> None:
        if held:
            await hold(self._database, account_id, "conformance")
        else:
            await unhold(self._database, account_id)

    async def must_retain(self, account_id: str, store_id: str) -> None:
        await keep_by_law(self._database, account_id, _GROUND, store_id=store_id)

    async def must_retain_account(self, account_id: str, *, must: bool) -> None:
        if must:
            await keep_by_law(self._database, account_id, _GROUND)
        else:
            await let_go(self._database, account_id)

    async def answer_refunds(self, account_id: str, answer: AttemptState) -> None:
        if answer not in _ANSWERS:
            raise NotOffered(f"an answer can't be made to be {answer.value}")
        await play_answer(self._database, account_id, _ANSWERS[answer])

    async def aclose(self) -> None:
        await super().aclose()
        await self._resources.aclose()


async def embedded_subject(settings: Settings) -> ConformanceSubject:
    """The subject of ``--platform embedded``: nothing of the installation is touched."""
    return await EmbeddedSubject.thrown_away()


def _entry(name: str, wanted: AccountWanted) -> Json:
    user: Json = {"id": "u-1", "role": "main", "email": f"{name}@example.com"}
    part = wanted.cash // max(wanted.payments, 1)
    return {
        "id": name,
        "provider": "conformance",
        "kind": "standard",
        "currency": _CURRENCY,
        "users": [user | ({"password": _PASSWORD} if wanted.password else {})],
        "balance": {"cash": _amount(wanted.cash), "promo": _amount(wanted.promo)},
        **(
            {
                "payments": [
                    {"id": f"p-{each}", "amount": _amount(part), "paid_at": "2026-01-05T00:00:00Z"}
                    for each in _numbers(wanted.payments)
                ]
            }
            if wanted.payments
            else {}
        ),
        "resources": [
            {
                "id": f"i-{each}",
                "product": "ecs",
                "renounceable": True,
                "depends_on": [f"i-{wanted.resources - 1:05}"] if index == 0 < wanted.resources - 1 else [],
            }
            for index, each in enumerate(_numbers(wanted.resources))
        ],
        "subscriptions": [
            {"id": f"s-{each}", "product": "rds", "expires_at": "2099-01-01T00:00:00Z"}
            for each in _numbers(wanted.subscriptions)
        ],
        "data": [{"id": f"d-{each}", "store": "logs", "objects": 3} for each in _numbers(wanted.stores)],
        "bindings": [{"id": f"b-{each}", "third_party": "github"} for each in _numbers(wanted.bindings)],
    }


def _numbers(count: int) -> list[str]:
    return [f"{number:05}" for number in range(count)]


def _amount(minor: int) -> str:
    return str(Money(minor=minor, currency=_CURRENCY))
