"""All pages of this room; the application includes them."""

from fastapi import APIRouter

from web.staff import acting, braking, closure_page, documents, signing_in, triage

router = APIRouter(include_in_schema=False)
for room in (signing_in, triage, braking, acting, documents, closure_page):
    router.include_router(room.router)
