"""The brake as operators use it: on or off, for the installation, a provider or one closure."""

from collections.abc import Collection
from typing import Final, Self

from closure.errors import RefusalType, Refused
from closure.model import WireModel
from records import brakes
from records.brakes import Brake, BrakeScope
from records.reading import ClosureRecords
from records.record import Record

LONGEST_REASON: Final = 500
"""Characters of a brake's reason."""


class BrakeTarget(WireModel):
    """What a brake is for; `name` is a provider or a closure id, empty for the whole installation."""

    scope: BrakeScope = BrakeScope.INSTALLATION
    name: str = ""

    @classmethod
    def of_provider(cls, provider: str) -> Self:
        return cls(scope=BrakeScope.PROVIDER, name=provider)

    @classmethod
    def of_closure(cls, closure_id: str) -> Self:
        return cls(scope=BrakeScope.CLOSURE, name=closure_id)


class Brakes:
    """Needs no Temporal: whoever opens a step reads the record.

    Args:
        record: of the installation.
        providers: that the policies are for; a brake on any other would stop nothing.
    """

    def __init__(self, record: Record, providers: Collection[str]) -> None:
        self._record = record
        self._providers = providers

    async def on(self) -> tuple[Brake, ...]:
        """All that are on, oldest first."""
        return await self._record.read(brakes.brakes_on)

    async def put_on(self, target: BrakeTarget, reason: str) -> bool:
        """Puts it on; one that is on already stays as it is. Whether it was off.

        Raises:
            Refused: `CLOSURE_NOT_FOUND` or `POLICY_NOT_FOUND` when there is nothing that it could stop.
        """
        await self._require_known(target)
        return await self._record.write(lambda each: brakes.put_on(each, target.scope, target.name, reason))

    async def lift(self, target: BrakeTarget, reason: str) -> bool:
        """Lifts exactly this one; whether it was on."""
        return await self._record.write(lambda each: brakes.lift(each, target.scope, target.name, reason))

    async def _require_known(self, target: BrakeTarget) -> None:
        if target.scope is BrakeScope.PROVIDER and target.name not in self._providers:
            raise Refused(
                RefusalType.POLICY_NOT_FOUND,
                f"no policy is for accounts of {target.name!r}",
                facts={"providers": [*sorted(self._providers)]},
            )
        if target.scope is not BrakeScope.CLOSURE:
            return
        if await ClosureRecords(self._record).get(target.name) is None:
            raise Refused(
                RefusalType.CLOSURE_NOT_FOUND,
                f"there is no closure {target.name}",
                facts={"closure_id": target.name},
            )
