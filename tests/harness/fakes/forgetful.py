"""A platform that keeps nothing of a closed account, and whose answers get lost."""

from dataclasses import dataclass, field

from closure.errors import RefusalType, Refused
from connectors.ports import OutgoingMessage, Platform
from tests.harness.around import Act, Call, around_ports


class AnswerLost(Exception):
    """What the platform has done, nobody hears of."""


@dataclass
class Forgetful:
    """Closing an account really deletes it: from then on there is no such account."""

    loses: frozenset[str] = frozenset({"access.close"})
    """Effects of which each first answer is lost."""
    gone: set[str] = field(default_factory=set)
    _lost: set[str] = field(default_factory=set)

    def over(self, platform: Platform) -> Platform:
        return around_ports(platform, self._around)

    async def _around(self, call: Call, act: Act) -> object:
        account_id = _account_of(call)
        if account_id in self.gone:
            raise Refused(RefusalType.ACCOUNT_NOT_FOUND, f"there is no account {account_id!r}")
        answer = await act()
        if call.name == "access.close":
            self.gone.add(account_id)
        key = str((call.options or {}).get("key"))
        if call.name in self.loses and key not in self._lost:
            self._lost.add(key)
            raise AnswerLost(call.name)
        return answer


def _account_of(call: Call) -> str:
    (first, *_) = call.arguments or ("",)
    return first.account_id if isinstance(first, OutgoingMessage) else str(first)
