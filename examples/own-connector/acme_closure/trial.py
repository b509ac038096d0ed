"""Opens test accounts in a backend of their own, for ``python -m connectors.conformance --platform acme``."""

import tempfile
from pathlib import Path
from uuid import uuid4

from pydantic import SecretStr

from acme_closure.backend import Backend, Json
from acme_closure.platform import OWNER, platform_over
from connectors.conformance import AccountWanted, ConformanceSubject, NotOffered, OpenedAccount

_PASSWORD = "correct horse"


def new_account(
    account_id: str, *, cash: int = 0, promo: int = 0, machines: int = 0, buckets: int = 0
) -> Json:
    """The first machine needs the last."""
    names = [f"m-{number:05}" for number in range(machines)]
    needs: dict[str, list[str]] = {name: [] for name in names}
    if machines > 1:
        needs[names[0]] = [names[-1]]
    return {
        "id": account_id,
        "currency": "USD",
        "access": "open",
        "stopped_at": None,
        "held": False,
        "password": _PASSWORD,
        "cash": cash,
        "promo": promo,
        "paid": max(cash, 0),
        "refunds": [],
        "paid_at": "2026-01-05T00:00:00+00:00",
        "mails": [],
        "dues": [],
        "machines": needs,
        "buckets": {f"b-{number:05}": 3 for number in range(buckets)},
    }


class AcmeSubject(ConformanceSubject):
    """Acme's accounts have no subaccounts, subscriptions or bindings, and one payment."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._backend = Backend(Path(self._folder.name) / "acme.json")
        self.platform = platform_over(self._backend)

    async def open_account(self, wanted: AccountWanted) -> OpenedAccount:
        for lacking in ("subaccounts", "subscriptions", "bindings"):
            if getattr(wanted, lacking):
                raise NotOffered(f"Acme has no {lacking}")
        account_id = f"trial-{uuid4().hex}"
        account = new_account(
            account_id, cash=wanted.cash, promo=wanted.promo, machines=wanted.resources, buckets=wanted.stores
        )
        self._backend.open_account(account)
        return OpenedAccount(account_id=account_id, user_id=OWNER, password=SecretStr(_PASSWORD))

    async def hold(self, account_id: str, *, held: bool) -> None:
        self._backend.once(account_id, f"hold-{uuid4().hex}", lambda account: account.update(held=held))

    async def aclose(self) -> None:
        await super().aclose()
        self._folder.cleanup()


def subject(settings: object) -> ConformanceSubject:
    return AcmeSubject()
