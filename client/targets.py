"""What is needed to reach or to start the workflow of one closure."""

from dataclasses import dataclass
from typing import Self

from closure.identifiers import workflow_id_of
from closure.lifecycle import Mode, Stage
from records.entries import RecordedClosure


@dataclass(frozen=True)
class ClosureTarget:
    """One closure, as its start names it in the Web UI."""

    closure_id: str
    account_id: str
    provider: str
    policy: str
    mode: Mode
    stage: Stage

    @classmethod
    def of(cls, closure: RecordedClosure) -> Self:
        state = closure.state
        return cls(
            closure_id=state.closure_id,
            account_id=state.account_id,
            provider=state.provider,
            policy=state.policy,
            mode=state.mode,
            stage=state.stage,
        )

    @property
    def workflow_id(self) -> str:
        return workflow_id_of(self.provider, self.account_id)
