"""The ledger as an auditor reads it: by SQL, not by the program's own queries."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text

from database import Database

_SUM = text(
    "SELECT currency, SUM(amount) FROM platform_ledger_postings GROUP BY currency HAVING SUM(amount) <> 0"
)
_KEPT = text(
    "SELECT a.owner, a.kind, COALESCE(SUM(p.amount), 0) FROM platform_ledger_accounts a"
    " JOIN platform_ledger_postings p ON p.ledger_account = a.id WHERE a.owner <> '' GROUP BY a.owner, a.kind"
)
_MOVED = text("SELECT reason, SUM(amount) FROM platform_ledger_movements GROUP BY reason")


@dataclass(frozen=True)
class Holding:
    """What a customer's account holds, in minor units."""

    cash: int
    promo: int

    @property
    def whole(self) -> int:
        return self.cash + self.promo


async def must_balance(database: Database) -> None:
    """Every posting has its counterpart, in every currency."""
    broken = await database.read(lambda connection: connection.execute(_SUM).all())
    assert not broken, f"the ledger does not add up: {broken}"


async def holdings(database: Database) -> dict[str, Holding]:
    """By account id; accounts that no money ever touched are left out."""
    rows = await database.read(lambda connection: connection.execute(_KEPT).all())
    found: dict[str, dict[str, int]] = {}
    for owner, kind, minor in rows:
        found.setdefault(owner, {})[kind] = int(minor)
    return {owner: Holding(kinds.get("cash", 0), kinds.get("promo", 0)) for owner, kinds in found.items()}


async def moved(database: Database) -> Mapping[str, int]:
    """Minor units moved in all, by reason."""
    rows = await database.read(lambda connection: connection.execute(_MOVED).all())
    return {reason: int(minor) for reason, minor in rows}
