"""A local Temporal server that asks for certificates (mTLS) or API keys, by Temporal's own settings."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from temporalio.client import Client
from temporalio.service import ConnectConfig, RPCError, ServiceClient, TLSConfig

from local import processes
from local.choose_server import choose_installation
from local.installation import InstallationKind
from local.ports import ServerPorts, choose_ports
from local.server_config import ServerFiles, server_command, server_document, write_config
from temporal.registration import ensure_namespace, ensure_search_attributes
from tests.transport.certificates import SERVER_NAME, Authority, Certificate

NAMESPACE = "default"
START_SECONDS = 60


@asynccontextmanager
async def guarded_server(
    folder: Path, settings: Mapping[str, object], dynamic: Mapping[str, str | int] | None = None
) -> AsyncIterator[ServerPorts]:
    """A server with more `global` and dynamic settings, in the end stopped; it may not answer yet."""
    installation = choose_installation(lambda _text, _share=None: None)
    if installation.kind is not InstallationKind.BUILT:
        pytest.skip("the downloaded development server takes no TLS settings")
    files = ServerFiles(folder / "temporal")
    ports = choose_ports(prefer_defaults=False)
    write_config(files, ports)
    document = server_document(files, ports)
    shared = document["global"]
    assert isinstance(shared, dict)
    shared.update(settings)
    files.server_config.write_text(yaml.safe_dump(document), encoding="utf-8")
    if dynamic:
        with files.dynamic_config.open("a", encoding="utf-8") as file:
            yaml.safe_dump({key: [{"value": value}] for key, value in dynamic.items()}, file)
    command = server_command(installation, files, ports)
    if "authorization" in settings:
        command.remove("--allow-no-auth")
        # Without the server's own worker, which has no key either and would end it all.
        command += [f"--service={name}" for name in ("frontend", "history", "matching")]
    process = processes.start_detached(command, log_file=folder / "log")
    try:
        yield ports
    finally:
        await asyncio.to_thread(processes.stop, process)


def mutual_tls(authority: Authority, server: Certificate) -> dict[str, object]:
    """Only clients with a certificate of the authority's; the server's own worker has one too."""
    pair = {"certFile": str(server.certificate), "keyFile": str(server.key)}
    trusted = {"serverName": SERVER_NAME, "rootCaFiles": [str(authority.file)]}
    return {
        "tls": {
            "frontend": {
                "server": {**pair, "requireClientAuth": True, "clientCaFiles": [str(authority.file)]},
                "client": trusted,
            },
            "systemWorker": {**pair, "client": trusted},
        }
    }


def api_keys() -> dict[str, object]:
    """Only callers with a signed token; there is no way to get one here."""
    return {
        "authorization": {
            "jwtKeyProvider": {"keySourceURIs": [], "refreshInterval": "1m"},
            "permissionsClaimName": "permissions",
            "authorizer": "default",
            "claimMapper": "default",
        }
    }


async def make_usable(address: str, tls: TLSConfig | None = None) -> None:
    """Waits until it answers, then registers what `make up` registers."""
    async with asyncio.timeout(START_SECONDS):
        await ensure_namespace(await answering_service(address, tls), NAMESPACE)
        while True:
            try:
                client = await Client.connect(address, namespace=NAMESPACE, tls=tls)
                await ensure_search_attributes(client)
                return
            except (RuntimeError, RPCError):
                await asyncio.sleep(0.1)


async def answering_service(address: str, tls: TLSConfig | None) -> ServiceClient:
    while True:
        try:
            service = await ServiceClient.connect(ConnectConfig(target_host=address, tls=tls))
            if await service.check_health(timeout=timedelta(seconds=2)):
                return service
        except (RuntimeError, RPCError):
            await asyncio.sleep(0.1)
