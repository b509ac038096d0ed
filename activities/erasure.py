"""Erasing customer data: erased is when a fresh read finds nothing (A22)."""

from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from heapq import merge
from itertools import groupby, islice
from operator import attrgetter
from typing import Final

from pydantic import TypeAdapter
from temporalio import activity

from activities.gone import unless_gone
from activities.heartbeats import heartbeat
from activities.held import HeldClosure, Writing
from activities.log_context import log_error
from closure.accounts import DataStore
from closure.certificate import store_reference
from closure.errors import Refused
from closure.events import NamedStore, StoreEvidence
from closure.findings import Change
from closure.identifiers import effect_key
from closure.long_lists import in_order
from closure.plan import PlannedErasure
from closure.policy import Policy
from closure.steps import Step
from closure.visible_text import printable
from connectors.faults import StillAtWork, Unavailable
from connectors.ports import DataStores, MustRetain
from records.erasures import answered_retained, data_erased, note_erasures, noted_references
from records.steps import find_step

PAGE: Final = 100
"""Stores between two notes of what is erased."""
LONGEST_GROUND: Final = 1_000
FAILURES: Final = 10
"""So many stores that fail end an attempt."""
NAMED: Final = 5
_IDS: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[str, ...])


class NotErased(Unavailable):
    """Stores that are not erased yet, named by kind and reference; every other one is. Retried.

    `retry_after` is when the first of them may be, where all say so; `why` the kind of error of the first.
    """

    def __init__(self, message: str, why: str, *, retry_after: timedelta | None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.why = why


class Erasure:
    """Every store that the account has at that moment, planned or not, but for what the law keeps."""

    def __init__(self, data_stores: DataStores) -> None:
        self._data_stores = data_stores

    async def erase(self, closure: HeldClosure, planned: Sequence[PlannedErasure]) -> None:
        """Erases store by store and reads each again. Evidence of what an earlier attempt erased is kept.

        Args:
            closure: of the account.
            planned: the stores of the plan: what was erased before is listed no more.

        Raises:
            MustWait: a hold forbids it, or a brake is on.
            NotErased: stores fail, or take their time; all others are erased.
        """
        await closure.effect(Step.ERASE, lambda opened: self._erase_all(closure, planned), _record)

    async def _erase_all(self, closure: HeldClosure, planned: Sequence[PlannedErasure]) -> "_Stores":
        listed = await unless_gone(self._data_stores.stores(closure.account_id), ())
        stores = _Stores(closure.policy, planned, listed)
        remaining, left = iter(stores), _Left()
        while not left.is_hopeless and (page := list(islice(remaining, PAGE))):
            await self._erase_page(closure, page, left)
        left.require_none()
        return stores

    async def _erase_page(self, closure: HeldClosure, page: list["_Store"], left: "_Left") -> None:
        """Evidence of a page that breaks off is found again by the keys of its effects."""
        references = [store_reference(closure.closure_id, each.store_id) for each in page]
        noted = await closure.read(lambda each: noted_references(each, closure.closure_id, references))
        found: list[StoreEvidence] = []
        for store, reference in zip(page, references, strict=True):
            if reference in noted:
                continue
            heartbeat(len(found))
            evidence = StoreEvidence(
                reference=reference, store=store.kind, objects=store.objects, retained_as=store.retained_as
            )
            if store.retained_as is None:
                await closure.require_no_hold()
                try:
                    evidence = await erased_unless_kept(self._erase(closure, store.store_id), evidence)
                except Refused:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever fails for one, the others are erased
                    left.note(evidence, error)
                    if left.is_hopeless:
                        break
                    continue
            found.append(evidence)
        await closure.write(lambda writing: note_erasures(writing.connection, closure.closure_id, found))

    async def _erase(self, closure: HeldClosure, store_id: str) -> int:
        account_id = closure.account_id
        key = effect_key(closure.closure_id, "erase", store_id)
        objects = await unless_gone(self._data_stores.erase(account_id, store_id, key=key), 0)
        remaining = await unless_gone(self._data_stores.remaining_objects(account_id, store_id), 0)
        if remaining:
            raise StillAtWork(f"a store still has {remaining} objects")
        return objects


class _Left:
    """The stores that one attempt has not erased."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._whys: list[str] = []
        self._pauses: list[timedelta | None] = []
        self._failures = 0

    def note(self, store: StoreEvidence, error: Exception) -> None:
        name = f"{printable(store.store)} {store.reference}"
        if not isinstance(error, StillAtWork):
            self._failures += 1
            activity.logger.warning("a data store fails", extra={"store": name, **log_error(error)})
        self._names.append(name)
        self._whys.append(type(error).__name__)
        self._pauses.append(error.retry_after if isinstance(error, Unavailable) else None)

    @property
    def is_hopeless(self) -> bool:
        """Whether so many fail that it is not the stores."""
        return self._failures >= FAILURES

    def require_none(self) -> None:
        """Raises `NotErased`."""
        if not self._names:
            return
        pauses = [each for each in self._pauses if each is not None]
        raise NotErased(
            f"{len(self._names)} data stores are not erased yet: {', '.join(self._names[:NAMED])}",
            self._whys[0],
            retry_after=min(pauses) if len(pauses) == len(self._pauses) else None,
        )


async def erased_unless_kept(erasing: Awaitable[int], evidence: StoreEvidence) -> StoreEvidence:
    """`evidence` of a store with what has become of it: so many objects are erased, or it must be kept."""
    try:
        return evidence.model_copy(update={"objects": await erasing})
    except MustRetain as kept:
        return StoreEvidence(**{**dict(evidence), "ground": ground_of(kept), "until": kept.until})


def ground_of(kept: MustRetain) -> str:
    """Why, in one line of what people can see."""
    return " ".join(printable(kept.because).split())[:LONGEST_GROUND] or "the provider does not say"


@dataclass(frozen=True)
class _Store:
    """One that was planned, or is listed; what isn't there any more has no objects."""

    store_id: str
    kind: str
    objects: int
    retained_as: str | None = None


@dataclass(frozen=True)
class _Stores:
    """All stores by id. As they are listed counts, not as they were planned."""

    policy: Policy
    planned: Sequence[PlannedErasure]
    listed: Sequence[DataStore]

    def __iter__(self) -> Iterator[_Store]:
        by_id = attrgetter("store_id")
        planned = (_Store(each.store_id, each.store, 0) for each in in_order(self.planned, by_id))
        listed = (
            _Store(each.store_id, each.store, each.objects, self._retention(each.store))
            for each in in_order(self.listed, by_id)
        )
        for _, same in groupby(merge(planned, listed, key=by_id), by_id):
            *_, last = same  # of equal ones `merge` gives those of its last argument last
            yield last

    def _retention(self, kind: str) -> str | None:
        kept = self.policy.retains(kind)
        return kept.name if kept else None


async def retained_stores(closure: HeldClosure) -> tuple[str, ...]:
    """Ids of the stores that the erasure left where they are."""
    step = await closure.read(lambda each: find_step(each, closure.closure_id, Step.ERASE))
    return _IDS.validate_json(step.result) if step is not None and step.result else ()


def _record(writing: Writing, stores: _Stores) -> str:
    """Those who are shown the event before the account is gone see its few stores by their ids."""
    closure_id = writing.closure.closure_id
    answered = {each.reference for each in answered_retained(writing.connection, closure_id)}
    kept = tuple(
        each.store_id
        for each in stores
        if each.retained_as is not None
        or (answered and store_reference(closure_id, each.store_id) in answered)
    )
    event = data_erased(writing.connection, closure_id)
    if event.stores_sum is None:
        ids = {store_reference(closure_id, each.store_id): each.store_id for each in stores}
        named = tuple(
            NamedStore(store_id=ids[each.reference], store=each.store, objects=each.objects)
            for each in event.erased_stores
            if each.reference in ids
        )
        event = event.model_copy(update={"stores": named, "kept": kept})
    writing.apply(Change(writing.state, event))
    return _IDS.dump_json(kept).decode()
