"""Beyond a point of no return "there is no such account" means that it is done."""

from collections.abc import Awaitable
from typing import TypeVar

from closure.errors import RefusalType, Refused

Result = TypeVar("Result")


def is_gone(error: BaseException) -> bool:
    """Whether a port says that there is no such account."""
    return isinstance(error, Refused) and error.type is RefusalType.ACCOUNT_NOT_FOUND


async def unless_gone(asked: Awaitable[Result], otherwise: Result) -> Result:
    """The answer; `otherwise` when there is no such account any more."""
    try:
        return await asked
    except Refused as refused:
        if not is_gone(refused):
            raise
        return otherwise
