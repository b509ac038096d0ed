"""A link to the staff pages of a local installation: whoever runs it is its operator."""

from datetime import timedelta
from typing import Final

from database import Database
from records.web_sessions import Audience, Visitor, add_link

LINK_LIFETIME: Final = timedelta(minutes=10)
"""Longer than a customer's: it is printed, and read by a person."""


async def staff_link(database: Database, web_url: str) -> str:
    """An address that opens the staff pages once, with everything that an operator may do.

    The web service believes it on a local installation only.

    Raises:
        DatabaseUnreachable: the record can't be written.
    """
    visitor = Visitor(audience=Audience.STAFF, is_operator=True)
    secret, _ = await database.write(lambda each: add_link(each, visitor, LINK_LIFETIME))
    return f"{web_url}/staff/enter/{secret}"
