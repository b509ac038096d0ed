"""Why a provider's service has given no answer that counts. None of these is ever read as "nothing there".

Their messages name operations and statuses, never what was asked or answered.
"""

from typing import ClassVar

from connectors.faults import StillAtWork, Unavailable


class ServiceFault(Unavailable):
    """The base of all of them. `retry_after` is what the service has asked for, if it has."""

    passes: ClassVar[bool] = False
    """Whether the same call may well work in a moment."""


class ServiceUnreachable(ServiceFault):
    """No connection, no answer in time, or one that broke off: what was asked may have been done or not."""

    passes = True


class ServiceUnavailable(ServiceFault):
    """A status from 500 on."""

    passes = True


class ServiceThrottles(ServiceFault):
    """429: too many requests."""

    passes = True


class CircuitOpen(ServiceFault):
    """The service has failed so often in a row that it is left in peace for a while."""


class StillUnderWay(ServiceFault, StillAtWork):
    """Accepted, but not done within the call's time limit. The next call with the key looks again."""


class CredentialsRefused(ServiceFault):
    """401 or 403: the service doesn't accept our key, token or certificate."""


class AnswerUnreadable(ServiceFault):
    """The answer is not what the contract says: a proxy's page, another version, a defect."""


class NotServed(AnswerUnreadable):
    """404 or 405 that is no refusal: there is no such operation."""


class KeyTaken(ServiceFault):
    """The service knows the idempotency key from another effect: a defect, here or there."""


class CursorExpired(ServiceFault):
    """The list that was being read page by page is no longer kept: it has to be read from its beginning."""
