"""Looks at pages as a browser without scripts does: cookies are kept, redirects are seen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from tests.web.api_driver import ORIGIN, ApiDriver


@asynccontextmanager
async def browser(api: ApiDriver) -> AsyncIterator[httpx2.AsyncClient]:
    """A fresh browser on the same service, with no cookie."""
    transport = httpx2.ASGITransport(app=api.application, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN, timeout=60) as http:
        yield http
