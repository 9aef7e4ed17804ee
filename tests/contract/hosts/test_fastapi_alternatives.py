"""FastAPI joins the scopes of nested dependencies, so `match="any"` must not get several sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Security
from fastapi.testclient import TestClient

from iiniit_guard.errors import UsageError
from iiniit_guard.fastapi import GuardScheme, install, operations
from tests.contract.hosts.fastapi_apps import fields

either = GuardScheme(match="any")
every = GuardScheme()


def reader(token: Annotated[Any, Security(either, scopes=["user:read", "user:write"])]) -> Any:
    return token


def plain(token: Annotated[Any, Security(either)]) -> Any:
    return token


def deeper(token: Annotated[Any, Security(plain, scopes=["user:read"])]) -> Any:
    return token


def inside() -> str:
    return "inside"


def make_app(guard: Any, *dependencies: Any) -> FastAPI:
    app = FastAPI()
    install(app, guard)
    app.get("/x", dependencies=list(dependencies))(inside)
    return app


@pytest.mark.parametrize("dependency", [reader, deeper], ids=["own scopes", "two above"])
@pytest.mark.parametrize("use", [lambda app: TestClient(app).get("/x"), operations])
def test_scopes_of_two_levels_are_not_alternatives(
    guard, bearer, dependency: Any, use: Callable[[FastAPI], object]
):
    app = make_app(guard, Security(dependency, scopes=["admin"]))

    with pytest.raises(UsageError, match=r'match="any".*test_fastapi_alternatives\.inside'):
        use(app)
    client = TestClient(app, raise_server_exceptions=False)
    refused = client.get("/x", headers=fields(bearer("user:read")))
    assert (refused.status_code, "inside" in refused.text) == (500, False)


@pytest.mark.parametrize(
    "dependencies",
    [
        [Security(plain, scopes=["user:read", "admin"])],
        [Depends(reader)],
        [Security(reader, scopes=["user:write", "user:read"])],  # the same set
    ],
    ids=["above", "below", "equal"],
)
def test_scopes_of_one_level_are_alternatives(guard, bearer, dependencies: Any):
    client = TestClient(make_app(guard, *dependencies))

    assert client.get("/x", headers=fields(bearer("user:read"))).json() == "inside"
    assert client.get("/x", headers=fields(bearer("other"))).status_code == 403


def test_another_scheme_requires_its_scopes_too(guard, bearer):
    client = TestClient(make_app(guard, Security(every, scopes=["admin"]), Depends(reader)))

    assert client.get("/x", headers=fields(bearer("user:read"))).status_code == 403
    assert client.get("/x", headers=fields(bearer("user:read admin"))).json() == "inside"
