"""`POST /api/v1/callbacks/operations`: the platform says that an effect which it had accepted is done.

Only a hint of when to look: whoever forges or repeats one gains a look, which changes nothing. It is
described where who sends it reads: `operation.done` in `connectors/http/openapi.yaml`.
"""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from connectors.faults import CallbackRefused
from connectors.ports import Callback, Callbacks
from web.api.problems import TRY_AGAIN_AFTER, Problem, ProblemType, require_within
from web.service import service_of

router = APIRouter()


@router.post("/callbacks/operations", include_in_schema=False)
async def effect_done(request: Request) -> Response:
    """204 when it is looked at now, or nothing waits for it."""
    service = service_of(request)
    if service.platform.callbacks is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    key = _key(service.platform.callbacks, await _callback(request))
    require_within(service.by_token, "callbacks of the platform")
    if not await service.closures.effect_done(key):
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            ProblemType.UNAVAILABLE,
            "what waits for it is at work just now; send it again",
            headers={"Retry-After": str(TRY_AGAIN_AFTER)},
        )
    return Response(status_code=HTTPStatus.NO_CONTENT)


async def _callback(request: Request) -> Callback:
    path, query = (request.scope[part].decode("latin-1") for part in ("raw_path", "query_string"))
    target = f"{path}?{query}" if query else path
    return Callback(request.method, target, request.headers, await request.body())


def _key(callbacks: Callbacks, callback: Callback) -> str:
    """Raises `Problem`: 401, or 422 for one that is the platform's and can't be read."""
    try:
        return callbacks.effect_done(callback)
    except CallbackRefused as refused:
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            ProblemType.SIGNATURE_REFUSED,
            str(refused),
            headers={"WWW-Authenticate": "Signature"},
        ) from None
    except ValueError:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            ProblemType.INVALID_FIELDS,
            "the body is not as the contract says",
        ) from None
