"""The role that serves customers on PostgreSQL: it writes acts, and neither steps nor stages."""

import psycopg
import pytest
from sqlalchemy import Connection, insert, text, update
from sqlalchemy.exc import DBAPIError

from closure.acts import ActKind, ActStatus, NewAct, WithdrawWords
from database import Database, DatabaseUnreachable, upgrade
from records.acts import end_act, find_act, write_act
from records.idempotency import begin, finish, forget
from records.roles import CLIENT_ROLE, grant_client_role, may_operate
from records.schema import MIGRATIONS
from records.tables import (
    record_acts,
    record_brakes,
    record_closures,
    record_deliveries,
    record_events,
    record_steps,
)

ACT = NewAct(kind=ActKind.WITHDRAW, account_id="a-1", closure_id="c-1", user_id="u-1")


@pytest.fixture
async def as_client(postgresql_url: str) -> Database:
    """The record of a PostgreSQL server, as a member of the role sees it."""
    owner = Database(postgresql_url)
    await upgrade(owner, MIGRATIONS)

    def create(connection: Connection) -> None:
        known = connection.scalar(text(f"SELECT 1 FROM pg_roles WHERE rolname = '{CLIENT_ROLE}'"))
        if known is None:
            connection.execute(text(f"CREATE ROLE {CLIENT_ROLE} LOGIN"))

    await owner.write(create)
    assert await grant_client_role(owner)
    await owner.dispose()
    return Database(postgresql_url.replace("postgres@", f"{CLIENT_ROLE}@"))


async def test_a_client_writes_an_act_reads_it_and_gives_it_up(as_client: Database) -> None:
    act_id = await as_client.write(lambda each: write_act(each, ACT, WithdrawWords()))
    assert await as_client.write(lambda each: end_act(each, act_id, ActStatus.LAPSED))
    act = await as_client.read(lambda each: find_act(each, act_id))
    assert act is not None
    assert (act.status, act.user_id) == (ActStatus.LAPSED, "u-1")
    await as_client.dispose()


async def test_a_client_keeps_answers_and_forgets_them(as_client: Database) -> None:
    def keep(connection: Connection) -> bytes | None:
        assert begin(connection, "k", "r") is None
        finish(connection, "k", b"answer")
        assert begin(connection, "forgotten", "r") is None
        forget(connection, "forgotten")
        return begin(connection, "k", "r")

    assert await as_client.write(keep) == b"answer"
    await as_client.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        update(record_closures).values(stage="deleting"),
        update(record_acts).values(closure_id="c-2"),
        insert(record_steps).values(closure_id="c-1", step="stop", run_id="r", opened_at=text("now()")),
        insert(record_brakes).values(scope="closure", target="c-1", reason="r", set_at=text("now()")),
        text("DELETE FROM record_claims"),
        text(f"INSERT INTO {record_events.name} (closure_id, sequence) VALUES ('c-1', 1)"),
        # Else a message would count as sent that nobody got.
        insert(record_deliveries).values(delivery="d", time=text("now()")),
    ],
    ids=["stage", "another closure's act", "step", "brake", "claim", "event", "delivery"],
)
async def test_a_client_writes_neither_stages_nor_steps(as_client: Database, statement: object) -> None:
    with pytest.raises((DatabaseUnreachable, DBAPIError), match="permission denied"):
        await as_client.write(lambda each: each.execute(statement))  # type: ignore[call-overload]
    await as_client.dispose()


async def test_only_who_may_write_brakes_operates(as_client: Database, postgresql_url: str) -> None:
    assert not await as_client.read(may_operate)
    await as_client.dispose()
    owner = Database(postgresql_url)
    assert await owner.read(may_operate)
    await owner.dispose()


async def test_without_the_role_nothing_is_granted(postgresql_url: str) -> None:
    owner = Database(postgresql_url)
    await upgrade(owner, MIGRATIONS)
    with psycopg.connect(postgresql_url.replace("+psycopg", ""), autocommit=True) as connection:
        has_role = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (CLIENT_ROLE,)).fetchone()
    assert await grant_client_role(owner) is (has_role is not None)
    await owner.dispose()
