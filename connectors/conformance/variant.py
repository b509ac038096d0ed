"""A platform with one fault in it: what a rule has to catch."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from connectors.ports import Platform

Ask = Callable[..., Awaitable[object]]


@dataclass
class Call:
    """One call of a port, and the right way to answer it."""

    platform: Platform
    name: str
    arguments: tuple[object, ...]
    options: Mapping[str, object]
    seen: dict[object, object] = field(default_factory=dict)
    """The variant's memory, over all its calls."""

    async def right(self, *arguments: object, **options: object) -> object:
        """The right answer, to other arguments where some are given."""
        port, _, method = self.name.partition(".")
        ask: Ask = getattr(getattr(self.platform, port), method)
        return await ask(*(arguments or self.arguments), **{**self.options, **options})

    @property
    def account_id(self) -> str:
        return str(self.arguments[0])


Wrong = Callable[[Call], Awaitable[object]]


@dataclass(frozen=True)
class Variant:
    """`calls` are answered by `wrong`; the rule `breaks` has to say so."""

    name: str
    breaks: str
    calls: tuple[str, ...]
    wrong: Wrong

    def over(self, platform: Platform) -> Platform:
        """The platform with this fault."""
        seen: dict[object, object] = {}
        names = {call.partition(".")[0] for call in self.calls}
        ports = {name: cast("Any", _Port(platform, name, self, seen)) for name in names}
        return replace(platform, **ports)


class _Port:
    def __init__(self, platform: Platform, name: str, variant: Variant, seen: dict[object, object]) -> None:
        self._platform = platform
        self._name = name
        self._variant = variant
        self._seen = seen

    def __getattr__(self, method: str) -> Ask:
        right: Ask = getattr(getattr(self._platform, self._name), method)
        name = f"{self._name}.{method}"
        if name not in self._variant.calls:
            return right

        async def ask(*arguments: object, **options: object) -> object:
            return await self._variant.wrong(Call(self._platform, name, arguments, options, self._seen))

        return ask
