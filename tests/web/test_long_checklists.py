"""A checklist of ten thousand things stays usable: counted, in pages, filtered, given up at once."""

import re

import pytest

from closure.lifecycle import Stage
from tests.web.api_driver import ApiDriver
from tests.web.customer_driver import visiting

MANY = 10_000


@pytest.mark.long
async def test_ten_thousand_items_stay_usable(pages: ApiDriver) -> None:
    resources = [
        {
            "id": f"i-{number:05}",
            "product": "ecs",
            "billing": "pay-as-you-go",
            "renounceable": number % 2 == 0,
        }
        for number in range(MANY)
    ]
    account = await pages.installation.account(resources=resources, domains=[{"id": "example.com"}])
    async with visiting(pages, account) as customer:
        await customer.prove_by_code()
        await customer.agree()
        await account.until(Stage.BLOCKED)
        await customer.until_says("10,001 things are still in the way")
        await customer.open()
        assert customer.says("10,001 things are still in the way", "Page 1 of 101", "Page 1 of 100")
        assert customer.says("All 5,000")
        assert len(re.findall(r'name="item"', customer.text)) == 50
        await customer.open("/closure/checklist?part=renounceable&page=100")
        assert customer.says("i-09998", "Page 100 of 100")
        await customer.open("/closure/checklist?part=manual&find=i-00777")
        assert customer.says("instance i-00777")
        assert customer.text.count("can&#39;t be released from here") == 1
        await customer.open("/closure/checklist?part=manual&check=domains")
        assert customer.says("Domain name example.com")
        assert "instance i-00001 " not in customer.text
        await customer.send("/closure/renounce", all="1")
        assert customer.says("Give up 5,000 things for good?", "and 4,950 more")
        await customer.send("/closure/renounce", accept_risk="1")
        await customer.until_says("5,000 things are given up already")
        assert customer.says("5,001 things are still in the way", "5,000 things are given up already")


async def test_what_things_are_called_is_text_and_nothing_else(pages: ApiDriver) -> None:
    name = '"><script>alert(1)</script>\u202egnp.exe'
    account = await pages.installation.account(domains=[{"id": name}])
    async with visiting(pages, account) as customer:
        await customer.prove_by_code()
        await customer.agree()
        assert customer.says("Must be handled manually")
        assert "<script>alert" not in customer.text
        assert "\u202e" not in customer.text
