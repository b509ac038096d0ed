"""Evidence of erasures: a row for each data store, and their sum with the hash of the whole list."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from sqlalchemy import ColumnElement, Connection, insert, select

from closure.canonical import canonical_json
from closure.certificate import STORES_LISTED, StoresSum
from closure.events import DataErased, StoreEvidence
from database.parts import in_parts, row_by_row
from records.tables import record_erasures


def note_erasures(connection: Connection, closure_id: str, stores: Iterable[StoreEvidence]) -> None:
    """Keeps what is not there yet: what was found first is the evidence."""
    for some in in_parts(stores):
        known = noted_references(connection, closure_id, [each.reference for each in some])
        new = [
            {"closure_id": closure_id, **each.model_dump()} for each in some if each.reference not in known
        ]
        if new:
            connection.execute(insert(record_erasures), new)


def noted_references(connection: Connection, closure_id: str, references: Sequence[str]) -> frozenset[str]:
    """Those of the references whose stores there is evidence of."""
    row = record_erasures.c
    noted = (
        connection.scalars(select(row.reference).where(row.closure_id == closure_id, row.reference.in_(some)))
        for some in in_parts(references)
    )
    return frozenset(chain.from_iterable(noted))


def read_erasures(
    connection: Connection, closure_id: str, *, limit: int | None = None
) -> Iterator[StoreEvidence]:
    """By reference: in the order in which the list is hashed."""
    return _read(connection, closure_id, limit)


def _read(
    connection: Connection, closure_id: str, limit: int | None, *wanted: ColumnElement[bool]
) -> Iterator[StoreEvidence]:
    row = record_erasures.c
    query = (
        select(row.reference, row.store, row.objects, row.retained_as, row.ground, row.until)
        .where(row.closure_id == closure_id, *wanted)
        .order_by(row.reference)
        .limit(limit)
    )
    for found in row_by_row(connection, query).mappings():
        yield StoreEvidence.model_validate(dict(found))


def answered_retained(
    connection: Connection, closure_id: str, *, limit: int | None = None
) -> Sequence[StoreEvidence]:
    """Those that the provider's system has to keep as it says itself, by reference."""
    return [*_read(connection, closure_id, limit, record_erasures.c.ground.is_not(None))]


def data_erased(connection: Connection, closure_id: str) -> DataErased:
    """The event: it lists few stores and sums up many; the record has the list.

    Of many it lists those that nobody could expect to be kept, up to as many.
    """
    found = tuple(read_erasures(connection, closure_id, limit=STORES_LISTED + 1))
    if len(found) > STORES_LISTED:
        return DataErased(
            stores_sum=sum_of_erasures(connection, closure_id),
            retained_stores=tuple(answered_retained(connection, closure_id, limit=STORES_LISTED)),
        )
    return DataErased(
        erased_stores=tuple(each for each in found if not each.is_kept),
        retained_stores=tuple(each for each in found if each.is_kept),
    )


def sum_of_erasures(connection: Connection, closure_id: str) -> StoresSum:
    """Counts by kind, and the hash of all lines of the list."""
    erased: Counter[str] = Counter()
    retained: Counter[str] = Counter()
    objects = 0
    digest = hashlib.sha256()
    for each in read_erasures(connection, closure_id):
        (retained if each.is_kept else erased)[each.store] += 1
        objects += 0 if each.is_kept else each.objects
        digest.update(evidence_line(each))
    return StoresSum(
        erased=dict(sorted(erased.items())),
        retained=dict(sorted(retained.items())),
        objects=objects,
        list_hash=digest.hexdigest(),
    )


def evidence_line(store: StoreEvidence) -> bytes:
    """One line of the list that the hash is over: canonical JSON and a line feed.

    The ground and its end stand there only where there is one: lists that are certified have neither.
    """
    left_out = {"ground", "until"} if store.ground is None else set()
    return canonical_json(store.model_dump(mode="json", exclude=left_out)).encode() + b"\n"


def evidence_list(stores: Iterable[StoreEvidence]) -> bytes:
    """The whole list, as it is given out."""
    return b"".join(evidence_line(each) for each in stores)
