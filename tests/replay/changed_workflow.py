"""The workflow with one step left out: a change that running closures would not survive."""

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from closure.messages import StatusDocument
from workflows.account_closure import AccountClosure
from workflows.closure_state import NO_INPUT


@workflow.defn(name="AccountClosure")
class SilentlyDeletingClosure(AccountClosure):
    """Tells the customer nothing."""

    @workflow.init
    def __init__(self, raw: RawValue = NO_INPUT) -> None:
        super().__init__(raw)

    @workflow.run
    async def run(self, raw: RawValue = NO_INPUT) -> StatusDocument | None:
        return await super().run(raw)

    async def _notify(self, template: str) -> None:
        return
