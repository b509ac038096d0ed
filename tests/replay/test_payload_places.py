"""Where the payloads of our workflow belong is told as the SDK itself tells it."""

from typing import TYPE_CHECKING

from temporalio.converter import ActivitySerializationContext, SerializationContext
from temporalio.worker import Replayer, WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from bootstrap import PASSED_THROUGH
from keys.data_converter import build_data_converter
from temporal.workflow_runner import PlacingRunner, _Placed
from tests.replay.recorded import HISTORIES, read
from workflows.account_closure import AccountClosure

if TYPE_CHECKING:
    from temporalio.worker._command_aware_visitor import CommandInfo

Compared = list[tuple[SerializationContext | None, SerializationContext | None]]


class _Comparing(_Placed):
    """Asks the sandbox, too."""

    compared: Compared

    def get_serialization_context(self, command_info: "CommandInfo | None") -> SerializationContext | None:
        ours = super().get_serialization_context(command_info)
        self.compared.append((ours, self._instance.get_serialization_context(command_info)))
        return ours


class _ComparingRunner(PlacingRunner):
    def __init__(self, runner: WorkflowRunner) -> None:
        super().__init__(runner)
        self.compared: Compared = []

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        instance = _Comparing(self._runner.create_instance(det), det.info)
        instance.compared = self.compared
        return instance


async def test_every_payload_belongs_where_the_sdk_says() -> None:
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    runner = _ComparingRunner(SandboxedWorkflowRunner(restrictions=restrictions))
    replayer = Replayer(
        workflows=[AccountClosure], data_converter=build_data_converter(), workflow_runner=runner
    )
    for name in ("deleted", "restored"):
        await replayer.replay_workflow(read(HISTORIES / f"{name}.json"))
    assert any(isinstance(ours, ActivitySerializationContext) for ours, _ in runner.compared)
    for ours, theirs in runner.compared:
        assert ours == theirs
