"""Verifying a closure's chain against the anchors of its heads, and the anchor file itself."""

import fcntl
import hashlib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from closure.model import WireModel
from keys.signing import SigningKeyFault, is_signed_by, key_id, load_public_key
from records.anchors import ANCHORED, AnchorLine
from records.chain import GENESIS_HASH
from records.entries import AuditTrail, ReadEvent


class AnchorState(StrEnum):
    """`none`: nothing is anchored yet, and nothing should be."""

    NONE = "none"
    WHOLE = "whole"
    BROKEN = "broken"


class AnchorVerdict(WireModel):
    """Whether the record is as it was anchored; `anchored` counts the lines about the closure's heads."""

    state: AnchorState
    anchored: int = 0
    fault: str | None = None


class AnchorsUnreadable(Exception):
    """The file is there and can't be read; the message says why."""


class _Broken(Exception):
    """The first fault; the message names its place."""


def public_keys(folder: Path) -> dict[str, Ed25519PublicKey]:
    """All public keys (``*.pub``) of the folder, by key id; what is none is left out."""
    found = {}
    for file in sorted(folder.glob("*.pub")):
        try:
            key = load_public_key(file)
        except SigningKeyFault:
            continue
        found[key_id(key)] = key
    return found


def check_anchors(
    file: Path,
    keys: Mapping[str, Ed25519PublicKey],
    *,
    record_id: str,
    account_id: str,
    closure_ids: Iterable[str],
    trail: AuditTrail | None,
) -> AnchorVerdict:
    """Compares the file with itself, and what it says about the account with the record.

    Args:
        file: the anchor file.
        keys: that may have signed it.
        record_id: the record's name; lines of other records are not compared.
        account_id: whose closures.
        closure_ids: all closures of the account that the record has.
        trail: the closure to be compared event by event; None when the record has none.

    Raises:
        AnchorsUnreadable: there is a file that can't be read.
    """
    content = _content(file)
    anchored: list[AnchorLine] = []
    try:
        if content is None:
            _require_none(file, trail)
            return AnchorVerdict(state=AnchorState.NONE)
        lines = [line for line in _lines(content, keys) if line.record_id == record_id]
        if trail is not None:
            anchored = [line for line in lines if line.closure_id == trail.closure_id]
            _compare(anchored, trail)
        _require_rows([line for line in lines if line.account_id == account_id], set(closure_ids))
        if not lines:
            return AnchorVerdict(state=AnchorState.NONE)
    except _Broken as fault:
        return AnchorVerdict(state=AnchorState.BROKEN, anchored=len(anchored), fault=str(fault))
    return AnchorVerdict(state=AnchorState.WHOLE, anchored=len(anchored))


def verified_lines(file: Path, keys: Mapping[str, Ed25519PublicKey]) -> tuple[AnchorLine, ...]:
    """All lines of an anchor file, or of the ledger of erasures; none when there is no file.

    A line that a crash left unfinished was never acknowledged.

    Raises:
        AnchorsUnreadable: it can't be read, or was changed.
    """
    whole, end, _ = (_content(file) or b"").rpartition(b"\n")
    try:
        return tuple(_lines(whole + end, keys))
    except _Broken as fault:
        raise AnchorsUnreadable(str(fault).replace("the anchor file", str(file))) from fault


def readable_lines(file: Path) -> tuple[AnchorLine | None, ...]:
    """What the file says, without its verification; None in the place of what is no anchor.

    Raises:
        AnchorsUnreadable: there is a file that can't be read.
    """
    return tuple(_readable(text) for text in (_content(file) or b"").split(b"\n")[:-1])


def _readable(text: bytes) -> AnchorLine | None:
    try:
        return AnchorLine.model_validate_json(text)
    except ValidationError:
        return None


def _content(file: Path) -> bytes | None:
    try:
        with file.open("rb") as opened:
            # A line that is being written is whole once the writer lets go.
            fcntl.flock(opened, fcntl.LOCK_SH)
            return opened.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AnchorsUnreadable(f"the anchor file {file} can't be read: {error.strerror or error}") from error


def _lines(content: bytes, keys: Mapping[str, Ed25519PublicKey]) -> Iterable[AnchorLine]:
    """Every line, after its own verification."""
    previous = GENESIS_HASH
    texts = content.split(b"\n")
    if texts[-1]:
        raise _Broken(f"line {len(texts)} of the anchor file is cut off")
    for number, text in enumerate(texts[:-1], start=1):
        try:
            line = AnchorLine.model_validate_json(text)
        except ValidationError:
            raise _Broken(f"line {number} of the anchor file is no anchor: it was changed") from None
        if line.text().encode() != text:
            raise _Broken(f"line {number} of the anchor file is spelled otherwise than it was written")
        key = keys.get(line.key_id)
        if key is None:
            raise _Broken(f"line {number} of the anchor file is signed with an unknown key {line.key_id}")
        if not is_signed_by(key, line.signed_bytes(), line.signature):
            raise _Broken(f"line {number} of the anchor file does not match its signature: it was changed")
        if line.previous != previous:
            raise _Broken(
                f"line {number} of the anchor file does not follow the line before it: "
                "lines were taken out, put in or exchanged there"
            )
        previous = hashlib.sha256(text).hexdigest()
        yield line


def _require_none(file: Path, trail: AuditTrail | None) -> None:
    first = next(iter(_to_be_anchored(trail.events)), None) if trail is not None else None
    if trail is not None and first is not None:
        raise _Broken(
            f"the anchor file {file} is missing, and event {first.sequence} ({first.event.value}) of closure "
            f"{trail.closure_id} must be in it: put it back from its backup"
        )


def _compare(anchored: list[AnchorLine], trail: AuditTrail) -> None:
    events = {event.sequence: event for event in trail.events}
    for line in anchored:
        event = events.get(line.event_count)
        when = f"event {line.event_count} of closure {line.closure_id}, anchored {_moment(line)},"
        if line.account_id != trail.account_id:
            raise _Broken(f"closure {line.closure_id} was of account {line.account_id} when it was anchored")
        if event is None:
            raise _Broken(f"{when} is not in the record: its end was cut off")
        if event.hash != line.head_hash:
            raise _Broken(f"{when} is another one in the record: the chain was rewritten")
    counts = {line.event_count for line in anchored}
    missing = next((event for event in _to_be_anchored(trail.events) if event.sequence not in counts), None)
    if missing is not None:
        raise _Broken(
            f"event {missing.sequence} ({missing.event.value}) of closure {trail.closure_id} has no line in "
            "the anchor file: the file was cut or replaced, or the event put in"
        )


def _to_be_anchored(events: tuple[ReadEvent, ...]) -> Iterable[ReadEvent]:
    return (event for event in events if event.stage_to in ANCHORED)


def _require_rows(lines: list[AnchorLine], known: set[str]) -> None:
    gone = next((line for line in reversed(lines) if line.closure_id not in known), None)
    if gone is not None:
        raise _Broken(
            f"closure {gone.closure_id}, anchored {_moment(gone)} with {gone.event_count} events, "
            "is not in the record"
        )


def _moment(line: AnchorLine) -> str:
    return f"{line.time:%Y-%m-%d %H:%M:%S} UTC"
