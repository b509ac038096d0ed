"""Proofs of identity: each was given for one act, and is bound to one closure; dated by the database, UTC."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from closure.acts import ActKind
from closure.errors import RefusalType, Refused
from closure.messages import IdentityMethod
from records.entries import Proof
from records.rows import is_storable
from records.tables import record_proofs

_PROOF_REQUIRED: Final = "there is no proof of identity that authorises this now; prove it again"
_LONGEST_ID: Final = 200


def bind_proof(
    connection: Connection,
    proof_id: str,
    account_id: str,
    user_id: str,
    closure_id: str,
    max_age: timedelta,
    *,
    door: ActKind,
    now: datetime,
) -> Proof:
    """See `IdentityRecords.consume`."""
    row = _proof_row(connection, proof_id)
    if row is None or (row["account_id"], row["user_id"]) != (account_id, user_id):
        raise proof_required(account_id)
    if row["door"] not in _doors_into(door):
        raise proof_required(account_id)
    if row["closure_id"] == closure_id:
        return _proof_of(row)
    if row["closure_id"] is not None or now - row["created_at"] > max_age:
        raise proof_required(account_id)
    bound = connection.execute(
        update(record_proofs)
        .where(record_proofs.c.proof_id == proof_id, record_proofs.c.closure_id.is_(None))
        .values(closure_id=closure_id)
    )
    if bound.rowcount != 1:
        raise proof_required(account_id)
    return _proof_of({**row, "closure_id": closure_id})


def require_fresh_proof(
    connection: Connection,
    closure_id: str,
    account_id: str,
    user_id: str,
    max_age: timedelta,
    *,
    door: ActKind,
    now: datetime,
) -> None:
    """See `IdentityRecords.require_valid`."""
    newest: datetime | None = connection.scalar(
        select(func.max(record_proofs.c.created_at)).where(
            record_proofs.c.closure_id == closure_id,
            record_proofs.c.account_id == account_id,
            record_proofs.c.user_id == user_id,
            record_proofs.c.door.in_(_doors_into(door)),
        )
    )
    if newest is None or now - newest > max_age:
        raise proof_required(account_id)


def _doors_into(door: ActKind) -> tuple[str, ...]:
    """For which acts a proof may have been given that authorises this one."""
    return (door.value, ActKind.CLOSE.value)


def insert_proof(
    connection: Connection,
    account_id: str,
    user_id: str,
    method: IdentityMethod,
    door: ActKind,
    now: datetime,
) -> Proof:
    proof = Proof(
        proof_id=uuid4().hex,
        account_id=account_id,
        user_id=user_id,
        method=method,
        door=door,
        created_at=now,
    )
    connection.execute(
        insert(record_proofs).values(
            proof_id=proof.proof_id,
            account_id=account_id,
            user_id=user_id,
            method=method.value,
            door=door.value,
            created_at=proof.created_at,
            closure_id=None,
        )
    )
    return proof


def _proof_row(connection: Connection, proof_id: str) -> RowMapping | None:
    if not are_storable(proof_id):
        return None
    query = select(record_proofs).where(record_proofs.c.proof_id == proof_id).with_for_update()
    return (connection.execute(query)).mappings().one_or_none()


def _proof_of(row: Mapping[str, str | datetime | None] | RowMapping) -> Proof:
    return Proof.model_validate(dict(row))


def are_storable(*identifiers: str) -> bool:
    """Whether any row can have these ids of users, accounts or proofs."""
    return all(is_storable(identifier, _LONGEST_ID) for identifier in identifiers)


def proof_required(account_id: str) -> Refused:
    """None of what somebody has proven authorises this."""
    return Refused(RefusalType.IDENTITY_PROOF_REQUIRED, _PROOF_REQUIRED, facts={"account_id": account_id})
