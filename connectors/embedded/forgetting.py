"""What the platform's books keep of a deleted account: what was done or said, not to whom or to what."""

from typing import Final

from sqlalchemy import Connection, String, case, cast, func, literal, select, update

from connectors.embedded import tables
from connectors.embedded.tables import Effect

_ERASED: Final = "erased/"
_KEYS_NAME_THINGS: Final = (Effect.RELEASE_RESOURCE, Effect.CANCEL_SUBSCRIPTION, Effect.ERASE)
"""Their keys hold ids that a customer may have chosen. Nothing repeats them: the things are gone."""


def forget_persons(connection: Connection, account_id: str) -> None:
    """Messages stay without texts, address and recipient, effects without the names of things."""
    row = tables.outbox.c
    connection.execute(
        update(tables.outbox)
        .where(row.account_id == account_id)
        .values(
            subject=case((row.subject.is_not(None), "")),
            body="",
            html=case((row.html.is_not(None), "")),
            address="",
            user_id=literal(_ERASED) + cast(row.id, String),
        )
    )
    effect = tables.effects.c
    numbered = (
        select(effect.key, func.row_number().over(order_by=effect.key).label("number"))
        .where(effect.account_id == account_id, effect.kind.in_(_KEYS_NAME_THINGS))
        .subquery()
    )
    connection.execute(
        update(tables.effects)
        .where(effect.key == numbered.c.key)
        .values(key=literal(f"{_ERASED}{account_id}/") + cast(numbered.c.number, String))
    )
