"""The namespace and the search attributes: registered once, used by anybody, refused by some servers."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import cast
from uuid import uuid4

import pytest
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import ConnectConfig, RPCError, RPCStatusCode, ServiceClient

from local.temporal_server import RunningServer
from temporal.registration import (
    NamespaceNotUsable,
    ensure_namespace,
    ensure_search_attributes,
    missing_search_attributes,
)
from temporal.search_attributes import ALL_KEYS, CLOSURE_STAGE

NAMES = [key.name for key in ALL_KEYS]


async def test_a_fresh_namespace_gets_everything_once(temporal_server: RunningServer) -> None:
    namespace = f"closures-{uuid4().hex[:8]}"
    service = await ServiceClient.connect(ConnectConfig(target_host=temporal_server.address))
    await asyncio.gather(*(ensure_namespace(service, namespace) for _ in range(2)))
    client = await Client.connect(temporal_server.address, namespace=namespace)
    assert list(await ensure_search_attributes(client)) == []
    assert list(await ensure_search_attributes(client)) == []
    assert await missing_search_attributes(client) == []
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=namespace)
    )
    assert set(listed.custom_attributes) >= set(NAMES)
    # Usable at once, not only listed.
    attributes = TypedSearchAttributes([SearchAttributePair(CLOSURE_STAGE, "silent")])
    handle = await client.start_workflow("Nothing", id="w", task_queue="nobody", search_attributes=attributes)
    await handle.terminate()


class Operator:
    """A server's operator service that lists and adds as told."""

    def __init__(self, *, lists: Sequence[str] | RPCStatusCode, adds: RPCStatusCode) -> None:
        self._lists = lists
        self._adds = adds

    async def list_search_attributes(self, request: object, timeout: timedelta) -> SimpleNamespace:
        if isinstance(self._lists, RPCStatusCode):
            raise RPCError("refused", self._lists, b"")
        return SimpleNamespace(custom_attributes=dict.fromkeys(self._lists))

    async def add_search_attributes(self, request: object, timeout: timedelta) -> None:
        raise RPCError("refused", self._adds, b"")


def client_of(operator: Operator) -> Client:
    return cast("Client", SimpleNamespace(namespace="closures", operator_service=operator))


@pytest.mark.parametrize("status", [RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED])
async def test_what_we_may_not_register_is_named(status: RPCStatusCode) -> None:
    operator = Operator(lists=NAMES[1:], adds=status)
    assert list(await ensure_search_attributes(client_of(operator))) == NAMES[:1]
    nothing = Operator(lists=status, adds=status)
    assert list(await ensure_search_attributes(client_of(nothing))) == NAMES


async def test_what_stays_missing_is_named_after_the_deadline() -> None:
    operator = Operator(lists=NAMES[1:], adds=RPCStatusCode.ALREADY_EXISTS)
    with pytest.raises(NamespaceNotUsable, match=NAMES[0]):
        await ensure_search_attributes(client_of(operator), deadline=timedelta(seconds=0.2))


async def test_another_refusal_is_not_waited_for() -> None:
    operator = Operator(lists=[], adds=RPCStatusCode.INVALID_ARGUMENT)
    with pytest.raises(RPCError):
        await ensure_search_attributes(client_of(operator))
