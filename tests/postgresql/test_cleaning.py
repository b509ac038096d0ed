"""Who comes by cleans up what is of no use any more, and never waits for another who does so."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Table, func, insert, select

from database import Database
from records.idempotency import begin
from records.tables import record_idempotency, record_web_links, record_web_sessions
from records.web_sessions import Audience, Visitor, add_link, begin_session
from tests.harness.installation import InstallationBuilder

pytestmark = pytest.mark.postgresql

LONG_AGO = datetime.now(UTC) - timedelta(days=400)
STAFF = {"audience": Audience.STAFF.value, "is_operator": False}
VISITOR = Visitor(audience=Audience.STAFF)
SECONDS = 30


@pytest.mark.parametrize(
    ("table", "old", "come_by"),
    [
        (
            record_idempotency,
            {"key_hash": "old", "request_hash": "r", "began_at": LONG_AGO},
            lambda each: begin(each, str(id(each)), "r"),
        ),
        (
            record_web_links,
            {"link_hash": "old", "expires_at": LONG_AGO, **STAFF},
            lambda each: add_link(each, VISITOR),
        ),
        (
            record_web_sessions,
            {
                "session_hash": "old",
                "began_at": LONG_AGO,
                "seen_at": LONG_AGO,
                "is_view_only": False,
                **STAFF,
            },
            lambda each: begin_session(each, VISITOR),
        ),
    ],
    ids=["answers", "links", "sessions"],
)
async def test_two_who_clean_up_do_not_wait_for_each_other(
    installations: InstallationBuilder,
    table: Table,
    old: dict[str, object],
    come_by: Callable[[Connection], object],
) -> None:
    async with installations.open(with_worker=False) as opened:
        await opened.database.write(lambda each: each.execute(insert(table).values(old)))
        url = opened.database.url.render_as_string(hide_password=False)
        other = Database(f"{url}?options=-c%20lock_timeout%3D2000")
        loop, is_cleaned, is_through = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        def stay(connection: Connection) -> None:
            come_by(connection)
            loop.call_soon_threadsafe(is_cleaned.set)
            assert is_through.wait(SECONDS)

        staying = asyncio.create_task(opened.database.write(stay))
        await asyncio.wait_for(is_cleaned.wait(), SECONDS)
        try:
            await other.write(come_by)
        finally:
            is_through.set()
            await staying
        left = await opened.database.read(lambda each: each.scalar(select(func.count()).select_from(table)))
        assert left == 2, "both have come by, and the old one is gone"
        await other.dispose()
