"""Long lists held packed: an account may have a hundred thousand things, and its plan names each of them."""

import base64
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, islice, pairwise, zip_longest
from typing import Final, Generic, TypeVar, get_origin, overload

from pydantic import (
    BaseModel,
    GetCoreSchemaHandler,
    SerializationInfo,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
)
from pydantic_core import CoreSchema
from pydantic_core.core_schema import (
    SerializerFunctionWrapHandler,
    no_info_wrap_validator_function,
    wrap_serializer_function_ser_schema,
)

Thing = TypeVar("Thing")

PART: Final = 500
"""So many things are in hand at a time. A list that is no longer is a plain tuple."""
PACKED: Final = {"long lists": "packed"}
"""Context of a dump for the record, which keeps long lists as they are."""


class Long(Generic[Thing]):
    """Annotates a sequence of `kind` that may be long: ``Annotated[Sequence[str], Long(str)]``.

    Any iterable will do as its value, and is gone through once: up to `PART` things become a tuple, more a
    `LongList`.
    """

    def __init__(self, kind: type[Thing], key: Callable[[Thing], str] | None = None) -> None:
        self._kind = kind
        self.key = key
        """What a list of these is in the order of, if it is in order; None where that is of no interest."""

    def of(self, things: Iterable[Thing]) -> Sequence[Thing]:
        """The things, packed if there are many."""
        if isinstance(things, LongList):
            return things
        growing = self.growing()
        remaining = iter(things)
        while part := list(islice(remaining, PART)):
            growing.extend(self._adapter.validate_python(part))
        return growing.packed()

    def growing(self) -> "GrowingList[Thing]":
        """An empty list to append to."""
        return GrowingList(self)

    def pack(self, part: Sequence[Thing]) -> bytes:
        """Compressed JSON: a line of things, then one for each field that they don't write themselves.

        The lowest level halves the time and costs little here, where names are alike.
        """
        lines = [self._adapter.dump_json([*part])]
        for name, values in self._unwritten.items():
            lines.append(values.dump_json([getattr(each, name) for each in part]))
        return zlib.compress(b"\n".join(lines), 1)

    def unpack(self, part: bytes) -> list[Thing]:
        first, *more = zlib.decompress(part).split(b"\n")
        things = self._adapter.validate_json(first)
        # What was packed before they were kept has no such lines.
        for (name, values), line in zip(self._unwritten.items(), more, strict=False):
            said = values.validate_json(line)
            things = [_complete(thing, {name: value}) for thing, value in zip(things, said, strict=True)]
        return things

    @cached_property
    def _adapter(self) -> TypeAdapter[list[Thing]]:
        return TypeAdapter(list[self._kind])  # type: ignore[name-defined] # known when the program runs

    @cached_property
    def _unwritten(self) -> Mapping[str, TypeAdapter[list[object]]]:
        """Fields that are left out of what goes outside, but belong to a thing all the same."""
        if get_origin(self._kind) is not None or not issubclass(self._kind, BaseModel):
            return {}
        fields = self._kind.model_fields.items()
        return {name: TypeAdapter(list[each.annotation]) for name, each in fields if each.exclude}  # type: ignore[name-defined]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        short = handler.generate_schema(tuple[self._kind, ...])  # type: ignore[name-defined]
        return no_info_wrap_validator_function(
            self._read,
            short,
            serialization=wrap_serializer_function_ser_schema(self._write, info_arg=True, schema=short),
        )

    def _read(self, value: object, read_short: ValidatorFunctionWrapHandler) -> Sequence[Thing]:
        if isinstance(value, LongList):
            return value
        if isinstance(value, Mapping) and value.keys() == {"parts"}:
            return self._of_parts(value["parts"])
        is_short = isinstance(value, tuple | list) and len(value) <= PART
        if is_short or isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            things: tuple[Thing, ...] = read_short(value)
            return things
        return self.of(value)

    def _of_parts(self, parts: Iterable[str]) -> "LongList[Thing]":
        try:
            return LongList(self, [base64.b64decode(part) for part in parts])
        except (zlib.error, TypeError, IndexError) as error:
            raise ValueError("these are not the parts of a list") from error

    def _write(
        self, value: Sequence[Thing], write_short: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> object:
        if not isinstance(value, LongList):
            return write_short(value)
        if info.context == PACKED:
            return {"parts": [base64.b64encode(part).decode() for part in value.parts]}
        return write_short(tuple(value))


def _complete(thing: Thing, fields: Mapping[str, object]) -> Thing:
    assert isinstance(thing, BaseModel)
    return thing.model_copy(update=fields)


class LongList(Sequence[Thing]):
    """Things in their order, packed in parts; whoever goes through them has one part in hand at a time."""

    def __init__(self, kind: Long[Thing], parts: Iterable[bytes], *, is_in_order: bool | None = None) -> None:
        self._kind = kind
        self.parts = tuple(parts)
        """All hold `PART` things but the last, which may hold fewer."""
        self._is_in_order = is_in_order
        self._length = PART * (len(self.parts) - 1) + len(kind.unpack(self.parts[-1]))

    @property
    def is_in_order(self) -> bool:
        """Whether the key of its kind rises from each thing to the next; looked at once."""
        if self._is_in_order is None:
            self._is_in_order = self._kind.key is not None and _rises(map(self._kind.key, self))
        return self._is_in_order

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Thing]:
        for part in self.parts:
            yield from self._kind.unpack(part)

    @overload
    def __getitem__(self, place: int) -> Thing: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Thing, ...]: ...
    def __getitem__(self, place: int | slice) -> Thing | tuple[Thing, ...]:
        if isinstance(place, slice):
            return tuple(self)[place] if (place.step or 1) < 0 else self._slice(*place.indices(len(self)))
        found = range(len(self))[place]
        return self._kind.unpack(self.parts[found // PART])[found % PART]

    def _slice(self, start: int, stop: int, step: int) -> tuple[Thing, ...]:
        first = start // PART
        later = chain.from_iterable(map(self._kind.unpack, self.parts[first:]))
        return tuple(islice(later, start - first * PART, max(stop, start) - first * PART, step))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LongList):
            return self.parts == other.parts
        if not isinstance(other, tuple) or len(self) != len(other):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(self.parts)

    def __repr__(self) -> str:
        return f"<{len(self)} things>"


class GrowingList(Generic[Thing]):
    """A long list that is not complete; only its last part is not packed yet."""

    def __init__(self, kind: Long[Thing]) -> None:
        self._kind = kind
        self._parts: list[bytes] = []
        self._last: list[Thing] = []
        self._last_key: str | None = None
        self._is_in_order = kind.key is not None

    def append(self, thing: Thing) -> None:
        if self._is_in_order and self._kind.key is not None:
            key = self._kind.key(thing)
            self._is_in_order = self._last_key is None or self._last_key < key
            self._last_key = key
        if len(self._last) == PART:
            self._parts.append(self._kind.pack(self._last))
            self._last = []
        self._last.append(thing)

    def extend(self, things: Iterable[Thing]) -> None:
        for each in things:
            self.append(each)

    def packed(self) -> Sequence[Thing]:
        """All that it has by now."""
        if not self._parts:
            return tuple(self._last)
        parts = [*self._parts, self._kind.pack(self._last)]
        return LongList(self._kind, parts, is_in_order=self._is_in_order)


def in_order(things: Sequence[Thing], key: Callable[[Thing], str]) -> Iterable[Thing]:
    """The things by key, of long lists that of their kind. What is not in order yet is in hand as a whole."""
    return things if is_in_order(things, key) else sorted(things, key=key)


def is_in_order(things: Sequence[Thing], key: Callable[[Thing], str]) -> bool:
    """Whether each key is greater than the one before; so no two are alike."""
    return things.is_in_order if isinstance(things, LongList) else _rises(map(key, things))


def _rises(keys: Iterable[str]) -> bool:
    return all(before < after for before, after in pairwise(keys))


def differing(
    before: Iterable[Thing], after: Iterable[Thing], key: Callable[[Thing], object]
) -> Iterator[tuple[Thing | None, Thing | None]]:
    """What the two don't have alike: ``(old, new)`` with one key, ``(old, None)`` and ``(None, new)``.

    In whatever order they are; what is at about the same place in both is in hand only for a moment. Keys are
    unique in each, and no thing is None.
    """
    if isinstance(before, LongList) and before == after:
        return
    gone: dict[object, Thing] = {}
    come: dict[object, Thing] = {}
    for old, new in zip_longest(before, after):
        if old is not None:
            gone[key(old)] = old
        if new is not None:
            come[key(new)] = new
        for name in {key(each) for each in (old, new) if each is not None}:
            if name in gone and name in come:
                pair = gone.pop(name), come.pop(name)
                if pair[0] != pair[1]:
                    yield pair
    yield from ((old, None) for old in gone.values())
    yield from ((None, new) for new in come.values())


def added(before: Iterable[Thing], after: Iterable[Thing], key: Callable[[Thing], str]) -> Iterator[Thing]:
    """What `after` has and `before` doesn't, by key; of what has gone only the keys are in hand."""
    if isinstance(before, LongList) and before == after:
        return
    gone: set[str] = set()
    come: dict[str, Thing] = {}
    for old, new in zip_longest(before, after):
        if old is not None and come.pop(name := key(old), None) is None and new is not None:
            gone.add(name)  # else nothing comes any more that it could be
        if new is not None:
            name = key(new)
            if name in gone:
                gone.remove(name)
            else:
                come[name] = new
    yield from come.values()
