"""What support types to find a closure: its id, an account's, a user's login or e-mail address."""

from dataclasses import dataclass
from typing import Final

from closure.errors import RefusalType, Refused
from database import DatabaseUnreachable
from web.api.access import Seer, account_of_closure
from web.service import WebService

LONGEST_QUERY: Final = 320
ACCOUNTS_SHOWN: Final = 50
"""More than anybody looks after; who shares a login with more types an account's id."""


class DirectoryAway(Exception):
    """The provider's directory could not be asked."""


@dataclass(frozen=True)
class Found:
    """A closure, else the accounts that the words may mean; nothing where there is none that may be seen."""

    closure_id: str | None = None
    account_ids: tuple[str, ...] = ()


async def find(service: WebService, seer: Seer, query: str) -> Found:
    """What exists for this seer.

    Raises:
        DatabaseUnreachable: the record can't be read.
        DirectoryAway: the provider's directory can't.
    """
    try:
        await account_of_closure(service, seer, query)
    except Refused:
        known = [each for each in await _candidates(service, query) if await _is_seen(service, seer, each)]
        return Found(account_ids=tuple(known[:ACCOUNTS_SHOWN]))
    return Found(closure_id=query)


async def _candidates(service: WebService, query: str) -> tuple[str, ...]:
    try:
        named = await service.platform.directory.accounts_of(query)
    except DatabaseUnreachable:
        raise
    except Exception as error:
        raise DirectoryAway from error
    return tuple(dict.fromkeys((query, *named)))


async def _is_seen(service: WebService, seer: Seer, account_id: str) -> bool:
    """An account that the directory has, or had: then the record knows its closure."""
    try:
        profile = await service.platform.directory.profile(account_id)
    except Refused as refused:
        if refused.type is not RefusalType.ACCOUNT_NOT_FOUND:
            raise
        last = await service.closures.records.last(account_id)
        return last is not None and seer.may_see(last.state.provider)
    except DatabaseUnreachable:
        raise
    except Exception as error:
        raise DirectoryAway from error
    return seer.may_see(profile.provider)
