"""A closure's row: locked, changed by named steps, each with its audit event in the same transaction."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update

from closure.errors import RefusalType, Refused
from closure.events import Event, Opened
from closure.findings import Change
from closure.lifecycle import Stage
from closure.state import ClosureState
from database.parts import in_parts
from records.anchors import ANCHORED
from records.chain import GENESIS_HASH, seal
from records.entries import AuditEvent
from records.erasure import erase_account, key_for_writing
from records.lookups import closure_row
from records.personal import AccountKey, is_personal, seal_personal
from records.rows import event_columns, require_storable, state_columns, state_of
from records.tables import record_closures, record_events

# Built once: most of what a short statement costs is making it.
_NEW_EVENT: Final = insert(record_events)
_CHANGE: Final = update(record_closures).where(
    record_closures.c.closure_id == bindparam("of"), record_closures.c.stage == bindparam("was")
)


class LockedClosure:
    """A closure's row under its lock, until the transaction ends. Only a write transaction makes one."""

    def __init__(self, connection: Connection, row: RowMapping | Mapping[str, object]) -> None:
        self._connection = connection
        self._event_count = int(str(row["event_count"]))
        self._head_hash = str(row["head_hash"])
        self._key: AccountKey | None = None
        self.anchor_due = None if row["anchor_due"] is None else int(str(row["anchor_due"]))
        self.state = state_of(row)
        self.policy_hash = str(row["policy_hash"])
        self.owner_closure_id = _text(row["owner_closure_id"])
        self.run_id = _text(row["run_id"])

    @property
    def closure_id(self) -> str:
        return self.state.closure_id

    @property
    def account_key(self) -> AccountKey:
        """The key of the account's personal data."""
        if self._key is None:
            self._key = key_for_writing(self._connection, self.state.account_id)
        return self._key

    def apply(self, change: Change, *, time: datetime, actor: str | None = None) -> None:
        """Stores the state after a step, with its audit event.

        Args:
            change: from a transition of `closure.transitions`, of this closure's state.
            time: the closure's clock, UTC.
            actor: the id of the user who did it; None for the engine itself.
        """
        before, self.state = self.state, change.state
        columns: dict[str, object] = {"updated_at": time, **state_columns(change.state)}
        if change.state.stage is not before.stage:
            columns["stage_since"] = time
        if change.event is not None:
            sealed = self._append(change.event, before.stage, change.state.stage, time, actor)
            columns |= {"event_count": sealed.sequence, "head_hash": sealed.hash}
            if change.state.stage in ANCHORED and change.state.stage is not before.stage:
                columns["anchor_due"] = self.anchor_due = sealed.sequence
        changed = self._connection.execute(
            _CHANGE, {"of": self.closure_id, "was": before.stage.value, **columns}
        )
        if changed.rowcount != 1:
            # Can't be under the row's lock; a database that does not lock must not break the chain.
            raise Refused(
                RefusalType.STAGE_CONFLICT, f"closure {self.closure_id} was changed at the same time"
            )
        if change.state.stage is Stage.DELETED:
            erase_account(self._connection, self.state.account_id, time)

    def hold_by(self, run_id: str) -> None:
        """From now on this run holds the closure; steps of any other are refused."""
        self.run_id = run_id
        self._connection.execute(
            update(record_closures)
            .where(record_closures.c.closure_id == self.closure_id)
            .values(run_id=run_id, interrupted_at=None)
        )

    def _append(
        self, event: Event, before: Stage, after: Stage, time: datetime, actor: str | None
    ) -> AuditEvent:
        unsealed = AuditEvent(
            closure_id=self.closure_id,
            sequence=self._event_count + 1,
            event=event.TYPE,
            time=time,
            stage_from=before,
            stage_to=after if after is not before else None,
            actor=actor,
            details=event.details(),
            previous_hash=self._head_hash,
            hash="",
        )
        sealed = seal(seal_personal(unsealed, self.account_key) if is_personal(unsealed) else unsealed)
        self._connection.execute(_NEW_EVENT, event_columns(sealed))
        self._event_count, self._head_hash = sealed.sequence, sealed.hash
        return sealed


