"""Guard a whole application in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.middleware import Middleware

from iiniit_guard.adapting.admission import Enforce, Preflights, Rules, engine_of
from iiniit_guard.adapting.decorator_order import check_application
from iiniit_guard.adapting.middleware_entries import admission_of, entries_of
from iiniit_guard.asgi import Application, GuardMiddleware
from iiniit_guard.errors import UsageError
from iiniit_guard.fastapi.annotations import check_alternatives, check_annotations
from iiniit_guard.fastapi.document import describe
from iiniit_guard.fastapi.refused import add_handlers
from iiniit_guard.fastapi.scheme import GuardScheme

if TYPE_CHECKING:
    from iiniit_guard.guard import Guard


class _Middleware(GuardMiddleware):
    """The guard's middleware, which also checks the dependencies of the application once."""

    def __init__(
        self, app: Application, guard: Guard, *, application: FastAPI, **settings: Any
    ) -> None:
        super().__init__(app, guard, **settings)
        self._check = cache(partial(_check, app, application))


def _check(app: Application, application: FastAPI) -> None:
    check_annotations(application)
    check_alternatives(application)
    check_application(app)


def install(
    app: FastAPI,
    guard: Guard,
    *,
    public: Iterable[str] = (),
    public_docs: bool = False,
    only: Iterable[str] | None = None,
    rules: Rules | None = None,
    enforce: Enforce = "all",
    optional_token: bool = False,
    preflights: Preflights = "auto",
    scopes: Mapping[str, str] | None = None,
    issuer: str | None = None,
    authorization_url: str | None = None,
    token_url: str | None = None,
    client_id: str | None = None,
) -> GuardScheme:
    """Add the middleware, the exception handlers and the OpenAPI document to an application.

    From then on, every request needs a token: operations without a dependency, mounted applications
    and the docs pages too.

    Args:
        app: The application. Call `install` before it starts. A CORS middleware may be added before
            or after, and is outside the guard in both cases.
        guard: The guard that checks the credentials.
        public: As for `GuardMiddleware`: complete paths that pass without a token.
        public_docs: Whether the OpenAPI document and the docs pages of `app` are public. A browser
            sends no token when it opens a page, so the docs pages need this to be usable there.
        only: As for `GuardMiddleware`: the paths to guard; every other path passes.
        rules: As for `GuardMiddleware`.
        enforce: As for `GuardMiddleware`.
        optional_token: As for `GuardMiddleware`.
        preflights: As for `GuardMiddleware`.
        scopes: As for `describe`: descriptions by scope.
        issuer: As for `describe`.
        authorization_url: As for `describe`.
        token_url: As for `describe`.
        client_id: The public client as which the docs page signs users in, by authorization code
            with PKCE. Its redirect URI is the URL of the docs page followed by `/oauth2-redirect`.

    Returns:
        A security scheme for `Security(...)`. Operations may also use other `GuardScheme` objects.

    Raises:
        SettingsError: A setting is invalid.
        UsageError: `app` is not a `FastAPI` application, it is already guarded, or it has started.
    """
    _check_usage(app, guard)
    paths = public if isinstance(public, str) else [*public, *_docs(app, public_docs)]
    entry = _entry(
        app,
        guard,
        public=paths,
        only=only,
        rules=rules,
        enforce=enforce,
        optional_token=optional_token,
        preflights=preflights,
    )
    describe(
        app,
        guard,
        scopes=scopes,
        issuer=issuer,
        authorization_url=authorization_url,
        token_url=token_url,
    )
    app.user_middleware.insert(_place_inside_cors(app), entry)
    add_handlers(app)
    if client_id is not None:
        client = {"clientId": client_id, "usePkceWithAuthorizationCodeGrant": True}
        app.swagger_ui_init_oauth = {**(app.swagger_ui_init_oauth or {}), **client}
    return GuardScheme()


def _entry(app: FastAPI, guard: Guard, **settings: Any) -> Middleware:
    """Return the entry of the guard's middleware; `SettingsError` if a setting is invalid."""
    # Starlette's type of a middleware does not allow keyword arguments besides `**settings`.
    middleware: Any = _Middleware
    entry = Middleware(middleware, application=app, guard=guard, **settings)
    admission_of(entry)  # raises now, not at the first request
    return entry


def _check_usage(app: FastAPI, guard: Guard) -> None:
    if not isinstance(app, FastAPI):
        raise UsageError("app: must be a FastAPI application: install(app, guard)")
    engine_of(guard)
    if entries_of(app, GuardMiddleware):
        raise UsageError("app: already has the guard's middleware; call install() only once")
    if app.middleware_stack is not None:
        raise UsageError("app: has already started; call install() before the first request")


def _place_inside_cors(app: FastAPI) -> int:
    """Return the index at which the guard's middleware is inside every CORS middleware.

    Starlette runs the first entry outermost. CORS must be outside: its fields must also be on
    refusals, and browsers send preflights without a token.
    """
    cors = [
        index
        for index, entry in enumerate(app.user_middleware)
        if getattr(entry.cls, "__name__", "").endswith("CORSMiddleware")
    ]
    return cors[-1] + 1 if cors else 0


def _docs(app: FastAPI, public: bool) -> Iterable[str]:
    if type(public) is not bool:  # "false" is true to Python
        raise UsageError("public_docs: must be True or False")
    pages = (app.openapi_url, app.docs_url, app.swagger_ui_oauth2_redirect_url, app.redoc_url)
    return [page for page in pages if page] if public and app.openapi_url else []
