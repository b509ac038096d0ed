"""What one run knows, and the guards that every customer action passes."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from activities.requests import Authorization, OpenedClosure, SurveyResult
    from closure.errors import RefusalType
    from closure.lifecycle import IRREVOCABLE, UNCONFIRMED, Stage
    from closure.messages import ChecklistItem, CloseRequest, StatusDocument
    from workflows.progress import AccountClosureInput, ClosureProgress
    from workflows.refusals import refusal

NO_INPUT = RawValue(Payload())


class ClosureState:
    """State of one run, and the guards of customer actions."""

    def __init__(self, raw: RawValue) -> None:
        # Decoding here would fail the workflow task for ever; `run` decodes and can fail the workflow.
        self._raw = raw
        self._input: AccountClosureInput | None = None
        self._request: CloseRequest | None = None
        self._opened: OpenedClosure | None = None
        self._progress: ClosureProgress | None = None
        self._recheck_requested = False
        self._waiting_for: str | None = None
        self._shown: tuple[Stage, datetime | None] | None = None
        self._turn = asyncio.Lock()
        """Held by the one customer action or survey that is under way."""
        self._writing = asyncio.Lock()
        """Held by the one write to the record that is under way."""

    def _decode_input(self) -> AccountClosureInput:
        try:
            decoded = workflow.payload_converter().from_payload(self._raw.payload, AccountClosureInput)
            return AccountClosureInput.model_validate(decoded)
        except (ValidationError, ValueError, TypeError, RuntimeError, KeyError) as error:
            raise refusal(
                RefusalType.MALFORMED_INPUT,
                "the closure's input is not a ClosureInput; start closures with starter.py close",
            ) from error

    def _continue_from(self, progress: ClosureProgress | None) -> None:
        if progress is not None:
            document = progress.document.model_copy(update={"run_id": workflow.info().run_id})
            self._progress = progress.model_copy(update={"document": document})
            self._waiting_for = progress.waiting_for
            self._recheck_requested |= progress.recheck_requested

    # State.

    @property
    def _state(self) -> ClosureProgress:
        assert self._progress is not None, "the closure has not been opened"
        return self._progress

    @property
    def _document(self) -> StatusDocument:
        return self._state.document

    @property
    def _stage(self) -> Stage:
        return self._document.stage

    @property
    def _confirmed_at(self) -> datetime:
        assert self._document.confirmed_at is not None, "not confirmed"
        return self._document.confirmed_at

    @property
    def _entering_since(self) -> datetime:
        """When the irrevocable part began: with confirm, or when the cool-off was over."""
        return self._state.cool_off_until or self._confirmed_at

    def _update(self, changes: Mapping[str, object]) -> None:
        self._progress = self._state.model_copy(update=dict(changes))

    # Guards of customer actions.

    def _authorization(self, actor: str, proof_id: str | None, *, approves: bool = False) -> Authorization:
        return Authorization(
            closure_id=self._document.closure_id,
            account_id=self._document.account_id,
            actor=actor,
            proof_id=proof_id,
            approves=approves,
        )

    def _require_approval(self, survey: SurveyResult, actor: str) -> None:
        """Under a policy that asks for it, somebody else must have approved this very plan."""
        if not survey.needs_approval:
            return
        approval = self._state.policy.approval
        others = set(self._state.approved_by) - {actor}
        if self._state.approved_plan != survey.plan_hash or not others:
            roles = " or ".join(approval.roles) if approval else ""
            raise refusal(
                RefusalType.APPROVAL_REQUIRED,
                f"the account is of high value: another user with role {roles} must approve the plan first: "
                f"`starter.py approve ACCOUNT --as USER --plan-hash {survey.plan_hash}`",
            )

    def _require_current_plan(self, plan_hash: str) -> None:
        if plan_hash != self._document.plan_hash:
            raise refusal(
                RefusalType.STALE_PLAN_HASH,
                "this plan hash is not of the current plan; look at `starter.py status` and approve that",
            )

    def _require_revocable(self) -> None:
        if self._progress is None:
            raise refusal(RefusalType.NOT_READY, "the closure is still being opened; try again in a moment")
        if self._stage in IRREVOCABLE:
            raise refusal(
                RefusalType.IRREVOCABLE, "the closure has been confirmed; nothing can change or stop it now"
            )
        expired = self._stage in UNCONFIRMED and workflow.now() >= self._state.draft_until
        if self._document.outcome is not None or expired:
            raise refusal(
                RefusalType.CLOSURE_ENDED, "the closure has ended; open a new one with starter.py close"
            )

    def _require_unconfirmed(self) -> None:
        if self._stage is Stage.COOLING_OFF:
            raise refusal(
                RefusalType.ALREADY_CONFIRMED,
                "the closure has been confirmed and cools off; until that ends it can be withdrawn",
            )

    def _require_ready(self) -> None:
        self._require_revocable()
        self._require_unconfirmed()
        if self._stage is Stage.BLOCKED:
            count = sum(item.blocks for item in self._document.checklist)
            raise refusal(
                RefusalType.ITEMS_OUTSTANDING,
                f"{count} items still block the closure; handle or renounce them, then recheck",
            )
        if self._stage is not Stage.READY:
            raise refusal(
                RefusalType.NOT_READY, "the system check is still running; try again when it is done"
            )

    def _was_opened_in_an_earlier_run(self) -> bool:
        return self._progress is not None and self._opened is None

    def _already_handled(self) -> bool:
        """Whether this update was answered in an earlier run of the same closure."""
        update = workflow.current_update_info()
        return update is not None and update.id in self._state.handled_updates

    def _finish_update(self) -> StatusDocument:
        update = workflow.current_update_info()
        if update is not None:
            self._update({"handled_updates": (*self._state.handled_updates, update.id)})
        return self._document


def stage_after(items: tuple[ChecklistItem, ...]) -> Stage:
    """Where a survey leads: blocked while anything blocks."""
    return Stage.BLOCKED if any(item.blocks for item in items) else Stage.READY
