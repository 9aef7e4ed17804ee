"""Operations of a django-ninja API, for `test_ninja.py`."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import path
from ninja import NinjaAPI, Router
from ninja.decorators import decorate_view
from ninja.errors import AuthenticationError
from ninja.security import APIKeyHeader, django_auth

from iiniit_guard.django import require_scope
from iiniit_guard.ninja import GuardAuth

READ, WRITE = "orders:read", "orders:write"


class ApiKey(APIKeyHeader):
    param_name = "X-Key"

    def authenticate(self, request, key):
        return key if key == "good" else None


def shown(request):
    """Return what an operation sees."""
    who = request.auth
    return {
        "auth": type(who).__name__,
        "who": who if isinstance(who, str) else getattr(who, "subject", None),
        "token": getattr(request.access_token, "subject", None),
        "admitted": bool(who),
    }


async def shown_async(request):
    return shown(request)


def forget(request):
    """Detach the request from its middleware, as a call on behalf of a client does."""
    request.META["iiniit_guard.refusal_record"] = None


def secret(request):
    raise AssertionError


def make_patterns():
    api = NinjaAPI(urls_namespace="guarded", auth=GuardAuth())
    api.get("/any")(shown)
    api.get("/read", auth=GuardAuth(READ))(shown)
    api.get("/read-async", auth=GuardAuth(READ))(shown_async)
    api.get("/both", auth=GuardAuth(READ, WRITE))(shown)
    api.get("/either", auth=GuardAuth(READ, WRITE, match="any"))(shown)
    api.get("/strong", auth=GuardAuth(acr_values=["gold"]))(shown)
    api.get("/open", auth=None)(lambda request: {})
    api.get("/optional", auth=GuardAuth(READ, optional=True))(shown)
    api.get("/optional-async", auth=GuardAuth(READ, optional=True))(shown_async)
    api.get("/key", auth=[GuardAuth(READ), ApiKey()])(shown)
    api.get("/key-async", auth=[GuardAuth(READ), ApiKey()])(shown_async)
    api.get("/key-first", auth=[ApiKey(), GuardAuth(READ)])(shown)
    api.get("/two", auth=[GuardAuth(READ), GuardAuth(WRITE)])(shown)
    api.post("/session", auth=[GuardAuth(READ), django_auth])(shown)
    api.get("/decorated")(require_scope(WRITE)(shown))
    api.get("/run")(decorate_view(require_scope(WRITE))(lambda request: shown(request)))
    api.api_operation(["POST", "PATCH"], "/many", auth=GuardAuth(WRITE))(shown)
    api.get("/many", auth=GuardAuth(READ))(lambda request: shown(request))
    api.get("/class", auth=GuardAuth)(secret)
    api.get("/unauthorized", auth=[GuardAuth(READ), ApiKey()])(
        lambda request: HttpResponse(status=401)
    )
    api.get("/forgotten", auth=[forget, GuardAuth(READ), ApiKey()])(secret)
    router = Router(auth=GuardAuth(WRITE))
    router.get("/inherited")(lambda request: shown(request))
    router.get("/own", auth=GuardAuth(READ))(lambda request: shown(request))
    api.add_router("/router", router)
    handled = NinjaAPI(urls_namespace="handled", auth=GuardAuth(READ))
    handled.get("/read")(secret)
    for error in (Exception, AuthenticationError):
        handled.exception_handler(error)(lambda request, error: HttpResponse("secret"))
    return (
        path("plain", lambda request: HttpResponse(GuardAuth(READ)(request).subject)),
        path("", api.urls),
        path("handled/", handled.urls),
    )


PATTERNS = make_patterns()
