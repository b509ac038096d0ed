"""Every kind of event: what is personal in it is never stored in the clear, and reads back."""

from datetime import timedelta

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from closure.events import EVENTS, Event, EventType, Opened
from closure.findings import Change
from closure.lifecycle import Stage
from records.chain import GENESIS_HASH
from records.entries import AuditEvent
from records.personal import ERASED, OPENED_BY, SEALED, AccountKey, open_personal, seal_personal
from records.reading import ClosureRecords
from tests.harness.instances import instances
from tests.records.samples import OPENED_AT, Closures, Transition

MARKER = "person-marker-7f3a"
KEY = AccountKey.new()
ANY = settings(phases=[Phase.generate], max_examples=1)
"""Finds one, however complicated."""
every_kind = pytest.mark.parametrize("model", EVENTS.values(), ids=lambda model: model.TYPE.value)


def marked(value: JsonValue, place: int = 0) -> JsonValue:
    """The same with every text replaced by one that can be looked for."""
    match value:
        case str():
            return f"{MARKER}-{place}"
        case list():
            return [marked(each, place) for place, each in enumerate(value)]
        case dict():
            return {name: marked(each, place) for name, each in value.items()}
        case _:
            return value


def of_a_person(event: Event) -> Event:
    details = event.details()
    personal = {name: marked(details[name]) for name in event.personal_fields()}
    return type(event).model_validate({**details, **personal})


def as_read(event: Event) -> Event:
    """The keyed hash of who opened a closure is for its row alone: readers see the actor."""
    return event.model_copy(update={OPENED_BY: None}) if isinstance(event, Opened) else event


def stored(event: Event) -> AuditEvent:
    return AuditEvent(
        closure_id="c-1",
        sequence=1,
        event=event.TYPE,
        time=OPENED_AT + timedelta(seconds=1),
        stage_from=Stage.READY,
        stage_to=None,
        actor=MARKER,
        details=event.details(),
        previous_hash=GENESIS_HASH,
        hash="",
    )


def noting(event: Event) -> Transition:
    return lambda state: Change(state, event)


def test_every_kind_of_event_has_a_model_of_its_own() -> None:
    assert set(EVENTS) == set(EventType)
    assert all(model.TYPE is kind for kind, model in EVENTS.items())
    assert len(set(EVENTS.values())) == len(EventType)


@every_kind
def test_what_is_personal_can_be_gone(model: type[Event]) -> None:
    assert not [name for name in model.personal_fields() if model.model_fields[name].is_required()]


@every_kind
@settings(max_examples=20)
@given(data=st.data())
def test_what_is_personal_is_never_stored_in_the_clear_and_reads_back(
    model: type[Event], data: st.DataObject
) -> None:
    event = of_a_person(data.draw(instances(model)))
    sealed = seal_personal(stored(event), KEY)
    assert MARKER not in sealed.model_dump_json()
    assert set(sealed.details) - {SEALED} == set(event.details()) - model.personal_fields()
    read = open_personal(sealed, KEY)
    assert (read.actor, read.content) == (MARKER, as_read(event))


@every_kind
@settings(max_examples=20)
@given(data=st.data())
def test_what_is_erased_leaves_an_event_that_still_reads(model: type[Event], data: st.DataObject) -> None:
    event = of_a_person(data.draw(instances(model)))
    read = open_personal(seal_personal(stored(event), KEY), None)
    assert (read.actor, read.erased) == (ERASED, True)
    assert MARKER not in read.model_dump_json()
    public = {name: value for name, value in event.details().items() if name not in model.personal_fields()}
    assert read.content == as_read(model.model_validate(public))


async def test_every_kind_of_event_is_chained_and_verifies(
    closures: Closures, records: ClosureRecords
) -> None:
    await closures.open()
    written = [of_a_person(find(instances(model), bool, settings=ANY)) for model in EVENTS.values()]
    for event in written:
        await closures.take(noting(event), actor=MARKER)
    trail = await records.trail("c-1")
    assert trail is not None
    assert trail.fault is None
    assert [each.content for each in trail.events[1:]] == [as_read(event) for event in written]
