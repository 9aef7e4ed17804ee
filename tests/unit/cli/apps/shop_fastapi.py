"""A FastAPI application with one unguarded route, `POST /v1/orders`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Security, WebSocket

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.fastapi import GuardScheme
from iiniit_guard.testing import Issuer

scheme = GuardScheme()
router = APIRouter(prefix="/v1")


@router.get("/orders")
async def orders(token: Annotated[Any, Security(scheme, scopes=["orders:read"])]):
    return {}


@router.post("/orders")
async def planted():
    return {}


@router.websocket("/feed")
async def feed(websocket: WebSocket, token: Annotated[Any, Security(scheme, scopes=["feed:read"])]):
    await websocket.accept()


app = FastAPI(openapi_url=None)
app.include_router(router)
app.add_middleware(GuardMiddleware, guard=Issuer().guard(), enforce="declared")