def lock_closure(connection: Connection, closure_id: str) -> LockedClosure:
    """The closure, locked for this write transaction.

    Raises:
        Refused: `CLOSURE_NOT_FOUND`.
    """
    row = closure_row(connection, closure_id, lock=True)
    if row is None:
        raise closure_not_found(closure_id)
    return LockedClosure(connection, row)


def insert_closure(
    connection: Connection,
    state: ClosureState,
    *,
    policy_hash: str,
    opened_by: str | None,
    agreement_version: str | None = None,
    owner: ClosureState | None = None,
    run_id: str | None,
    time: datetime,
) -> LockedClosure:
    """A new closure with its first event; a subaccount's is opened by its owner's closure.

    Raises:
        Refused: `CLOSURE_ALREADY_OPEN` when the account has an open closure, which it names;
            `MALFORMED_INPUT` when a text can't be stored.
    """
    require_storable(
        record_closures,
        {
            "closure_id": state.closure_id,
            "account_id": state.account_id,
            "provider": state.provider,
            "policy": state.policy,
            "policy_version": state.policy_version,
        },
    )
    _require_none_open(connection, state.account_id)
    key = key_for_writing(connection, state.account_id)
    opener = key.name(opened_by) if opened_by is not None else None
    pinned = {
        "account_id": state.account_id,
        "provider": state.provider,
        "policy": state.policy,
        "policy_version": state.policy_version,
        "policy_hash": policy_hash,
        "mode": state.mode.value,
    }
    opened = AuditEvent(
        closure_id=state.closure_id,
        sequence=1,
        event=Opened.TYPE,
        time=time,
        stage_from=None,
        stage_to=state.stage,
        actor=opened_by,
        details=Opened(
            account_id=state.account_id,
            provider=state.provider,
            policy=state.policy,
            policy_version=state.policy_version,
            policy_hash=policy_hash,
            mode=state.mode,
            opened_by=opener,
            agreement_version=agreement_version,
            owner=owner.account_id if owner else None,
            owner_closure=owner.closure_id if owner else None,
        ).details(),
        previous_hash=GENESIS_HASH,
        hash="",
    )
    sealed = seal(seal_personal(opened, key))
    row = {
        **pinned,
        "closure_id": state.closure_id,
        "owner_closure_id": owner.closure_id if owner else None,
        "workflow_id": state.workflow_id,
        "run_id": run_id,
        "opened_by": opener,
        "opened_at": time,
        "updated_at": time,
        "stage_since": time,
        "interrupted_at": None,
        "event_count": 1,
        "head_hash": sealed.hash,
        "anchor_due": 1 if state.stage in ANCHORED else None,
        **state_columns(state),
    }
    connection.execute(insert(record_closures).values(row))
    connection.execute(insert(record_events).values(event_columns(sealed)))
    return LockedClosure(connection, row)


def open_closure_id(connection: Connection, account_id: str) -> str | None:
    """The account's closure that has no outcome yet; there is at most one."""
    found: str | None = connection.scalar(
        select(record_closures.c.closure_id).where(
            record_closures.c.account_id == account_id, record_closures.c.outcome.is_(None)
        )
    )
    return found


def open_workflow_ids(connection: Connection, account_ids: Iterable[str]) -> tuple[str, ...]:
    """Workflow ids of the open closures that these accounts have of their own."""
    row = record_closures.c
    found: list[str] = []
    for part in in_parts(account_ids):
        query = select(row.workflow_id).where(
            row.account_id.in_(part), row.outcome.is_(None), row.owner_closure_id.is_(None)
        )
        found += connection.scalars(query)
    return tuple(found)


def closure_not_found(closure_id: str) -> Refused:
    return Refused(
        RefusalType.CLOSURE_NOT_FOUND,
        f"the record has no closure {closure_id}",
        facts={"closure_id": closure_id},
    )


def _require_none_open(connection: Connection, account_id: str) -> None:
    other = open_closure_id(connection, account_id)
    if other is not None:
        raise Refused(
            RefusalType.CLOSURE_ALREADY_OPEN,
            f"account {account_id} already has an open closure: {other}",
            facts={"account_id": account_id, "closure_id": other},
        )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
