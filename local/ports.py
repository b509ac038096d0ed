"""The ports of a local Temporal server: the well-known ones when all are free, else a free block."""

import random
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

HOST = "127.0.0.1"

# Below the range from which operating systems lend ports to outgoing connections, so that a port
# stays ours while the server is down for a restart.
FREE_RANGE = range(10_000, 30_000)


@dataclass(frozen=True)
class ServerPorts:
    """Every port a local server listens on, all on 127.0.0.1."""

    frontend: int = 7233
    history: int = 7234
    matching: int = 7235
    worker: int = 7239
    frontend_membership: int = 6933
    history_membership: int = 6934
    matching_membership: int = 6935
    worker_membership: int = 6939
    ui: int = 8233

    @classmethod
    def from_document(cls, document: Mapping[str, int]) -> "ServerPorts":
        """Raises KeyError when a port is missing."""
        return cls(**{field.name: int(document[field.name]) for field in fields(cls)})

    def all(self) -> tuple[int, ...]:
        return tuple(asdict(self).values())


def is_free(port: int) -> bool:
    """Whether a server could listen on this port now; sockets in TIME_WAIT don't count."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def all_free(ports: ServerPorts) -> bool:
    return all(is_free(port) for port in ports.all())


def choose_ports(*, prefer_defaults: bool) -> ServerPorts:
    """The default ports if wanted and all free, else random free ones."""
    if prefer_defaults and all_free(ServerPorts()):
        return ServerPorts()
    wanted = len(fields(ServerPorts))
    found: list[int] = []
    for candidate in random.SystemRandom().sample(FREE_RANGE, len(FREE_RANGE)):
        if is_free(candidate):
            found.append(candidate)
        if len(found) == wanted:
            return ServerPorts(*found)
    raise OSError(f"fewer than {wanted} free ports between {FREE_RANGE.start} and {FREE_RANGE.stop}")
