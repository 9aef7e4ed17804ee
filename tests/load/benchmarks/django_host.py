"""Goal 3, Django: a whole request through the WSGI application, without server and socket."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from types import ModuleType
from typing import Any

from iiniit_guard.testing import Issuer
from tests.load.benchmarks import peers
from tests.load.benchmarks.flask_host import ask, authlib_validator
from tests.load.benchmarks.floors import remembering
from tests.load.benchmarks.measure import BARE, BESIDE, OVER_BARE, Row, compare, floor_note
from tests.load.benchmarks.tokens import SCOPE, WANTED, make_guard, make_issuer, token_of

_URLS = ModuleType("tests.load.benchmarks.django_urls")


def measure(rounds: int) -> list[Row]:
    """Compare with the floor: the same application, guarded by hand-written code."""
    issuer = make_issuer()
    token = token_of(issuer)
    guard, heard = make_guard(issuer), make_guard(issuer, on_event=lambda event: None)
    guard.verify(token)
    heard.verify(token)
    has_toolkit = _configure(guard)
    from django.urls import path

    from iiniit_guard.django import require_scope

    views: dict[str, Any] = {
        "ours": require_scope(WANTED)(me),
        "PyJWT in the view": peers.peer(lambda: _pyjwt(issuer)),
        "Authlib, token in a dict": peers.peer(lambda: _authlib(token)),
        "django-oauth-toolkit, SQLite in memory": peers.peer(lambda: _toolkit(token))
        if has_toolkit
        else "not installed",
    }
    _URLS.urlpatterns = [  # type: ignore[attr-defined]
        path("me", view, name=name) for name, view in views.items() if name == "ours"
    ]
    able, unable = peers.split(
        {
            name: view if isinstance(view, str) else _request(view, token, ())
            for name, view in views.items()
            if name != "ours"
        }
    )
    ours = ("iiniit_guard.django.GuardMiddleware",)
    measured = compare(
        _request(_floor_view, token, (f"{__name__}.floor_middleware",), floor=token),
        {
            "ours": _request(views["ours"], token, ours),
            "with a listener": _request(views["ours"], token, ours, guard=heard),
            BARE: _request(me, token, ()),
            **able,
        },
        rounds=rounds,
        quotients={OVER_BARE: ("ours", BARE)},
    )
    return [
        Row(
            goal=3,
            name="Django, token cached, scope checked",
            limit=1.10,
            ours=measured["ours"],
            peers={**{name: measured[name] for name in able}, **unable},
            beside={name: measured[name] for name in BESIDE},
            note=floor_note(measured),
        )
    ]


def _configure(guard: Any) -> bool:
    """Set up Django; return whether django-oauth-toolkit is installed."""
    import sys

    import django
    from django.conf import settings

    toolkit = not isinstance(peers.peer(lambda: import_module("oauth2_provider")), str)
    sys.modules[_URLS.__name__] = _URLS
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=_URLS.__name__,
        MIDDLEWARE=[],
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            *(["oauth2_provider"] if toolkit else []),
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        IINIIT_GUARD=guard,
        USE_TZ=True,
        SECRET_KEY="of a benchmark",
        USE_I18N=False,
    )
    django.setup()
    return toolkit


def me(request: Any) -> Any:
    """Return the response of an API."""
    from django.http import JsonResponse

    return JsonResponse(
        {"name": "Aino Esimerkki", "email": "aino@example.com", "groups": ["readers", "writers"]}
    )


def _request(
    view: Callable[..., Any],
    token: str,
    middleware: tuple[str, ...],
    *,
    guard: Any = None,
    floor: str | None = None,
) -> Any:
    """Create a separate Django handler around `view`; return a function that sends one request
    through it.
    """
    from django.conf import settings
    from django.core.wsgi import WSGIHandler
    from django.test import override_settings
    from django.urls import path

    urls = ModuleType(f"tests.load.benchmarks.django_urls_{id(view)}_{id(guard)}")
    import sys

    sys.modules[urls.__name__] = urls
    # mypy knows of no such attribute
    setattr(urls, "urlpatterns", [path("me", view)])  # noqa: B010
    if floor is not None:
        _held[:] = [remembering(floor, SCOPE)]
    with override_settings(
        MIDDLEWARE=list(middleware), IINIIT_GUARD=guard or settings.IINIIT_GUARD
    ):
        handler = WSGIHandler()  # reads MIDDLEWARE now, ROOT_URLCONF at each request
    call = ask(handler, token)

    def turn() -> object:
        settings.ROOT_URLCONF = urls.__name__
        return call()

    return turn


_held: list[Callable[[bytes], Any]] = []
_wanted = frozenset({WANTED})


def floor_middleware(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Run the minimum of checks."""
    from django.http import JsonResponse

    recall = _held[0]

    def middleware(request: Any) -> Any:
        request.held = recall(request.META["HTTP_AUTHORIZATION"].encode("latin-1"))
        return get_response(request) if request.held is not None else JsonResponse({}, status=401)

    return middleware


def _floor_view(request: Any) -> Any:
    from django.http import JsonResponse

    return me(request) if _wanted <= request.held.scopes else JsonResponse({}, status=403)


def _pyjwt(issuer: Issuer) -> Any:
    from django.http import JsonResponse

    check = peers.pyjwt(issuer)

    def view(request: Any) -> Any:
        claims: Any = check(request.headers["Authorization"][7:])
        return me(request) if WANTED in claims["scope"].split() else JsonResponse({}, status=403)

    return view


def _authlib(token: str) -> Any:
    protector = import_module("authlib.integrations.django_oauth2").ResourceProtector()
    protector.register_token_validator(authlib_validator(token))
    return protector(WANTED)(me)


def _toolkit(token: str) -> Any:
    from django.core.management import call_command
    from django.utils import timezone

    decorators, models = (
        import_module("oauth2_provider.decorators"),
        import_module("oauth2_provider.models"),
    )
    settings = import_module("oauth2_provider.settings").oauth2_settings
    settings.SCOPES = {scope: scope for scope in SCOPE.split()}
    call_command("migrate", verbosity=0)
    application = models.get_application_model().objects.create(
        client_type="confidential", authorization_grant_type="client-credentials"
    )
    models.get_access_token_model().objects.create(
        token=token,
        scope=SCOPE,
        expires=timezone.now() + timedelta(hours=1),
        application=application,
    )
    return decorators.protected_resource([WANTED])(me)
