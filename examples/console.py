"""A provider's console with a *Close account* button: `python -m examples.console ACCOUNT USER`; API only."""

import os
import sys
from html import escape
from urllib.parse import parse_qs
from uuid import uuid4

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

PAGE = "<!doctype html><title>Console</title><h1>Account {account}</h1><p>{said}</p>{form}"
CLOSE = """<form method=post action=/close><input type=hidden name=key value="{key}">{texts}
<label>Password <input type=password name=password></label> <button>Close account</button></form>"""
CONFIRM = """<form method=post action=/confirm><input type=hidden name=key value="{key}">
<input type=hidden name=id value="{closure_id}"><input type=hidden name=plan_hash value="{plan_hash}">
<label>Reason <input name=reason required></label> <button>Confirm: there is no way back</button></form>"""
TEXT = '<label><input type=checkbox name=texts value="{0}"> {0}</label><br>'


def console(api: httpx2.AsyncClient, account: str, user: str) -> Starlette:
    """For one customer, who has signed in: `account` and `user` are from their session."""

    async def show(request: Request) -> Response:
        said, form, key = request.query_params.get("said", ""), "", uuid4().hex
        answer = await api.get(f"/accounts/{account}/closure")
        closure = answer.json() if answer.is_success else {"outcome": "none"}
        if closure["outcome"] in ("none", "withdrawn", "expired", "restored", "refused"):
            texts = (await api.get(f"/accounts/{account}/plan")).json()["acknowledgements"]
            form = CLOSE.format(key=key, texts="".join(TEXT.format(escape(each)) for each in texts))
        else:
            said = said or f"Closing: {closure['stage']}. Left to do: {closure['blocking']}."
            form = CONFIRM.format(key=key, **closure) if "confirm" in closure["actions"] else ""
        return HTMLResponse(PAGE.format(account=escape(account), said=escape(said), form=form))

    async def act(request: Request) -> Response:
        words = parse_qs((await request.body()).decode())
        given, body = {name: values[0] for name, values in words.items()}, dict[str, object](user_id=user)
        if request.path_params["act"] == "close":
            path, body["proof"] = f"/accounts/{account}/closures", {"password": given["password"]}
            body |= {"agree": True, "acknowledgements": words.get("texts", [])}
        else:
            path = f"/closures/{given['id']}/confirm"
            body |= {"reason": given["reason"], "plan_hash": given["plan_hash"]}
        answer = await api.post(path, json=body, headers={"Idempotency-Key": given["key"]})
        said = "" if answer.is_success else answer.json()["detail"]
        return RedirectResponse(f"/?{httpx2.QueryParams(said=said)}", 303)

    return Starlette(routes=[Route("/", show), Route("/{act}", act, methods=["POST"])])


if __name__ == "__main__":
    signed = {"Authorization": f"Bearer {os.environ['CLOSURE_API_TOKEN']}"}
    client = httpx2.AsyncClient(base_url="http://127.0.0.1:8300/api/v1", headers=signed, timeout=60)
    uvicorn.run(console(client, *sys.argv[1:3]), port=8400)
