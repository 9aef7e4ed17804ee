"""Goal 2 through FastAPI's dependency: a whole request, without server and socket."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI, Security

from iiniit_guard.fastapi import GuardScheme, install
from tests.load.benchmarks.floors import remembering
from tests.load.benchmarks.measure import BARE, BESIDE, OVER_BARE, Row, compare, floor_note
from tests.load.benchmarks.starlette_host import request
from tests.load.benchmarks.tokens import SCOPE, WANTED, make_guard, make_issuer, token_of


def measure(rounds: int) -> list[Row]:
    """Compare with the floor: the same handler behind an empty dependency, guarded by hand."""
    issuer = make_issuer()
    token = token_of(issuer)
    guard, heard = make_guard(issuer), make_guard(issuer, on_event=lambda event: None)
    guard.verify(token)
    heard.verify(token)
    measured = compare(
        request(_floor(token), token),
        {
            "ours": request(guarded(guard), token),
            "with a listener": request(guarded(heard), token),
            BARE: request(application(Depends(nothing)), token),
        },
        rounds=rounds,
        quotients={OVER_BARE: ("ours", BARE)},
    )
    return [
        Row(
            goal=2,
            name="FastAPI, token cached, scopes of `Security` checked",
            limit=1.20,
            ours=measured["ours"],
            beside={name: measured[name] for name in BESIDE},
            note=floor_note(measured),
        )
    ]


async def nothing() -> None:
    """An empty dependency."""


def application(dependency: Any) -> FastAPI:
    """Create the application, whose handler takes the value of the dependency."""
    app = FastAPI(openapi_url=None)

    @app.get("/me")
    async def me(value: Any = dependency) -> dict[str, Any]:
        return {
            "name": "Aino Esimerkki",
            "email": "aino@example.com",
            "groups": ["readers", "writers"],
        }

    return app


def guarded(guard: Any) -> FastAPI:
    """Create the application with the guard's dependency and middleware."""
    app = application(Security(GuardScheme(), scopes=[WANTED]))
    install(app, guard)
    return app


def _floor(token: str) -> Any:
    recall = remembering(token, SCOPE)
    wanted = frozenset({WANTED})
    inner = application(Depends(nothing))

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        held = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                held = recall(value)
        if held is None or not wanted <= held.scopes:
            raise RuntimeError("the token is not cached")
        await inner(scope, receive, send)

    return middleware
