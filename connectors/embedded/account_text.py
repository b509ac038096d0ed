"""The text of an account file, YAML or JSON, as plain data: bounded, without aliases and tags.

Timestamps stay text, so that quoting them or not means the same.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import yaml
from pydantic import JsonValue
from yaml.constructor import SafeConstructor
from yaml.events import (
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

SIZE_LIMIT: Final = 64 * 1024 * 1024
DEPTH_LIMIT: Final = 20
_LINE_LIMIT: Final = 500

_TAG: Final = "tag:yaml.org,2002:"
# libyaml's parser is many times faster, where the package was built with it.
_Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

Place = tuple[str | int, ...]
"""Keys and positions that lead to a value."""

_resolver = Resolver()
_constructor = SafeConstructor()


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong. `path` is dotted (``accounts.0.bills.1.amount``), empty for the file."""

    path: str
    reason: str


class AccountFileFault(Exception):
    """The account file is refused whole; nothing was loaded.

    Args:
        file: its name as given.
        faults: everything that is wrong with it, in the file's order.
    """

    def __init__(self, file: str, faults: tuple[Fault, ...]) -> None:
        self.file = file
        self.faults = tuple(Fault(_short(fault.path), _short(fault.reason)) for fault in faults)
        super().__init__("; ".join(self.lines))

    @property
    def lines(self) -> tuple[str, ...]:
        """One line for each fault: file, path and reason."""
        return tuple(
            ": ".join(part for part in (self.file, fault.path, fault.reason) if part) for fault in self.faults
        )


@dataclass(frozen=True)
class Parsed:
    """What the text says; `faults` are keys that are there twice."""

    document: JsonValue
    faults: tuple[Fault, ...] = ()


class _Repeating(dict[str, JsonValue]):
    """A mapping in which keys were repeated; it holds their last values."""

    repeated: tuple[str, ...] = ()


def _short(text: str) -> str:
    """A line that can be read, whatever the file quotes in it."""
    return text if len(text) <= _LINE_LIMIT else f"{text[: _LINE_LIMIT - 1]}…"


def dotted(path: Place) -> str:
    return ".".join(str(part) for part in path)


def read_text(path: Path) -> str:
    """The file's text.

    Raises:
        AccountFileFault: it can't be read, is larger than 64 MiB or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise _refused(str(path), f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a name that no system call takes, such as one with a zero byte
        raise _refused(str(path), f"cannot be read: {error}") from error
    if len(content) > SIZE_LIMIT:
        raise _refused(str(path), f"is larger than {SIZE_LIMIT // 1024**2} MiB; split it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(str(path), f"is not UTF-8 text: byte {error.start}") from error


def parse_text(text: str, file: str) -> Parsed:
    """The one document in `text`; `file` names it in faults.

    Raises:
        AccountFileFault: neither YAML nor JSON, or YAML with what this file may not use.
    """
    if not text.lstrip().startswith("{"):
        return _with_faults(_parse_yaml(text, file))
    try:
        return _with_faults(json.loads(text, object_pairs_hook=_mapping))
    except RecursionError as error:
        raise _refused(file, f"is nested deeper than {DEPTH_LIMIT} levels") from error
    except json.JSONDecodeError as error:
        if file.endswith(".json"):
            reason = f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
            raise _refused(file, reason) from error
        return _with_faults(_parse_yaml(text, file))
    except ValueError as error:
        raise _refused(file, "holds a number with too many digits") from error


def _refused(file: str, reason: str, path: str = "") -> AccountFileFault:
    return AccountFileFault(file, (Fault(path, reason),))


def _mapping(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeating = _Repeating(found)
    repeating.repeated = tuple(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
    return repeating


def _with_faults(document: JsonValue) -> Parsed:
    return Parsed(document, tuple(_repeated_keys(document, ())))


def _repeated_keys(value: JsonValue, path: Place) -> Iterator[Fault]:
    members: Iterable[tuple[str | int, JsonValue]] = ()
    if isinstance(value, dict):
        if isinstance(value, _Repeating):
            yield from (Fault(dotted((*path, key)), "is there twice") for key in value.repeated)
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for key, member in members:
        if isinstance(member, dict | list):
            yield from _repeated_keys(member, (*path, key))


def _parse_yaml(text: str, file: str) -> JsonValue:
    try:
        return _only_document(yaml.parse(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise _refused(file, f"is not YAML: {where}{error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _refused(file, f"is not YAML: line {line}: {error.reason}") from error
    except _NotAllowed as fault:
        raise _refused(file, fault.reason, fault.path) from None


class _NotAllowed(Exception):
    """YAML that an account file may not use."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason


def _only_document(events: Iterator[Event]) -> JsonValue:
    document: JsonValue = None
    found = 0
    for event in events:
        if isinstance(event, DocumentStartEvent):
            found += 1
            if found > 1:
                raise _NotAllowed("", "holds more than one document (---)")
            document = _value(events, next(events), ())
    return document


def _value(events: Iterator[Event], event: Event, path: Place) -> JsonValue:
    """What begins with this event, built from the parser's events: so nothing is expanded."""
    _require_plain(event, path)
    if isinstance(event, ScalarEvent):
        return event.value if event.style else _plain_value(event.value)
    if len(path) == DEPTH_LIMIT:
        raise _NotAllowed(dotted(path), f"is nested deeper than {DEPTH_LIMIT} levels")
    if isinstance(event, SequenceStartEvent):
        values: list[JsonValue] = []
        while not isinstance(event := next(events), SequenceEndEvent):
            values.append(_value(events, event, (*path, len(values))))
        return values
    pairs: list[tuple[str, JsonValue]] = []
    while not isinstance(event := next(events), MappingEndEvent):
        key = _key(event, (*path, pairs[-1][0] if pairs else 0))
        pairs.append((key, _value(events, next(events), (*path, key))))
    return _mapping(pairs)


def _key(event: Event, path: Place) -> str:
    """Which stands after what `path` leads to, or first."""
    _require_plain(event, path)
    if not isinstance(event, ScalarEvent):
        raise _NotAllowed(dotted(path), "a list or mapping can't be a key")
    key: str = event.value
    return key


def _require_plain(event: Event, path: Place) -> None:
    if getattr(event, "anchor", None) is not None:  # of aliases, too
        raise _NotAllowed(dotted(path), "anchors and aliases (&, *) can't be used; write the value out")
    if getattr(event, "tag", None) is not None:
        raise _NotAllowed(dotted(path), "tags (!) can't be used")


@lru_cache(maxsize=10_000)
def _plain_value(text: str) -> JsonValue:
    """What an unquoted scalar means: null, true or false, a number, else text."""
    tag: str = _resolver.resolve(ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    node = ScalarNode(tag, text)
    try:
        match tag.removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return _constructor.construct_yaml_bool(node)
            case "int":
                return _constructor.construct_yaml_int(node)
            case "float":
                return _constructor.construct_yaml_float(node)
            case _:
                return text
    except (ValueError, OverflowError):  # such as 0b_, or more digits than Python reads
        return text
