"""Every decorator on synchronous and asynchronous handlers, checked by mypy and pyright.

A decorated handler has the type that it had before: names, order and types of its arguments, and
its result. A wrong call of a decorated handler is an error.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Annotated, Any, Protocol, assert_type

from fastapi import Depends, FastAPI
from flask.views import MethodView
from ninja import NinjaAPI
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from iiniit_guard import django, flask, ninja, rest_framework, starlette
from iiniit_guard.core.model.access_token import AuthorizationDetail


class Sync(Protocol):
    """A handler with a name for its keyword, which `Callable` cannot express."""

    def __call__(self, number: int, /, *, page: str = "") -> bytes: ...


class Async(Protocol):
    def __call__(self, number: int, /, *, page: str = "") -> Awaitable[bytes]: ...


def handler(number: int, /, *, page: str = "") -> bytes:
    """Return the handled number."""
    return page.encode() * number


async def handler_async(number: int, /, *, page: str = "") -> bytes:
    """Return the handled number."""
    return page.encode() * number


def initiates(detail: AuthorizationDetail) -> bool:
    return "initiate" in detail.actions


flask_sync: list[Sync] = [
    flask.require_token()(handler),
    flask.require_scope("a", "b", acr_values="gold", max_age=300)(handler),
    flask.require_any_scope("a", "b", long_lived="off")(handler),
    flask.require_actor("billing", profile=["service"])(handler),
    flask.forbid_actor()(handler),
    flask.require_authorization_details("payment", initiates)(handler),
    flask.public(handler),
]
flask_async: list[Async] = [
    flask.require_token()(handler_async),
    flask.require_scope("a")(handler_async),
    flask.require_any_scope("a", "b")(handler_async),
    flask.require_actor()(handler_async),
    flask.forbid_actor("ai_agent")(handler_async),
    flask.require_authorization_details("payment")(handler_async),
    flask.public(handler_async),
]
django_sync: list[Sync] = [
    django.require_token()(handler),
    django.require_scope("a")(handler),
    django.require_any_scope("a", "b")(handler),
    django.require_actor()(handler),
    django.forbid_actor("ai_agent")(handler),
    django.require_authorization_details("payment", initiates)(handler),
    django.public(handler),
]
django_async: list[Async] = [
    django.require_token()(handler_async),
    django.require_scope("a")(handler_async),
    django.require_any_scope("a", "b")(handler_async),
    django.require_actor()(handler_async),
    django.forbid_actor("ai_agent")(handler_async),
    django.require_authorization_details("payment", initiates)(handler_async),
    django.public(handler_async),
]
starlette_sync: list[Sync] = [
    starlette.require_token()(handler),
    starlette.require_scope("a")(handler),
    starlette.require_any_scope("a", "b")(handler),
    starlette.require_actor()(handler),
    starlette.forbid_actor("ai_agent")(handler),
    starlette.require_authorization_details("payment", initiates)(handler),
]
starlette_async: list[Async] = [
    starlette.require_token()(handler_async),
    starlette.require_scope("a")(handler_async),
    starlette.require_any_scope("a", "b")(handler_async),
    starlette.require_actor()(handler_async),
    starlette.forbid_actor("ai_agent")(handler_async),
    starlette.require_authorization_details("payment", initiates)(handler_async),
]

# mypy reports an unused `type: ignore`, so each of these lines must be an error.
flask.require_scope("a")(handler)("one")  # type: ignore[arg-type]
django.require_scope("a")(handler)(1, pages="x")  # type: ignore[call-arg]
handling = starlette.require_scope("a")(handler_async)()  # type: ignore[call-arg]
flask.require_scope(1)  # type: ignore[arg-type]
django.require_any_scope("a", max_age="1")  # type: ignore[arg-type]
starlette.require_token()(1)  # type: ignore[type-var]


@flask.require_scope("user:read")
class FlaskUsers(MethodView):
    def get(self, number: int) -> str:
        return str(number)


assert_type(FlaskUsers().get(1), str)


class DjangoView:
    """Stands for the `View` of Django, which has no types."""

    @django.require_scope("user:read")
    async def get(self, number: int) -> bytes:
        return bytes(number)

    @django.public
    def post(self, number: int) -> bytes:
        return bytes(number)


async def call_methods(view: DjangoView) -> None:
    assert_type(await view.get(1), bytes)
    assert_type(view.post(1), bytes)


@starlette.require_scope("user:read")
class StarletteUsers(HTTPEndpoint):
    async def get(self, request: Request) -> JSONResponse:
        return JSONResponse({})


assert_type(StarletteUsers, type[StarletteUsers])


@starlette.require_scope("feed:read", long_lived="end")
async def feed(websocket: WebSocket) -> None:
    await websocket.accept()


@starlette.require_scope("user:read")
def pages(request: Request) -> Iterator[int]:
    yield 1


@starlette.require_scope("user:read")
async def pages_async(request: Request) -> AsyncIterator[int]:
    yield 1


async def read_pages(request: Request) -> None:
    assert_type(pages(request), Iterator[int])
    assert_type(pages_async(request), AsyncIterator[int])


class Stored:
    """Django REST framework and django-ninja take objects, so their handlers keep their types."""

    permission_classes = (
        rest_framework.RequireScope("user:read"),
        rest_framework.RequireActor("billing"),
        rest_framework.ForbidActor(),
    )


ninja_api = NinjaAPI(auth=ninja.GuardAuth("user:read", require_actor="billing", forbid_actor=True))


async def ninja_page(request: object, page: int) -> dict[str, int]:
    return {"page": page}


def ninja_page_sync(request: object, page: int) -> dict[str, int]:
    return {"page": page}


async def call_ninja(request: object) -> None:
    guarding = django.require_scope("user:read")
    assert_type(await guarding(ninja_page)(request, 1), dict[str, int])
    assert_type(guarding(ninja_page_sync)(request, page=1), dict[str, int])


application = FastAPI()


@application.get("/pages")
@starlette.require_scope("user:read")
async def fastapi_pages(request: Request, page: Annotated[Any, Depends(pages)]) -> dict[str, int]:
    return {"page": 1}


async def call_page(request: Request) -> None:
    assert_type(await fastapi_pages(request, page=1), dict[str, int])
