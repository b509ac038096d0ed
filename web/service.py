"""What pages and API work with; the entry point puts it together."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property

from starlette.requests import HTTPConnection

from client.client import ClosureClient
from closure.brand import Brand
from closure.installation import InstallationKind
from connectors.ports import Platform
from keys.certificate_links import CertificateLinks
from records.record import Record
from web.rate_limits import RateLimit
from web.token_file import TokenFile
from web.underway import ActsUnderway


@dataclass(frozen=True)
class WebService:
    """One installation, as it is served over HTTP.

    `require_temporal` raises `ServerUnreachable`; `run_url` gives a run's address in the Web UI, if it has
    one, by workflow id and run id. `stopping` is set when the server is about to end. `frame_ancestors` are
    the origins whose pages may frame ours, as in a `Content-Security-Policy`.
    """

    closures: ClosureClient
    platform: Platform
    record: Record
    tokens: TokenFile
    url: str
    require_temporal: Callable[[], Awaitable[None]]
    run_url: Callable[[str, str], str | None]
    brand: Brand = field(default_factory=Brand)
    certificate_links: CertificateLinks = field(default_factory=CertificateLinks)
    frame_ancestors: str | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    by_token: RateLimit = field(default_factory=lambda: RateLimit(at_once=200, per_second=20))
    by_account: RateLimit = field(default_factory=lambda: RateLimit(at_once=20, per_second=0.5))
    """Of what is done to one account; reading counts for the token alone."""
    by_address: RateLimit = field(default_factory=lambda: RateLimit(at_once=100, per_second=5))
    """Of what pages are asked to do from one address."""
    by_sign_in: RateLimit = field(default_factory=lambda: RateLimit(at_once=20, per_second=0.2))
    """Of tokens that are tried from one address."""

    @cached_property
    def underway(self) -> ActsUnderway:
        """What people have asked for on pages and is not done yet."""
        return ActsUnderway(self.record)

    @property
    def is_behind_tls(self) -> bool:
        """Whether browsers come by HTTPS."""
        return self.url.startswith("https://")

    @property
    def is_local(self) -> bool:
        """Whether this is for trying on one computer."""
        return self.record.installation.kind is InstallationKind.LOCAL


def service_of(request: HTTPConnection) -> WebService:
    """The service that the application was made for."""
    service = request.app.state.service
    assert isinstance(service, WebService)
    return service
