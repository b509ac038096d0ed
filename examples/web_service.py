"""A provider's own web service that closes accounts: `python -m examples.web_service`."""

import asyncio

import uvicorn
from pydantic import Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from client import ClosureClient, ProofOfIdentity
from client.faults import NotAnswered, TemporalFailed
from closure.errors import Refused
from closure.model import WireModel
from installation import open_installation
from settings import Settings
from temporal.connection import connect


class CloseRequest(WireModel):
    user_id: str
    password: str | None = Field(default=None, repr=False)
    code: str | None = Field(default=None, repr=False)
    agree: bool = False
    acknowledgements: tuple[str, ...] = ()


def closure_service(closures: ClosureClient) -> Starlette:
    async def close(request: Request) -> JSONResponse:
        asked = CloseRequest.model_validate_json(await request.body())
        proof = ProofOfIdentity(password=asked.password, code=asked.code)
        account, words = request.path_params["account"], asked.acknowledgements
        document = await closures.close(
            account, asked.user_id, proof, agree=asked.agree, acknowledgements=words
        )
        return JSONResponse(document.model_dump(mode="json"), status_code=201)

    async def status(request: Request) -> JSONResponse:
        document = await closures.status(request.path_params["account"])
        return JSONResponse(document.model_dump(mode="json"))

    path, faults = "/accounts/{account}/closure", (Refused, NotAnswered, TemporalFailed, ValidationError)
    routes = [Route(path, close, methods=["POST"]), Route(path, status)]
    return Starlette(routes=routes, exception_handlers=dict.fromkeys(faults, answer_fault))


async def answer_fault(request: Request, fault: Exception) -> JSONResponse:
    if isinstance(fault, Refused):
        refusal = {"type": fault.type.value, "message": fault.message, "facts": dict(fault.facts)}
        return JSONResponse(refusal, status_code=409)
    if isinstance(fault, NotAnswered | TemporalFailed):  # nothing was done, and nothing will be
        return JSONResponse({"message": str(fault)}, status_code=503)
    return JSONResponse({"message": "the body is not a request to close an account"}, status_code=422)


async def main() -> None:
    settings = Settings()
    async with open_installation(settings) as installation:
        closures = installation.client(await connect(settings))
        await uvicorn.Server(uvicorn.Config(closure_service(closures))).serve()


if __name__ == "__main__":
    asyncio.run(main())
