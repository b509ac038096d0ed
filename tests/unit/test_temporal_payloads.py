"""What crosses Temporal holds no list of things and no free text: ids, stages, times, counts and hashes."""

import importlib
import inspect
import pkgutil
import types
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import Enum
from typing import Annotated, Union, get_args, get_origin, get_type_hints

import pytest
from pydantic import AwareDatetime, BaseModel

import activities
from closure.start import ActUpdate, ClosureStart
from closure.state import ClosureView, view_of
from closure.transitions import waits
from closure.waiting import WaitingReason
from records.acts import MOST_WITHDRAWALS
from tests.harness.strategies import NOW
from tests.records.samples import new_state
from workflows.account_closure import AccountClosure
from workflows.watch import WatchClosures

ALLOWED = (bool, int, float, datetime, AwareDatetime, type(None))
NAMES = {
    "act_id",
    "closure_id",
    "installation",
    "plan_hash",
    # The name and the version of a policy file.
    "policy",
    "policy_version",
    # A run's id.
    "continues",
    "certificate_id",
    # What the certificate says of money: a code and decimal numbers.
    *("currency", "forfeited_cash", "forfeited_promo", "voided_debt", "refunded", "paid_otherwise"),
}
"""Fields that hold an id, a hash, a number or the name of a file, and nothing that a person has said."""
BOUNDED = {
    # As many as the policy has checks: their ids.
    (ClosureView, "checks"),
    # Ids of acts, `MOST_WITHDRAWALS` at most.
    ("Claimed", "withdrawals"),
}


def activity_methods() -> Iterator[Callable[..., object]]:
    """Every activity that a worker could have."""
    for module in pkgutil.iter_modules(activities.__path__):
        loaded = importlib.import_module(f"activities.{module.name}")
        for _, found in inspect.getmembers(loaded, inspect.isclass):
            if found.__module__ != loaded.__name__:
                continue
            for _, method in inspect.getmembers(found, inspect.isfunction):
                if hasattr(method, "__temporal_activity_definition"):
                    yield method


def crossing(function: Callable[..., object]) -> set[object]:
    """What it takes and gives."""
    return set(get_type_hints(function).values())


def faults(annotation: object, place: str, *, is_name: bool = False) -> Iterator[str]:
    """Places where something is that may be long, or somebody's words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from faults(arguments[0], place, is_name=is_name)
    elif origin in (Union, types.UnionType):
        for each in arguments:
            yield from faults(each, place, is_name=is_name)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from faults_of_fields(annotation, place)
    elif not _is_short(annotation, is_name=is_name):
        yield f"{place}: {annotation}"


def _is_short(annotation: object, *, is_name: bool) -> bool:
    is_enum = isinstance(annotation, type) and issubclass(annotation, Enum)
    return annotation in ALLOWED or is_enum or (annotation is str and is_name)


def faults_of_fields(model: type[BaseModel], place: str) -> Iterator[str]:
    hints = get_type_hints(model, include_extras=True)
    for name in model.model_fields:
        if (model, name) in BOUNDED or (model.__name__, name) in BOUNDED:
            continue
        yield from faults(hints[name], f"{place}.{name}", is_name=name in NAMES)


METHODS = list(activity_methods())


def test_all_activities_are_found() -> None:
    names = {method.__name__ for method in METHODS}
    assert names >= {
        *("open_closure", "renounce", "confirm", "approve", "withdraw", "survey", "claim", "look"),
        *("expire", "remind", "end_cool_off", "note_cancel", "enter", "fall_silent", "finish"),
        *("look_after_refund", "watch"),
    }


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_an_activity_takes_and_gives_nothing_long_and_nobodys_words(method: Callable[..., object]) -> None:
    (parameter,) = [name for name in inspect.signature(method).parameters if name != "self"]
    assert isinstance(get_type_hints(method)[parameter], type), "one model"
    assert [fault for each in crossing(method) for fault in faults(each, method.__name__)] == []


@pytest.mark.parametrize("model", [ClosureStart, ActUpdate, ClosureView])
def test_neither_do_starts_updates_and_the_view(model: type[BaseModel]) -> None:
    assert list(faults(model, model.__name__)) == []


@pytest.mark.parametrize(
    "function",
    [
        AccountClosure.run,
        AccountClosure.status,
        AccountClosure.close,
        AccountClosure.renounce,
        AccountClosure.confirm,
        AccountClosure.approve,
        AccountClosure.withdraw,
        WatchClosures.run,
    ],
    ids=lambda function: function.__qualname__,
)
def test_neither_do_the_answers_of_workflows(function: Callable[..., object]) -> None:
    assert list(faults(get_type_hints(function)["return"], function.__qualname__)) == []


def test_such_faults_would_be_found() -> None:
    class Words(BaseModel):
        closure_id: str
        reason: str | None = None
        items: tuple[str, ...] = ()
        facts: dict[str, int] = {}

    assert [each.partition(":")[0] for each in faults(Words, "w")] == ["w.reason", "w.items", "w.facts"]


def test_an_operators_words_stay_in_the_record() -> None:
    state = waits(
        new_state(), WaitingReason.BRAKE, now=NOW, detail="Ms Marker's account was taken over"
    ).state
    assert "Marker" not in view_of(state).model_dump_json()


def test_what_waits_is_bounded() -> None:
    assert MOST_WITHDRAWALS <= 100
