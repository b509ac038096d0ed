"""Something done around every port call or activity, whichever ports and activities there are."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, cast

from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from connectors.ports import Platform

Act = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Call:
    """A port method (``billing.forfeit``) or an activity (``write_off``) with what it is called with."""

    name: str
    arguments: tuple[object, ...] = ()
    options: Mapping[str, object] | None = None

    @property
    def key(self) -> str | None:
        """The idempotency key of what changes something at the other side of the port; None for a read."""
        keys = [getattr(argument, "key", None) for argument in self.arguments]
        found = next((key for key in (*keys, (self.options or {}).get("key")) if key is not None), None)
        return None if found is None else str(found)


Around = Callable[[Call, Act], Awaitable[object]]
"""Calls `act` or not, returns its answer or another, or raises."""


def around_ports(platform: Platform, around: Around) -> Platform:
    """The platform, each port's calls in the hands of `around`; ports to come included.

    Nobody reads past them: many accounts are read one by one.
    """
    # What has a default is no port.
    ports = {port.name: getattr(platform, port.name) for port in fields(platform) if port.default is MISSING}
    wrapped = {name: cast("Any", _Port(port, name, around)) for name, port in ports.items()}
    return replace(platform, accounts=None, **wrapped)


class _Port:
    def __init__(self, inner: object, name: str, around: Around) -> None:
        self._inner = inner
        self._name = name
        self._around = around

    def __getattr__(self, method: str) -> Callable[..., Awaitable[object]]:
        act = cast("Callable[..., Awaitable[object]]", getattr(self._inner, method))

        async def call(*arguments: object, **options: object) -> object:
            return await self._around(
                Call(f"{self._name}.{method}", arguments, options), lambda: act(*arguments, **options)
            )

        return call


class AroundActivities(Interceptor):
    """A worker interceptor that puts every activity in the hands of `around`."""

    def __init__(self, around: Around) -> None:
        self._around = around

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Activity(next, self._around)


class _Activity(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, around: Around) -> None:
        super().__init__(next)
        self._around = around

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: ANN401 - the SDK's signature
        call = Call(input.fn.__name__, tuple(input.args))
        return await self._around(call, lambda: self.next.execute_activity(input))
