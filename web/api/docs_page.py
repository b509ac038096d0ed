"""`/api/docs`: the OpenAPI document as one plain page, with nothing from elsewhere and no script."""

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse

from closure.errors import RefusalType
from web.api.problems import DOCS, ProblemType, title_of

router = APIRouter(include_in_schema=False)

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    ":root{color-scheme:light dark}"
    "h2{margin-top:2.5rem}code{font-size:.9em}table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0}section{margin:1.5rem 0}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
}


class _Loose(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Parameter(_Loose):
    name: str
    where: str = Field(alias="in")
    required: bool = False
    description: str = ""


class _Schema(_Loose):
    reference: str = Field(default="", alias="$ref")
    any_of: tuple["_Schema", ...] = Field(default=(), alias="anyOf")
    type: str = ""
    description: str = ""
    properties: dict[str, "_Schema"] = {}
    required: tuple[str, ...] = ()
    items: "_Schema | None" = None
    values: tuple[str, ...] = Field(default=(), alias="enum")

    @property
    def name(self) -> str:
        """In a few words."""
        if self.reference:
            return self.reference.rpartition("/")[2]
        if self.any_of:
            return " or ".join(each.name for each in self.any_of)
        if self.items is not None:
            return f"list of {self.items.name}"
        return self.type or "any"


class _Media(_Loose):
    what: _Schema = Field(default=_Schema(), alias="schema")


class _Content(_Loose):
    description: str = ""
    content: dict[str, _Media] = {}


class _Call(_Loose):
    description: str = ""
    parameters: tuple[_Parameter, ...] = ()
    body: _Content | None = Field(default=None, alias="requestBody")
    responses: dict[str, _Content] = {}
    security: tuple[dict[str, tuple[str, ...]], ...] = ()

    @property
    def scopes(self) -> str:
        return ", ".join(scope for each in self.security for scopes in each.values() for scope in scopes)


class _Info(_Loose):
    title: str
    version: str
    description: str


class _Components(_Loose):
    schemas: dict[str, _Schema]


class _Document(_Loose):
    info: _Info
    paths: dict[str, dict[str, _Call]]
    components: _Components


@router.get(DOCS)
async def show(request: Request) -> HTMLResponse:
    """The page."""
    document = _Document.model_validate(request.app.openapi())
    return HTMLResponse("\n".join(_page(document)), headers=_HEADERS)


def _page(document: _Document) -> Iterator[str]:
    title = escape(f"{document.info.title} API {document.info.version}")
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    yield f"<style>{_STYLE}</style>"
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<h1>{title}</h1>"
    for paragraph in document.info.description.split("\n\n"):
        yield f"<p>{escape(paragraph)}</p>"
    yield '<p>The same for programs: <a href="/api/v1/openapi.json">openapi.json</a>.</p><h2>Calls</h2>'
    for path, calls in document.paths.items():
        for method, call in calls.items():
            yield from _call(method, path, call)
    yield "<h2>Bodies</h2>"
    for name, schema in sorted(document.components.schemas.items()):
        yield from _schema(name, schema)
    yield "<h2>Errors</h2><ul>"
    for error in sorted([*ProblemType, *RefusalType]):
        yield f'<li id="{error.value}"><code>{error.value}</code> {escape(title_of(error.value))}</li>'
    yield "</ul></html>"


def _call(method: str, path: str, call: _Call) -> Iterator[str]:
    yield f"<section><h3><code>{method.upper()} {escape(path)}</code></h3><p>{escape(call.description)}</p>"
    yield f"<p>Scope: {escape(call.scopes or 'none')}</p><table>"
    for each in call.parameters:
        needed = "" if each.required else ", optional"
        yield _row(each.name, f"in the {each.where}{needed}. {each.description}")
    for kind, media in call.body.content.items() if call.body is not None else ():
        yield _row("body", f"{kind}: {media.what.name}")
    for status, answer in call.responses.items():
        said = ", ".join(f"{kind}: {media.what.name}" for kind, media in answer.content.items())
        yield _row(status, f"{answer.description} {said}")
    yield "</table></section>"


def _schema(name: str, schema: _Schema) -> Iterator[str]:
    yield f'<section id="{escape(name)}"><h3>{escape(name)}</h3><p>{escape(schema.description)}</p><table>'
    if schema.values:
        yield _row("one of", ", ".join(schema.values))
    for field, content in schema.properties.items():
        needed = "" if field in schema.required else ", optional"
        yield _row(field, f"{content.name}{needed}. {content.description}")
    yield "</table></section>"


def _row(name: str, text: str) -> str:
    return f"<tr><th><code>{escape(name)}</code></th><td>{escape(text)}</td></tr>"
