"""The namespace and the search attributes that closures need, registered over gRPC."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeIndexedValueType
from temporalio.service import RPCError, RPCStatusCode, ServiceClient

from temporal.search_attributes import ALL_KEYS

RETENTION = timedelta(days=7)

_INDEXED_TYPES = {
    SearchAttributeIndexedValueType.KEYWORD: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    SearchAttributeIndexedValueType.DATETIME: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    SearchAttributeIndexedValueType.INT: IndexedValueType.INDEXED_VALUE_TYPE_INT,
    SearchAttributeIndexedValueType.BOOL: IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
}
_CALL_TIMEOUT = timedelta(seconds=5)
# What a server answers that is still starting, or has not heard of a fresh namespace everywhere.
_PASSING = frozenset({RPCStatusCode.NOT_FOUND, RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED})
_NOT_PERMITTED = frozenset({RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED})


class NamespaceNotUsable(Exception):
    """The server did not serve the namespace or its search attributes in time."""


async def ensure_namespace(
    service: ServiceClient, namespace: str, *, deadline: timedelta = timedelta(seconds=30)
) -> None:
    """Registers the namespace unless it exists, and returns once the server serves it.

    Raises NamespaceNotUsable after `deadline`, RPCError when it may not be registered.
    """
    described = DescribeNamespaceRequest(namespace=namespace)
    try:
        async with asyncio.timeout(deadline.total_seconds()):
            while True:
                try:
                    await service.workflow_service.describe_namespace(described, timeout=_CALL_TIMEOUT)
                    return
                except RPCError as error:
                    if error.status is RPCStatusCode.NOT_FOUND:
                        await _register(service, namespace)
                    elif error.status is not RPCStatusCode.UNAVAILABLE:
                        raise
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise NamespaceNotUsable(f"namespace {namespace!r} is still not served after {deadline}") from error


async def _register(service: ServiceClient, namespace: str) -> None:
    retention = Duration()
    retention.FromTimedelta(RETENTION)
    request = RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=retention)
    try:
        await service.workflow_service.register_namespace(request, timeout=_CALL_TIMEOUT)
    except RPCError as error:
        if error.status not in {RPCStatusCode.ALREADY_EXISTS, RPCStatusCode.UNAVAILABLE}:
            raise


async def missing_search_attributes(client: Client) -> list[str]:
    """The names of our search attributes that the namespace does not have. Raises RPCError."""
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=_CALL_TIMEOUT
    )
    return [key.name for key in ALL_KEYS if key.name not in listed.custom_attributes]


async def ensure_search_attributes(
    client: Client, *, deadline: timedelta = timedelta(seconds=30)
) -> Sequence[str]:
    """Registers the missing search attributes and waits until the namespace has them.

    Returns the names that we are not permitted to register, mostly none. Raises NamespaceNotUsable after
    `deadline`, RPCError for any other refusal.
    """
    missing: list[str] = [key.name for key in ALL_KEYS]
    try:
        async with asyncio.timeout(deadline.total_seconds()):
            while True:
                try:
                    missing = await missing_search_attributes(client)
                    if not missing:
                        return ()
                    await _add(client, missing)
                except RPCError as error:
                    if error.status in _NOT_PERMITTED:
                        return missing
                    if error.status not in _PASSING:
                        raise
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise NamespaceNotUsable(f"{', '.join(missing)} are still missing after {deadline}") from error


async def _add(client: Client, missing: Sequence[str]) -> None:
    request = AddSearchAttributesRequest(
        namespace=client.namespace,
        search_attributes={
            key.name: _INDEXED_TYPES[key.indexed_value_type] for key in ALL_KEYS if key.name in missing
        },
    )
    try:
        await client.operator_service.add_search_attributes(request, timeout=timedelta(seconds=30))
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise
