"""What the platform's tables have in common."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Column, Enum, ForeignKey, Integer, MetaData, String

from database.columns import UtcDateTime

ID_LENGTH = 200
KEY_LENGTH = 1_000
GROUND_LENGTH = 1_000

# SQLite counts up only a key declared INTEGER.
COUNTED_UP = BigInteger().with_variant(Integer(), "sqlite")


metadata = MetaData(
    naming_convention={
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def word_of(values: type[StrEnum], name: str) -> Enum:
    """The type of a column that holds one of these words."""
    # Checked on the way in and out; a CHECK in the database would need a migration for each new word.
    return Enum(
        values,
        name=name,
        native_enum=False,
        length=30,
        values_callable=lambda members: [member.value for member in members],
    )


def belongs_to_account() -> Column[str]:
    """Whose it is: with the row's own id the key."""
    return Column("account_id", String(ID_LENGTH), ForeignKey("platform_accounts.id"), primary_key=True)


def own_id() -> Column[str]:
    """Unique within its account; that of an account everywhere."""
    return Column("id", String(ID_LENGTH), primary_key=True)


def kept_by_law() -> tuple[Column[str], Column[datetime]]:
    """Why the law makes the provider keep it, and until when; without a ground nothing does."""
    return (
        Column("must_retain_because", String(GROUND_LENGTH)),
        Column("must_retain_until", UtcDateTime),
    )
