"""Where the server listens, and by which names it may be called."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_EVERYWHERE: Final = frozenset({"0.0.0.0", "[::]"})
_LAST_PORT: Final = 65_535


class AddressFault(Exception):
    """An address that nobody can listen on or be called by; the message says which setting and why."""


@dataclass(frozen=True)
class WebAddress:
    """`host` is as in URLs, IPv6 in brackets; `url` is what links begin with, with no slash at its end."""

    host: str
    port: int
    url: str

    @property
    def listens_on(self) -> str:
        """The host as sockets want it."""
        return self.host.strip("[]")

    @property
    def names(self) -> frozenset[str]:
        """What a `Host` header may say, without the port; this computer may always ask how it is."""
        return frozenset({self.host.lower(), urlsplit(self.url).hostname or "", *LOOPBACK})


def web_address(address: str, url: str | None) -> WebAddress:
    """The address of the settings `web_address` and `web_url`.

    Raises:
        AddressFault: it is no address, or one that can't be called by its name.
    """
    host, colon, port = address.rpartition(":")
    has_port = port.isascii() and port.isdigit() and 0 < int(port) <= _LAST_PORT
    is_host = host.startswith("[") and host.endswith("]") if ":" in host else bool(host)
    if not (colon and has_port and is_host and host.isascii() and not set("/@ ") & set(host)):
        raise AddressFault("setting CLOSURE_WEB_ADDRESS: it is HOST:PORT, such as 127.0.0.1:8300")
    if url is None and host in _EVERYWHERE:
        raise AddressFault(f"setting CLOSURE_WEB_URL: needed, since {host} is no name to be called by")
    return WebAddress(host, int(port), (url or f"http://{host}:{port}").rstrip("/"))
