"""The look at legal holds that comes right before every destructive step."""

from closure.errors import RefusalType, Refused
from connectors.ports import LegalHolds

HELD_MESSAGE = (
    "the account is under legal hold: nothing of it may be destroyed; contact support, then recheck"
)


async def refuse_held(holds: LegalHolds, account_id: str) -> None:
    """Passes when the account may be touched now.

    Raises:
        Refused: `LEGAL_HOLD`, for any answer but no. A source that can't be read raises as it does: unknown
            is not free.
    """
    if await holds.is_held(account_id) is not False:
        raise Refused(RefusalType.LEGAL_HOLD, HELD_MESSAGE)
