"""The connection to Temporal: which server, checked with a deadline, and what its silence means."""

import asyncio
from datetime import timedelta
from urllib.parse import quote

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, GetSystemInfoRequest
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode

from keys.data_converter import configured_data_converter
from keys.secret_file import SecretFault
from settings import Settings
from temporal.asking import asked
from temporal.connection_faults import call_failed, connecting_failed
from temporal.faults import ConnectionFault, ServerUnreachable
from temporal.local_address import LocalServer, read_local_server

CONNECT_DEADLINE = timedelta(seconds=10)
ANSWER_DEADLINE = timedelta(seconds=3)
DEFAULT_ADDRESS = "127.0.0.1:7233"


async def connect(settings: Settings) -> Client:
    """A client of the configured server; without a configuration, of the one that `make up` started.

    Raises:
        ServerUnreachable: no server, no such namespace, wrong credentials, or no answer in time.
        ConnectionFault: Temporal's own configuration is wrong, or encryption is wanted without usable keys.
    """
    try:
        converter = configured_data_converter(settings)
    except SecretFault as error:
        raise ConnectionFault(str(error)) from error
    config = connect_config()
    address = config.get("target_host", DEFAULT_ADDRESS)
    try:
        async with asyncio.timeout(CONNECT_DEADLINE.total_seconds()):
            client = await _open(address, config, converter)
            await _require_namespace(client, address)
            return client
    except TimeoutError as error:
        raise ServerUnreachable(
            f"the Temporal server at {address} did not answer in {CONNECT_DEADLINE.seconds} s: "
            "check the address, the network and the credentials (TEMPORAL_API_KEY, TLS)"
        ) from error


async def require_answer(client: Client) -> None:
    """Passes when the client's server answers now. Raises `ServerUnreachable`."""
    service = client.workflow_service
    try:
        await asked(lambda: service.get_system_info(GetSystemInfoRequest(), timeout=ANSWER_DEADLINE))
    except RPCError as error:
        raise call_failed(error, client.service_client.config.target_host) from error


def connect_config() -> ClientConnectConfig:
    """The environment's and the profile's settings; what they lack is read from what `make up` left."""
    try:
        config = ClientConfig.load_client_connect_config()
    except RuntimeError as error:  # the SDK's ConfigError, which has no public name
        raise ConnectionFault(
            f"Temporal's configuration (TEMPORAL_… or its TOML file) is wrong: {error}"
        ) from error
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise ConnectionFault(f"a file that Temporal's TLS settings name can't be read: {reason}") from error
    if "target_host" not in config and (local := read_local_server()) is not None:
        config["target_host"] = local.temporal_address
        config.setdefault("namespace", local.namespace)
    return config


def web_url(client: Client, workflow_id: str, run_id: str) -> str | None:
    """The run's page in the Web UI, when the client's server is the one that `make up` started."""
    local = local_server_of(client)
    if local is None or not local.ui_url or not run_id:
        return None
    path = f"namespaces/{quote(client.namespace, safe='')}/workflows/{quote(workflow_id, safe='')}"
    return f"{local.ui_url.rstrip('/')}/{path}/{quote(run_id, safe='')}/history"


def local_server_of(client: Client) -> LocalServer | None:
    """The server that `make up` started, if it is the one that the client talks to."""
    local = read_local_server()
    if local is None or local.temporal_address != client.service_client.config.target_host:
        return None
    return local


async def _open(address: str, config: ClientConnectConfig, converter: DataConverter) -> Client:
    # The SDK's core logs to stdout by default, where only the answer may be.
    runtime = Runtime(telemetry=TelemetryConfig(logging=None))
    options = {key: value for key, value in config.items() if key != "target_host"}
    try:
        return await Client.connect(
            address,
            data_converter=converter,
            runtime=runtime,
            **options,  # type: ignore[arg-type]  # the keys are those of ClientConnectConfig
        )
    except ValueError as error:
        raise ConnectionFault(f"{address!r} is no server address, such as 127.0.0.1:7233: {error}") from error
    except RPCError as error:
        raise call_failed(error, address) from error
    except RuntimeError as error:
        raise connecting_failed(error, address) from error


async def _require_namespace(client: Client, address: str) -> None:
    try:
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=CONNECT_DEADLINE
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise ServerUnreachable(
                f'the Temporal server at {address} has no namespace "{client.namespace}": '
                "register it or set TEMPORAL_NAMESPACE"
            ) from error
        # A key may be allowed to work in a namespace but not to describe it.
        if error.status is not RPCStatusCode.PERMISSION_DENIED:
            raise call_failed(error, address) from error
