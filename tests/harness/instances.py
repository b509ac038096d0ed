"""Hypothesis strategies for models, by the types of their fields."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, TypeVar, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import AwareDatetime, BaseModel

from tests.harness.strategies import moments

Made = TypeVar("Made")

texts: SearchStrategy[str] = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
SIMPLE: Mapping[object, SearchStrategy[object]] = {
    str: texts,
    int: st.integers(0, 10**6),
    float: st.floats(0, 10**6),
    bool: st.booleans(),
    datetime: moments,
    AwareDatetime: moments,
    type(None): st.none(),
}


def instances(model: type[Made], **chosen: SearchStrategy[object]) -> SearchStrategy[Made]:
    """Any instance of a pydantic model or dataclass; `chosen` fields are drawn as told."""
    hints = get_type_hints(model, include_extras=True)
    if issubclass(model, BaseModel):
        names = [*model.model_fields]
    else:
        assert is_dataclass(model)
        names = [each.name for each in fields(model)]
    return st.builds(model, **{name: _values(hints[name]) for name in names} | chosen)


def _values(annotation: object) -> SearchStrategy[object]:
    if annotation in SIMPLE:
        return SIMPLE[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _values(arguments[0])
    if origin in (Union, types.UnionType):
        return st.one_of(*map(_values, arguments))
    if origin is tuple:
        return st.lists(_values(arguments[0]), max_size=3).map(tuple)
    if origin is Mapping:
        return st.dictionaries(_values(arguments[0]), _values(arguments[1]), max_size=3)
    assert isinstance(annotation, type), annotation
    return st.sampled_from(annotation) if issubclass(annotation, Enum) else instances(annotation)
