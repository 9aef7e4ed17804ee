"""Goal 3, Flask: a whole request through the WSGI application, without server and socket."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from flask import Flask, request

from iiniit_guard.flask import IiniitGuard, require_scope
from iiniit_guard.testing import Issuer
from tests.load.benchmarks import peers
from tests.load.benchmarks.floors import remembering
from tests.load.benchmarks.measure import BARE, BESIDE, OVER_BARE, Row, compare, floor_note
from tests.load.benchmarks.tokens import (
    AUDIENCE,
    SCOPE,
    WANTED,
    environ_of,
    make_guard,
    make_issuer,
    token_of,
)


def measure(rounds: int) -> list[Row]:
    """Compare with the floor: the same application, guarded by hand-written code."""
    issuer = make_issuer()
    token = token_of(issuer)
    guard, heard = make_guard(issuer), make_guard(issuer, on_event=lambda event: None)
    guard.verify(token)
    heard.verify(token)
    able, unable = peers.split(
        {name: _call_of(app, token) for name, app in _peer_apps(issuer, token).items()}
    )
    measured = compare(
        ask(_floor(token), token),
        {
            "ours": ask(_guarded(guard), token),
            "with a listener": ask(_guarded(heard), token),
            BARE: ask(application(me), token),
            **able,
        },
        rounds=rounds,
        quotients={OVER_BARE: ("ours", BARE)},
    )
    return [
        Row(
            goal=3,
            name="Flask, token cached, scope checked",
            limit=1.08,
            ours=measured["ours"],
            peers={**{name: measured[name] for name in able}, **unable},
            beside={name: measured[name] for name in BESIDE},
            note=floor_note(measured),
        )
    ]


def me() -> dict[str, Any]:
    """Return the response of an API."""
    return {"name": "Aino Esimerkki", "email": "aino@example.com", "groups": ["readers", "writers"]}


def application(view: Callable[..., Any]) -> Flask:
    """Create the application."""
    app = Flask("benchmarked")
    app.add_url_rule("/me", "me", view)
    return app


def ask(app: Any, token: str) -> Callable[[], object]:
    """Return a function that sends a request with `token` through `app` and checks the status."""
    environ = environ_of(token)
    statuses: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        statuses.append(status)

    def call() -> object:
        statuses.clear()
        body = app({**environ}, start_response)
        read = b"".join(body)
        if hasattr(body, "close"):
            body.close()
        if statuses != ["200 OK"]:
            raise RuntimeError(f"status {statuses}")
        return read

    return call


def _call_of(app: Any, token: str) -> Any:
    return app if isinstance(app, str) else ask(app, token)


def _guarded(guard: Any) -> Flask:
    app = application(require_scope(WANTED)(me))
    IiniitGuard(app, guard)
    return app


def _floor(token: str) -> Flask:
    recall = remembering(token, SCOPE)
    wanted = frozenset({WANTED})

    def view() -> Any:
        return me() if wanted <= request.environ["held"].scopes else ({}, 403)

    app = application(view)

    @app.before_request
    def look() -> Any:
        held = recall(request.environ["HTTP_AUTHORIZATION"].encode("latin-1"))
        if held is None:
            return {}, 401
        request.environ["held"] = held
        return None

    return app


def _peer_apps(issuer: Issuer, token: str) -> dict[str, Any]:
    return {
        "Authlib, token in a dict": peers.peer(lambda: _authlib(token)),
        "PyJWT in the view": peers.peer(lambda: _pyjwt(issuer)),
        "flask-jwt-extended": peers.peer(lambda: _flask_jwt_extended(issuer)),
    }


def _authlib(token: str) -> Flask:
    protector = import_module("authlib.integrations.flask_oauth2").ResourceProtector()
    protector.register_token_validator(authlib_validator(token))
    return application(protector(WANTED)(me))


def authlib_validator(token: str) -> Any:
    """Return a validator with a dict in place of the database in Authlib's documentation."""
    rfc6750 = import_module("authlib.oauth2.rfc6750")

    class Stored:
        def get_scope(self) -> str:
            return SCOPE

        def is_expired(self) -> bool:
            return time.time() > self.expires_at

        def is_revoked(self) -> bool:
            return False

        expires_at = time.time() + 3600

    stored = {token: Stored()}

    # loaded by name: it may not be installed
    class Validator(rfc6750.BearerTokenValidator):  # type: ignore[name-defined]
        def authenticate_token(self, token_string: str) -> Stored | None:
            return stored.get(token_string)

    return Validator()


def _pyjwt(issuer: Issuer) -> Flask:
    check = peers.pyjwt(issuer)

    def view() -> Any:
        claims: Any = check(request.headers["Authorization"][7:])
        return me() if WANTED in claims["scope"].split() else ({}, 403)

    return application(view)


def _flask_jwt_extended(issuer: Issuer) -> Flask:
    extension = import_module("flask_jwt_extended")

    @extension.jwt_required()
    def view() -> Any:
        return me() if WANTED in extension.get_jwt()["scope"].split() else ({}, 403)

    app = application(view)
    app.config.update(
        JWT_ALGORITHM=issuer.signing_key.algorithm,
        JWT_PUBLIC_KEY=peers.public_pem(issuer),
        JWT_DECODE_AUDIENCE=AUDIENCE,
        JWT_DECODE_ISSUER=issuer.issuer,
    )
    extension.JWTManager(app)
    return app
