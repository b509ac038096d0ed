"""The workflow with one step left out: a change that running closures would not survive."""

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from closure.state import ClosureView
from workflows.account_closure import AccountClosure
from workflows.received import NO_INPUT


@workflow.defn(name="AccountClosure")
class HastyClosure(AccountClosure):
    """Goes to the final check at once."""

    @workflow.init
    def __init__(self, raw: RawValue = NO_INPUT) -> None:
        super().__init__(raw)

    @workflow.run
    async def run(self, raw: RawValue = NO_INPUT) -> ClosureView | None:
        return await super().run(raw)

    async def _keep_silent(self) -> None:
        await self._finish("Final check, without any silence before it")
