"""Calls of our own to the server's services, sent again where their connection was closed beneath them.

A Temporal server closes each connection after five minutes (`frontend.keepAliveMaxConnectionAge`), a load
balancer when it likes; a call under way in that moment is lost. The SDK sends its own calls again, for as
long as ten seconds, but not those made on `workflow_service`. Somebody waits for these, so they are sent once
more, at once.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from temporalio.service import RPCError, RPCStatusCode

Answer = TypeVar("Answer")
_CONNECTION_LOST: Final = frozenset({RPCStatusCode.CANCELLED, RPCStatusCode.UNAVAILABLE})


async def asked(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer to a call that changes nothing.

    Raises:
        temporalio.service.RPCError: the server refused, or was away both times.
    """
    try:
        return await ask()
    except RPCError as error:
        if error.status not in _CONNECTION_LOST:
            raise
    return await ask()
