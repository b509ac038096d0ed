"""Loads one account of the account file's shape into the embedded platform."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from closure.accounts import Access
from closure.money import Money
from connectors.embedded import tables
from connectors.embedded.ledger import LedgerAccount, Movement, MovementReason, post, provider_account
from connectors.embedded.tables import LedgerKind
from database.engine import transaction


async def load_account(engine: AsyncEngine, account: Mapping[str, Any]) -> None:
    account_id, currency = account["id"], account["currency"]
    now = datetime.now(UTC)

    def rows(key: str, **extra: object) -> list[dict[str, Any]]:
        return [{"account_id": account_id, **extra, **item} for item in account.get(key, [])]

    resources = rows("resources", billing="pay-as-you-go", renounceable=False)
    things: Sequence[tuple[Table, list[dict[str, Any]]]] = (
        (tables.resources, [{k: v for k, v in r.items() if k != "depends_on"} for r in resources]),
        (
            tables.resource_dependencies,
            [
                {"account_id": account_id, "resource_id": r["id"], "depends_on": other}
                for r in resources
                for other in r.get("depends_on", [])
            ],
        ),
        (tables.subscriptions, rows("subscriptions", renounceable=False)),
        (tables.domains, rows("domains")),
        (tables.icp_filings, rows("icp_filings")),
        (tables.relationships, rows("relationships", role=None)),
        (tables.bindings, rows("bindings")),
        (tables.data_stores, rows("data")),
        (tables.api_keys, rows("api_keys", enabled=True)),
        (tables.sessions, rows("sessions", user_id="u-1", started_at=now)),
        (
            tables.bills,
            [{**b, "amount": Money.parse(b["amount"], currency).minor} for b in rows("bills", product=None)],
        ),
        (
            tables.credit_notes,
            [{**c, "amount": Money.parse(c["amount"], currency).minor} for c in rows("credit_notes")],
        ),
    )
    async with transaction(engine) as connection:
        await connection.execute(
            insert(tables.accounts).values(
                id=account_id,
                provider=account["provider"],
                kind=account["kind"],
                currency=currency,
                access=Access.OPEN,
                usage_final_until=account.get("usage_final_until"),
            )
        )
        for user in account["users"]:
            login = f"{account_id}/{user['id']}"
            await connection.execute(insert(tables.logins).values(login=login, personal=False))
            await connection.execute(
                insert(tables.users).values(
                    account_id=account_id,
                    id=user["id"],
                    role=user["role"],
                    login=login,
                    email=user.get("email"),
                    phone=user.get("phone"),
                    language=user.get("language", "en"),
                )
            )
        for table, found in things:
            if found:
                await connection.execute(insert(table), found)
        balance = account.get("balance", {})
        cash = Money.parse(balance.get("cash", "0"), currency)
        promo = Money.parse(balance.get("promo", "0"), currency)
        own = LedgerAccount(account_id, LedgerKind.CASH, currency)
        movements = []
        if cash.minor > 0:
            source = provider_account(LedgerKind.EXTERNAL_PAYMENTS, currency)
            movements.append(Movement(source, own, cash, MovementReason.PAYMENT, account_id, now))
        if cash.minor < 0:
            target = provider_account(LedgerKind.REVENUE, currency)
            movements.append(Movement(own, target, -cash, MovementReason.USAGE, account_id, now))
        if promo.minor > 0:
            source = provider_account(LedgerKind.PROMOTIONS_GRANTED, currency)
            promo_account = LedgerAccount(account_id, LedgerKind.PROMO, currency)
            movements.append(
                Movement(source, promo_account, promo, MovementReason.PROMOTION, account_id, now)
            )
        await post(connection, movements)
