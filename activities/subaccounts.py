"""Subaccounts go with the account that owns them, each with a record of its own (T4, T5)."""

from uuid import NAMESPACE_URL, uuid5

from temporalio import activity

from activities.holds import refuse_held
from activities.requests import SubaccountStep, SubaccountsToOpen
from closure.errors import RefusalType, Refused
from closure.lifecycle import Stage
from connectors.ports import AccessControl, LegalHolds
from records.closures import ClosureRecords
from records.entries import Entry, EventType, NewClosure, RecordedClosure
from records.personal import ERASED


def subaccount_closure_id(owner_closure_id: str, account_id: str) -> str:
    """The id of a subaccount's own closure record: always the same, never longer than an id may be."""
    return f"closure-{uuid5(NAMESPACE_URL, f'{owner_closure_id}/{account_id}').hex}"


class SubaccountActivities:
    """The records of what stopped with an account, and the end of each of them."""

    def __init__(self, access: AccessControl, holds: LegalHolds, records: ClosureRecords) -> None:
        self._access = access
        self._holds = holds
        self._records = records

    @activity.defn
    async def open_subaccounts(self, request: SubaccountsToOpen) -> int:
        """Opens a record for each, once; returns how many have one.

        What has an open closure of its own is left to that until its data is to be deleted.
        """
        opened = 0
        for account_id in request.subaccounts:
            step = SubaccountStep(
                owner_closure_id=request.closure_id, account_id=account_id, time=request.time
            )
            try:
                await self._open(step)
                opened += 1
            except Refused as refused:
                if refused.type is not RefusalType.CLOSURE_ALREADY_OPEN:
                    raise
                activity.logger.warning("subaccount %s has a closure of its own", account_id)
            activity.heartbeat(account_id)
        return opened

    @activity.defn
    async def begin_subaccount_deletion(self, step: SubaccountStep) -> None:
        """Records that its deletion begins.

        Raises:
            Refused: `LEGAL_HOLD`, or `CLOSURE_ALREADY_OPEN` while it has a closure of its own.
        """
        await refuse_held(self._holds, step.account_id)
        await self._open(step)
        await self._write(step, EventType.DELETION_BEGAN, Stage.RETAINED, Stage.DELETING)

    @activity.defn
    async def note_subaccount_erasure(self, step: SubaccountStep) -> None:
        """Records what was erased; of several tries the first."""
        await self._write(step, EventType.DATA_ERASED, Stage.DELETING)

    @activity.defn
    async def finish_subaccount_deletion(self, step: SubaccountStep) -> None:
        """Deletes its bindings and the account itself, and records that.

        Raises:
            Refused: `LEGAL_HOLD`.
        """
        await refuse_held(self._holds, step.account_id)
        await self._access.delete_bindings(step.account_id, key=f"{self._key(step)}/bindings")
        await self._access.close(
            step.account_id,
            key=f"{self._key(step)}/close",
            time=step.time,
            retained_stores=step.retained_stores,
        )
        await self._write(step, EventType.DELETED, Stage.DELETING, Stage.DELETED)

    async def _open(self, step: SubaccountStep) -> None:
        owner = await self._records.get(step.owner_closure_id)
        if owner is None:
            raise RuntimeError(f"the record has no closure {step.owner_closure_id}")
        snapshot = await self._records.policy_snapshot(step.owner_closure_id)
        await self._records.open(_new_closure(owner, snapshot, step))

    async def _write(
        self, step: SubaccountStep, event: EventType, start: Stage, end: Stage | None = None
    ) -> None:
        await self._records.write(
            Entry(
                closure_id=subaccount_closure_id(step.owner_closure_id, step.account_id),
                key=event.value,
                event=event,
                time=step.time,
                stage_from=start,
                stage_to=end,
                details=step.details,
            )
        )

    def _key(self, step: SubaccountStep) -> str:
        return subaccount_closure_id(step.owner_closure_id, step.account_id)


def _new_closure(owner: RecordedClosure, snapshot: str, step: SubaccountStep) -> NewClosure:
    document = owner.document
    return NewClosure(
        document=document.model_copy(
            update={
                "closure_id": subaccount_closure_id(document.closure_id, step.account_id),
                "account_id": step.account_id,
                "stage": Stage.RETAINED,
                "checklist": (),
                "advice": (),
                "plan_hash": None,
                "refund": None,
                "unrecoverable": (),
                "workflow_id": f"closure/{document.provider}/{step.account_id}",
                "run_id": "",
            }
        ),
        policy_hash=owner.policy_hash,
        policy_snapshot=snapshot,
        # Only what has ended is erased, and the owner has not.
        opened_by=owner.opened_by or ERASED,
        key="opened",
        time=step.time,
        details={"owner": document.account_id, "owner_closure": document.closure_id},
    )
