"""What the provider has to keep is shown to the customer and to staff, and stands on the certificate."""

import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pypdf import PdfReader

from closure.lifecycle import Outcome
from connectors.ports import MustRetain
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder
from tests.harness.twilio import WORDS, twilio_account
from tests.web.api_driver import ApiDriver, opened_api
from tests.web.staff_driver import SUPPORT, signed_in
from tests.web.test_overview import plain
from tests.web.visitors import seen, visiting

STORES = [
    {"id": "books-1", "store": "invoices", "objects": 30},
    {"id": "books-2", "store": "invoices", "objects": 3},
    {"id": "calls", "store": "call-records", "objects": 7},
    {"id": "photos", "store": "recordings", "objects": 1200},
]


@pytest.fixture
def weather() -> Weather:
    books = MustRetain("Tax law", datetime(2036, 1, 1, tzinfo=UTC))
    return Weather(retained={"books-1": books, "books-2": books, "calls": MustRetain("An <order>")})


@pytest.fixture
async def lawful(
    installations: InstallationBuilder, weather: Weather, tmp_path: Path
) -> AsyncIterator[ApiDriver]:
    async with (
        installations.open(platforms=weather.over) as installation,
        opened_api(installation, tmp_path / "tokens.json") as opened,
    ):
        yield opened


async def test_what_must_stay_is_shown_with_its_ground_and_end(lawful: ApiDriver) -> None:
    account = await twilio_account(lawful.installation, data=STORES)
    async with visiting(lawful, account) as visited:
        await account.retained(acknowledgements=WORDS)
        await account.end_of_retention()
        assert (await account.outcome()).outcome is Outcome.DELETED
        text = plain(await seen(visited, "/closure/result?language=en"))
        assert "and so has its data but for what the law keeps." in text
        assert text.count("invoices Tax law until January 1, 2036") == 1, text
        assert "call-records An &lt;order&gt; until further notice" in text
        assert "recordings" not in text
        text = plain(await seen(visited, "/closure/result?language=zh"))
        assert "但法律要求保留的内容除外" in text
        assert "期限另行通知" in text
    path = f"/staff/closures/{account.closure_id}"
    async with signed_in(lawful, *SUPPORT) as staff:
        text = await staff.see(path)
        assert "ground Tax law, objects 30" in text
        assert "store invoices, until 2036-01-01 00:00:00 UTC" in text
        assert "ground An <order>" in text
    found = await lawful.http.get(
        f"/api/v1/closures/{account.closure_id}/certificate", headers={"Accept": "application/pdf"}
    )
    pdf = "\n".join(each.extract_text() for each in PdfReader(io.BytesIO(found.content)).pages)
    assert "Tax law, until 2036-01-01" in pdf
    assert "An <order>, until further notice" in pdf
