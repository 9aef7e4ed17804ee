"""`install()` of the FastAPI adapter: the order of middleware, the docs pages, wrong use."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI, Security
from fastapi.middleware.cors import CORSMiddleware
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.middleware import Middleware

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.errors import SettingsError, UsageError
from iiniit_guard.fastapi import install
from iiniit_guard.rules import Rule, Rules
from tests.contract.hosts.fastapi_apps import client_of, fields, make_app

ORIGIN = "https://app.example"
DOCS = ["/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"]


def cors(app: FastAPI) -> None:
    app.add_middleware(CORSMiddleware, allow_origins=[ORIGIN], allow_headers=["authorization"])


@pytest.mark.parametrize("first", [True, False])
def test_cors_is_outside_the_guard_whichever_was_added_first(guard, first, caplog):
    app = FastAPI()
    if first:
        cors(app)
    scheme = install(app, guard)
    if not first:
        cors(app)
    app.get("/x", dependencies=[Security(scheme)])(lambda: None)
    client = client_of(app)

    preflight = client.options(
        "/x",
        headers={
            "origin": ORIGIN,
            "access-control-request-method": "GET",
            "access-control-request-headers": "authorization",
        },
    )
    refused = client.get("/x", headers={"origin": ORIGIN})
    assert preflight.status_code == 200
    assert refused.json()["reason"] == "no_token"
    assert refused.headers["access-control-allow-origin"] == ORIGIN
    assert caplog.text == ""


def test_the_guard_is_outside_every_other_middleware_that_was_added_before(guard):
    class Inner:
        def __init__(self, app: Any) -> None:
            self.app = app

    inner: Any = Inner
    app = FastAPI(middleware=[Middleware(inner), Middleware(CORSMiddleware), Middleware(inner)])
    install(app, guard)

    classes: list[Any] = [entry.cls for entry in app.user_middleware]
    assert [classes[0], classes[1], classes[3]] == [Inner, CORSMiddleware, Inner]
    assert issubclass(classes[2], GuardMiddleware)


@pytest.mark.parametrize("path", DOCS)
def test_the_docs_pages_are_public_only_with_the_option(guard, path):
    assert client_of(make_app(guard)).get(path).json()["reason"] == "no_token"
    client = client_of(make_app(guard, public_docs=True))
    assert client.get(path).status_code == 200
    assert client.get("/undecorated").json()["reason"] == "no_token"


def test_public_docs_are_where_the_application_has_them(guard):
    app = FastAPI(openapi_url="/api.json", docs_url="/try", redoc_url=None)
    install(app, guard, public_docs=True, public=["/healthz"])
    app.get("/healthz")(lambda: "ok")
    client = client_of(app)

    for path in ("/api.json", "/try", "/docs/oauth2-redirect", "/healthz"):
        assert client.get(path).status_code == 200
    for path in ("/openapi.json", "/docs", "/redoc"):
        assert client.get(path).json()["reason"] == "no_token"


def test_an_application_without_a_document_can_be_guarded(guard, bearer):
    app = FastAPI(openapi_url=None)
    scheme = install(app, guard, public_docs=True)
    app.get("/x", dependencies=[Security(scheme)])(lambda: "x")

    assert client_of(app).get("/x", headers=fields(bearer())).json() == "x"
    assert client_of(app).get("/docs").json()["reason"] == "no_token"


def test_rules_and_dependencies_both_apply(guard, bearer):
    rules = Rules([Rule("GET", "/async", scopes=["admin"]), Rule("GET", "/sync")])
    client = client_of(make_app(guard, rules=rules))

    assert client.get("/async", headers=fields(bearer("admin"))).status_code == 403
    assert client.get("/async", headers=fields(bearer("user:read"))).status_code == 403
    assert client.get("/async", headers=fields(bearer("admin user:read"))).status_code == 200
    assert client.get("/sync", headers=fields(bearer("other"))).status_code == 403
    assert client.get("/route", headers=fields(bearer())).json()["reason"] == "no_rule"


def test_the_docs_page_signs_in_with_pkce(guard):
    app = FastAPI(swagger_ui_init_oauth={"scopes": "user:read"})
    install(app, guard, client_id="docs")

    assert app.swagger_ui_init_oauth == {
        "scopes": "user:read",
        "clientId": "docs",
        "usePkceWithAuthorizationCodeGrant": True,
    }


# Wrong use


@pytest.mark.parametrize("wrong", [Starlette(), None, "app"], ids=repr)
def test_only_a_fastapi_application_can_be_guarded(guard, wrong):
    with pytest.raises(UsageError, match="must be a FastAPI application"):
        install(wrong, guard)


@pytest.mark.parametrize("wrong", [None, FastAPI(), "guard"], ids=["nothing", "app", "text"])
def test_the_second_argument_is_the_guard(wrong):
    app = FastAPI()
    with pytest.raises(UsageError, match="must be a Guard"):
        install(app, wrong)
    assert app.user_middleware == []


def test_an_application_is_guarded_once(guard):
    app = FastAPI()
    install(app, guard)
    with pytest.raises(UsageError, match="call install"):
        install(app, guard)

    class Own(GuardMiddleware):
        pass

    for kind in (GuardMiddleware, Own):
        app = FastAPI(middleware=[Middleware(kind, guard=guard)])
        with pytest.raises(UsageError, match="already has the guard's middleware"):
            install(app, guard)


def test_an_application_that_has_started_cannot_be_guarded(guard):
    app = FastAPI()
    TestClient(app).get("/")
    with pytest.raises(UsageError, match="already started"):
        install(app, guard)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"public": "/x"}, "public: must be a list"),
        ({"public": "/x", "public_docs": True}, "public: must be a list"),
        ({"enforce": "some"}, 'enforce: "all"'),
        ({"optional_token": "no"}, "optional_token: "),
        ({"authorization_url": "https://auth.test/x"}, "token_url: both URLs are needed"),
        (
            {"authorization_url": "javascript:alert(1)", "token_url": "https://auth.test/t"},
            "authorization_url: must be an https URL",
        ),
    ],
    ids=str,
)
def test_wrong_settings_are_found_at_once(guard, options, fault):
    app = FastAPI()
    with pytest.raises(SettingsError) as raised:
        install(app, guard, **options)
    assert [each for each in raised.value.faults if each.startswith(fault)]
    assert app.user_middleware == []


def test_public_docs_is_a_flag(guard):
    with pytest.raises(UsageError, match="public_docs: must be True or False"):
        install(FastAPI(), guard, public_docs="false")  # type: ignore[arg-type]  # the mistake


def test_importing_and_installing_make_no_request(issuer, guard):
    make_app(guard, public_docs=True).openapi()
    assert issuer.requests == []
