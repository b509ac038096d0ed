"""For whom a proxy asks is believed of the proxies that are named, and of nobody else."""

import httpx2
import pytest
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from settings import Settings
from web.serving import behind_proxies

CLAIM = {"X-Forwarded-For": "203.0.113.9"}


async def who_asks(scope: Scope, receive: Receive, send: Send) -> None:
    client = Request(scope).client
    await PlainTextResponse(client.host if client else "nobody")(scope, receive, send)


@pytest.mark.parametrize(
    ("proxies", "seen"),
    [
        (None, "10.0.0.7"),
        ("10.0.0.8", "10.0.0.7"),
        ("10.0.0.7", "203.0.113.9"),
        ("192.168.0.0/16, 10.0.0.0/24", "203.0.113.9"),
    ],
)
async def test_only_a_proxy_that_is_named_says_who_asks(proxies: str | None, seen: str) -> None:
    transport = httpx2.ASGITransport(app=behind_proxies(who_asks, proxies), client=("10.0.0.7", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://here.example") as http:
        assert (await http.get("/", headers=CLAIM)).text == seen


@pytest.mark.parametrize("proxies", ["*", "proxy.example", "10.0.0.0/99", "10.0.0.1,", ""])
def test_what_is_no_address_of_a_proxy_is_refused(proxies: str) -> None:
    with pytest.raises(ValidationError, match="addresses or networks"):
        Settings(web_proxies=proxies)
