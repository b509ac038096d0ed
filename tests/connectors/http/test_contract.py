"""`openapi.yaml`, the ports, the models of both sides and the server's routes say the same."""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, get_args, get_type_hints

import jsonschema_rs
import pytest
from pydantic import BaseModel

from connectors.embedded import embedded_platform
from connectors.http import operations
from connectors.http.answered import Done
from connectors.http.operations import IDEMPOTENCY_KEY, VERSION_PATH, Kind, Operation
from connectors.http.problems import REFUSALS, TYPE_PREFIX
from connectors.http.serving.application import platform_application
from connectors.http.signatures import Verifier
from connectors.ports import Platform
from database import Database
from tests.connectors.http.contract import CONTRACT, resolved
from tests.harness.served_platform import AT_ONCE

OPERATIONS = {each.name: each for each in vars(operations).values() if isinstance(each, Operation)}
NO_PORTS = {"answers_at_once", "closing", "callbacks"}
by_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


def described() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in CONTRACT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def content(described: Mapping[str, Any]) -> Mapping[str, Any]:
    return resolved(resolved(described)["content"]["application/json"]["schema"])


def the_operation(operation: Operation[Any, Any]) -> Mapping[str, Any]:
    (found,) = (each for *_, each in described() if each["operationId"] == operation.name)
    return found


def port_methods() -> set[str]:
    hints = get_type_hints(Platform)
    ports = {each.name: hints[each.name] for each in fields(Platform) if each.name not in NO_PORTS}
    return {
        f"{port}.{name}"
        for port, hint in ports.items()
        for protocol in get_args(hint) or (hint,)
        for name, _ in inspect.getmembers(protocol, inspect.isfunction)
        if not name.startswith("_")
    }


def test_every_method_of_every_port_is_an_operation_and_the_other_way_round() -> None:
    assert set(OPERATIONS) == port_methods()
    ids = {each["operationId"] for *_, each in described()}
    assert ids == port_methods() | {"operations.look"}


def test_the_server_has_a_route_for_every_operation_and_no_other(database: Database) -> None:
    verifier = Verifier(lambda _: None, 1, lambda: 0)
    application = platform_application(embedded_platform(database), verifier, answer_within=AT_ONCE)
    routes = {
        (method, getattr(route, "path", ""))
        for route in application.routes
        for method in getattr(route, "methods", ())
        if method != "HEAD"
    }
    assert routes == {(method, VERSION_PATH + path) for method, path, _ in described()}


@by_operation
def test_the_way_an_operation_is_called_is_described(operation: Operation[Any, Any]) -> None:
    assert (operation.method, operation.path) in {(method, path) for method, path, _ in described()}
    found = the_operation(operation)
    parameters = {each["name"]: each for each in map(resolved, found.get("parameters", ()))}
    asked = operation.asked.model_fields
    if operation.kind is Kind.READ:
        assert set(parameters) == set(asked)
        needed = {name for name, each in parameters.items() if each.get("required")}
        assert needed == {name for name, each in asked.items() if each.is_required()}
        return
    assert (IDEMPOTENCY_KEY in parameters) is (operation.kind is Kind.EFFECT)
    assert ("202" in found["responses"]) is (operation.kind is Kind.EFFECT)
    same_fields(content(found["requestBody"]), operation.asked)


@by_operation
def test_an_answer_is_described_with_all_its_fields(operation: Operation[Any, Any]) -> None:
    responses = the_operation(operation)["responses"]
    assert ("204" in responses) is (operation.answered is Done)
    if operation.answered is not Done:
        schema = content(responses["200"])
        same_fields(schema, operation.answered)
        assert set(schema["required"]) == set(operation.answered.model_fields), "nothing is left out"


def same_fields(schema: Mapping[str, Any], model: type[BaseModel]) -> None:
    assert set(schema["properties"]) == set(model.model_fields)
    needed = {name for name, each in model.model_fields.items() if each.is_required()}
    assert needed <= set(schema["required"])


def test_every_refusal_is_in_the_table_with_its_status() -> None:
    for refusal, status in REFUSALS.items():
        assert f"| `{TYPE_PREFIX}{refusal}` | {status.value}" in CONTRACT["info"]["description"]


def test_every_schema_is_one() -> None:
    for name, schema in CONTRACT["components"]["schemas"].items():
        jsonschema_rs.meta.validate(schema)
        assert name[0].isupper()
