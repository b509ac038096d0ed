"""Where the server that `make up` started can be reached. Read by worker and starter: no heavy imports."""

import json
from dataclasses import dataclass
from pathlib import Path

FILE_NAME = "local.json"


@dataclass(frozen=True)
class LocalServer:
    """A Temporal server on this computer; `ui_url` is empty when it runs without the Web UI."""

    temporal_address: str
    namespace: str
    ui_url: str


def read_local_server(directory: Path = Path(".closure")) -> LocalServer | None:
    """The server recorded in `directory`; None when `make up` has not run there (or `make down` has)."""
    try:
        document = json.loads((directory / FILE_NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    try:
        return LocalServer(
            temporal_address=str(document["temporal_address"]),
            namespace=str(document["namespace"]),
            ui_url=str(document["ui_url"]),
        )
    except (KeyError, TypeError):
        return None


def write_local_server(server: LocalServer, directory: Path = Path(".closure")) -> None:
    """Records the server, replacing what stood there in one step."""
    directory.mkdir(parents=True, exist_ok=True)
    document = {
        "temporal_address": server.temporal_address,
        "namespace": server.namespace,
        "ui_url": server.ui_url,
        "started_by": "make up",
    }
    unfinished = directory / f"{FILE_NAME}.unfinished"
    unfinished.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(directory / FILE_NAME)


def forget_local_server(directory: Path = Path(".closure")) -> None:
    (directory / FILE_NAME).unlink(missing_ok=True)
