"""Configuration files and command lines of the local Temporal server and its Web UI."""

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from local.installation import InstallationKind, ServerInstallation
from local.ports import HOST, ServerPorts

# Fast-forward needs the first. The second makes a skip cost 0.2 s instead of 1 s. Without the third a second
# continue-as-new under a fast-forward overshoots its bound. The fourth makes new search attributes usable at
# once, and the last keeps the server from asking the internet for newer versions.
DYNAMIC_CONFIG: dict[str, bool | str] = {
    "frontend.WorkflowTimeSkippingEnabled": True,
    "history.timerProcessorMaxTimeShift": "10ms",
    "history.workflowIdReuseMinimalInterval": "0s",
    "system.forceSearchAttributesCacheRefreshOnRead": True,
    "frontend.enableServerVersionCheck": False,
}


@dataclass(frozen=True)
class ServerFiles:
    """Where a local server keeps its files, all below one folder."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "temporal.db"

    @property
    def server_config(self) -> Path:
        return self.folder / "server.yaml"

    @property
    def dynamic_config(self) -> Path:
        return self.folder / "dynamic.yaml"

    @property
    def ui_config_folder(self) -> Path:
        return self.folder / "ui"

    @property
    def state(self) -> Path:
        return self.folder / "state.json"


def write_config(files: ServerFiles, ports: ServerPorts) -> None:
    """Writes every configuration file anew; data stays untouched."""
    files.ui_config_folder.mkdir(parents=True, exist_ok=True)
    _write_yaml(files.server_config, server_document(files, ports))
    _write_yaml(files.dynamic_config, {key: [{"value": value}] for key, value in DYNAMIC_CONFIG.items()})
    _write_yaml(files.ui_config_folder / "local.yaml", ui_document(ports))


def server_command(installation: ServerInstallation, files: ServerFiles, ports: ServerPorts) -> list[str]:
    """The command that starts the server in the foreground, with the configuration written before."""
    if installation.kind is InstallationKind.BUILT:
        return [
            str(installation.server),
            "--config-file",
            str(files.server_config),
            "--allow-no-auth",
            "start",
        ]
    command = [str(installation.server), "server", "start-dev", "--ip", HOST, "--port", str(ports.frontend)]
    command += ["--ui-ip", HOST, "--ui-port", str(ports.ui), "--db-filename", str(files.database)]
    command += [
        "--sqlite-pragma",
        "journal_mode=WAL",
        "--sqlite-pragma",
        "synchronous=2",
        "--log-level",
        "warn",
    ]
    for key, value in DYNAMIC_CONFIG.items():
        command += ["--dynamic-config-value", f"{key}={json.dumps(value)}"]
    return command


def ui_command(installation: ServerInstallation, files: ServerFiles) -> list[str] | None:
    """The command that starts the Web UI; None when it is part of the server."""
    if installation.kind is InstallationKind.DOWNLOADED:
        return None
    return [str(installation.ui), "--root", str(files.folder), "--config", "ui", "--env", "local", "start"]


def server_document(files: ServerFiles, ports: ServerPorts) -> dict[str, object]:
    """The server's configuration: one SQLite file, and nothing that listens beyond this computer."""
    services = {
        "frontend": (ports.frontend, ports.frontend_membership),
        "history": (ports.history, ports.history_membership),
        "matching": (ports.matching, ports.matching_membership),
        "worker": (ports.worker, ports.worker_membership),
    }
    return {
        "log": {"stdout": True, "level": "warn"},
        "persistence": {
            "defaultStore": "local",
            "visibilityStore": "local",
            "numHistoryShards": 1,
            "datastores": {"local": {"sql": _sqlite(files.database)}},
        },
        # Neither metrics nor pprof: both would listen on every interface.
        "global": {"membership": {"maxJoinDuration": "30s", "broadcastAddress": HOST}},
        "services": {
            name: {"rpc": {"grpcPort": grpc_port, "membershipPort": membership_port, "bindOnLocalHost": True}}
            for name, (grpc_port, membership_port) in services.items()
        },
        "clusterMetadata": {
            "enableGlobalNamespace": False,
            "failoverVersionIncrement": 10,
            "masterClusterName": "active",
            "currentClusterName": "active",
            "clusterInformation": {
                "active": {
                    "enabled": True,
                    "initialFailoverVersion": 1,
                    "rpcName": "frontend",
                    # Not by name: a `localhost` that resolves to ::1 first would not be answered.
                    "rpcAddress": f"{HOST}:{ports.frontend}",
                }
            },
        },
        "dcRedirectionPolicy": {"policy": "noop"},
        "dynamicConfigClient": {"filepath": str(files.dynamic_config), "pollInterval": "60s"},
    }


def ui_document(ports: ServerPorts) -> dict[str, object]:
    """The Web UI's configuration."""
    return {
        "temporalGrpcAddress": f"{HOST}:{ports.frontend}",
        "host": HOST,
        "port": ports.ui,
        "enableUi": True,
        "defaultNamespace": "default",
        "showTemporalSystemNamespace": False,
        "disableNewsFetch": True,
        "refreshInterval": "1m",
        "hideLogs": True,
        "cors": {"allowOrigins": [f"http://{HOST}:{ports.ui}"], "cookieInsecure": True},
    }


def _sqlite(database: Path) -> dict[str, object]:
    return {
        "user": "",
        "password": "",
        "pluginName": "sqlite",
        "databaseName": str(database),
        "connectAddr": "localhost",
        "connectProtocol": "tcp",
        "connectAttributes": {
            "cache": "private",
            "setup": "true",
            "journal_mode": "wal",
            "synchronous": "2",
        },
        "maxConns": 1,
        "maxIdleConns": 1,
        "maxConnLifetime": "1h",
    }


def _write_yaml(path: Path, document: dict[str, object]) -> None:
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
