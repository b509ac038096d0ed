"""Chromium over a running web service: one of each for all tests here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, Page, async_playwright
from temporalio.client import Client

from closure.policy import Policy
from tests.browser.serving import more_policies, served
from tests.browser.site import Device, Opener, Site
from tests.harness.fixtures import installations, policies, server_databases, template_database
from tests.harness.installation import InstallationBuilder

__all__ = ["installations", "policies", "server_databases", "template_database"]

CHROMIUM: Final = Path("/usr/bin/chromium")
PATIENCE_MS: Final = 30_000
_IS_REFUSED: Final = "Content Security Policy"


@pytest.fixture(scope="session")
async def site(
    client: Client,
    policies: dict[str, Policy],
    template_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Site]:
    """One web service over one installation, for all tests here."""
    folder = tmp_path_factory.mktemp("site")
    offered = {**policies, **more_policies(policies["alibaba-cloud"])}
    async with (
        InstallationBuilder(client, offered, template_database, folder).open() as installation,
        served(installation, folder) as site,
    ):
        yield site


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a window."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


@pytest.fixture
def opened(chromium: Browser) -> Opener:
    """Opens pages, each in a context of its own: no cookies but those that it gets here."""

    @asynccontextmanager
    async def open_page(
        *, device: Device = Device.DESKTOP, dark: bool = False, scripts: bool = True, zone: str = "UTC"
    ) -> AsyncIterator[Page]:
        width, height = device.value
        context = await chromium.new_context(
            viewport={"width": width, "height": height},
            has_touch=device is Device.PHONE,
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            reduced_motion="reduce",
            timezone_id=zone,
        )
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if _IS_REFUSED in said.text else None)
        yield page
        assert not faults, f"scripts failed or were refused: {faults}"
        await context.close()

    return open_page
