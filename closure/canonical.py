"""The one spelling of JSON that is hashed, signed or compared; hashes of what may be too long for one text.

It is that of RFC 8785 but for two things, which hashes and signatures of old rely on. Keys are in the
order of their code points: RFC 8785's own order (by UTF-16) is another where a character beyond U+FFFF meets
one from U+E000 to U+FFFF. Numbers that are not whole, or beyond 2**53, are spelled as Python does.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, TypeAlias, Union

from pydantic import JsonValue

Content: TypeAlias = Union[JsonValue, "Callable[[], Iterable[object]]", "Mapping[str, Content]"]
"""A value of JSON, in which a list may be a function that makes it when its turn comes."""

_AT_ONCE: Final = 500


def canonical_json(value: object, *, only_ascii: bool = False) -> str:
    """The spelling of a JSON value: keys sorted at each level, no spaces, characters as themselves.

    `only_ascii` writes the characters beyond ASCII as escapes.

    Raises:
        ValueError: NaN or an infinity, which JSON does not have.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=only_ascii, allow_nan=False)


def sha256_of(content: Mapping[str, Content]) -> str:
    """In hex, of the content's canonical JSON in UTF-8."""
    digest = hashlib.sha256()
    for text in _texts(content):
        digest.update(text.encode())
    return digest.hexdigest()


def _texts(content: Content) -> Iterator[str]:
    if callable(content):
        yield from _list_texts(content())
    elif isinstance(content, Mapping):
        for number, name in enumerate(sorted(content)):
            yield f"{',' if number else '{'}{canonical_json(name)}:"
            yield from _texts(content[name])
        yield "}" if content else "{}"
    else:
        yield canonical_json(content)


def _list_texts(things: Iterable[object]) -> Iterator[str]:
    yield "["
    remaining = iter(things)
    comma = ""
    while some := list(islice(remaining, _AT_ONCE)):
        yield comma + canonical_json(some)[1:-1]
        comma = ","
    yield "]"
