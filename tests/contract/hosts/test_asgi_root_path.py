"""An application that sets its own root_path routes another path than the one on which the guard
decides.
"""

from __future__ import annotations

import logging

import pytest
from fastapi import FastAPI
from litestar import Litestar, get
from quart import Quart
from starlette.testclient import TestClient

from iiniit_guard.adapting.admission import make_admission
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.core.model.request import Request
from iiniit_guard.rules import Rule, Rules
from tests.contract.hosts.asgi_exchange import OK, Application, Layer


def rooted_fastapi():
    app = FastAPI()
    app.root_path = "/api"  # what its deprecated parameter sets
    return app


class Rooted(Application):
    root_path = "/api"


class Empty(Application):
    root_path = ""


class Anything(Application):
    def __getattr__(self, name):
        return self if name == "app" else ()


@pytest.mark.parametrize(
    ("app", "warned"),
    [
        (Rooted(*OK), 1),
        (Layer(Rooted(*OK)), 1),
        (rooted_fastapi(), 1),
        (Empty(*OK), 0),
        (FastAPI(), 0),
        (Anything(*OK), 0),
        (Application(*OK), 0),
    ],
)
def test_it_is_warned_about_once(guard, caplog, app, warned):
    caplog.set_level(logging.WARNING, "iiniit_guard")
    client = TestClient(GuardMiddleware(app, guard, public=["/x"]))
    for _ in range(2):
        client.get("/x")
    assert ["root_path" in record.getMessage() for record in caplog.records] == [True] * warned


def test_inside_the_application_the_guard_sees_it(guard, caplog):
    caplog.set_level(logging.WARNING, "iiniit_guard")
    app = rooted_fastapi()
    rules = Rules([Rule("GET", "/items", scopes="a"), Rule("GET", "/<tenant>/items", public=True)])
    app.add_middleware(GuardMiddleware, guard=guard, rules=rules)

    @app.get("/items")
    def items():
        raise AssertionError

    client = TestClient(app)
    assert [client.get(path).status_code for path in ("/items", "/api/items")] == [401, 401]
    assert caplog.records == []


UNCLEAR = [  # setting, path, root_path, the status without a token
    ({"only": ["/admin/*"]}, "/v1/admin/x", "/v1", 401),
    ({"only": ["/admin/*"]}, "/v1admin/x", "/v1", 401),
    ({"only": ["/admin/*"]}, "/v1/admin/x", "/v1/", 401),
    ({"only": ["/admin/*"]}, "/docs/v1/admin/x", "/v1", 401),
    ({"only": ["/admin/*"]}, "/docs/v1admin/x", "/v1", 401),
    ({"only": ["/admin/*"]}, "/v1/x", "/v1", 200),
    ({"only": ["/admin/*"]}, "/x", "/v1", 200),
    ({"only": ["/admin/*"]}, "/x", "/", 200),
    ({"public": ["/docs/*"]}, "/docs/v1/admin/x", "/v1", 401),
    ({"public": ["/docs/*"]}, "/docs/v1", "/v1", 401),
    ({"public": ["/docs/v1"]}, "/docs/v1", "/v1", 401),
    ({"public": ["/docs/*"]}, "/docs/x", "/v1", 200),
    ({"public": ["/docs/*"]}, "/v1/docs/v1/x", "/v1", 200),
    ({"public": ["/docs/*"]}, "/docs/v1/x", "", 200),
    ({"public": ["/docs/*"], "preflights": "pass"}, "/docs/v1/x", "/v1", 401),
]


@pytest.mark.parametrize(("setting", "path", "root", "status"), UNCLEAR, ids=str)
def test_a_path_passes_only_if_every_framework_removes_the_same_prefix(
    guard, setting, path, root, status
):
    async def served(scope, receive, send):
        await guarded({**scope, "root_path": root, "path": path}, receive, send)

    guarded = GuardMiddleware(Application(*OK), guard, **setting)
    answer = TestClient(served).get("/")
    assert answer.status_code == status
    if status == 401:
        assert answer.json()["reason"] == "no_token"


def test_a_request_without_a_scope_has_no_prefix():
    assert make_admission(public=["/x"]).policy_for(Request("GET", "/x")) == "pass"


def test_litestar_and_quart_remove_another_prefix():
    @get("/admin/x")
    async def secret() -> str:
        return "secret"

    site = Quart(__name__)
    site.add_url_rule("/admin/x", view_func=lambda: "secret")

    def text(app, path):
        async def served(scope, receive, send):
            await app({**scope, "root_path": "/v1", "path": path}, receive, send)

        return TestClient(served).get("/").text

    litestar = Litestar([secret], logging_config=None)  # which would change the root logger
    assert text(litestar, "/docs/v1/admin/x") == "secret"
    assert text(litestar, "/v1admin/x") == "secret"
    assert text(site, "/v1admin/x") == "secret"
