"""docs/api.md: its requests are sent in their order, and its answers are what comes."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import httpx2

from tests.web.api_driver import ApiDriver

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
EXAMPLE = re.compile(r"^```http\n(.*?)\n```\n(?:```json\n(.*?)\n```)?", re.MULTILINE | re.DOTALL)


async def send(api: ApiDriver, request: str) -> httpx2.Response:
    """Sends it; the answer's status must be the one after the arrow."""
    head, _, body = request.partition("\n\n")
    first, *lines = head.split("\n")
    method, path, arrow, status = first.split()
    headers = dict(line.split(": ", 1) for line in lines)
    if body:
        json.loads(body)
        headers["Content-Type"] = "application/json"
    answer = await api.http.request(method, path, content=body, headers=headers)
    assert (arrow, answer.status_code) == ("→", int(status)), f"{first}: {answer.text}"
    return answer


async def test_the_guide_tells_what_happens(api: ApiDriver) -> None:
    account = await api.account(id="tw-100")
    known: dict[str, str] = {}
    examples = EXAMPLE.findall(GUIDE.read_text(encoding="utf-8"))
    assert len(examples) == 7
    for written, shown in examples:
        request = written
        for name, value in known.items():
            request = request.replace(name, value)
        answer = (await send(api, request)).json()
        assert isinstance(answer, Mapping)
        for name, value in json.loads(shown or "{}").items():
            assert answer[name] == value, f"{request}: {name}"
        if answer.get("plan_hash") and answer.get("closure_id"):
            known = {"CLOSURE": answer["closure_id"], "PLAN_HASH": answer["plan_hash"]}
    assert (await account.closures.status("tw-100")).confirmed_at is not None
