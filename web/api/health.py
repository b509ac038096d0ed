"""Whether the service lives, and whether it can do its work: for whatever starts and watches it."""

from fastapi import APIRouter
from sqlalchemy import text

from web.api.description import Service, problems
from web.api.documents import Health

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def is_alive() -> Health:
    """The process answers."""
    return Health(status="ok")


@router.get("/readyz", responses={503: problems()[503]})
async def is_ready(service: Service) -> Health:
    """Database and Temporal answer."""
    await service.record.read(lambda connection: connection.execute(text("SELECT 1")).scalar_one())
    await service.require_temporal()
    return Health(status="ready")
