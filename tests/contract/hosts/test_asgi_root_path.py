"""An application that sets its own root_path routes another path than the one on which the guard
decides.
"""

from __future__ import annotations

import logging

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from iiniit_guard.asgi import GuardMiddleware
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
