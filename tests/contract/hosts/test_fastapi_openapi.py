"""The OpenAPI document of a guarded FastAPI application."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import FastAPI, Security
from fastapi.openapi.utils import get_openapi
from fastapi.security import APIKeyHeader
from starlette.routing import Mount

from iiniit_guard import Guard
from iiniit_guard.errors import UsageError
from iiniit_guard.fastapi import GuardScheme, describe, install
from iiniit_guard.fastapi.openapi import amended
from iiniit_guard.starlette import require_scope
from iiniit_guard.testing import Issuer, network, trusted
from tests.contract.hosts.fastapi_apps import client_of, fields, make_app
from tests.contract.hosts.openapi_documents import scheme_of, security_of

FLOW = {
    "authorizationUrl": "https://issuer.test/authorize",
    "tokenUrl": "https://issuer.test/token",
}
BEARER = {"type": "http", "scheme": "bearer"}


def test_the_flow_is_that_of_the_issuers_metadata(issuer, guard):
    client = client_of(make_app(guard, public_docs=True, scopes={"user:read": "See a profile"}))

    document = client.get("/openapi.json").json()

    assert scheme_of(document) == {
        "type": "oauth2",
        "flows": {
            "authorizationCode": {
                **FLOW,
                "scopes": {
                    "user:read": "See a profile",
                    "user:write": "",
                    "admin": "",
                },
            }
        },
    }
    assert issuer.requests == ["discovery"]
    assert client.get("/openapi.json").json() == document
    assert issuer.requests == ["discovery"]


def test_each_operation_names_its_scopes(guard):
    document = make_app(guard, public=["/undecorated"]).openapi()

    assert security_of(document, "/async") == [{"OAuth2": ["user:read"]}]
    assert security_of(document, "/either") == [
        {"OAuth2": ["user:write"]},
        {"OAuth2": ["user:read"]},
    ]
    assert security_of(document, "/nested") == [{"OAuth2": ["user:write", "user:read"]}]
    assert security_of(document, "/v1/router/x/{number}") == [{"OAuth2": ["user:read"]}]
    assert security_of(document, "/v1/router/x/{number}", "delete") == [
        {"OAuth2": ["user:read", "admin"]}
    ]
    # The middleware refuses a request without a token, whatever the scheme allows.
    assert security_of(document, "/optional") == [{"OAuth2": ["user:read"]}]
    assert security_of(document, "/undecorated") is None
    assert "401" not in document["paths"]["/undecorated"]["get"]["responses"]


def test_an_operation_that_only_the_middleware_guards_needs_a_token_too(guard):
    assert security_of(make_app(guard).openapi(), "/undecorated") == [{"OAuth2": []}]
    document = make_app(guard, enforce="declared").openapi()
    assert security_of(document, "/undecorated") is None


def test_an_optional_token_is_optional_in_the_document(guard):
    document = make_app(guard, optional_token=True).openapi()

    assert security_of(document, "/optional") == [{"OAuth2": ["user:read"]}, {}]
    assert security_of(document, "/async") == [{"OAuth2": ["user:read"]}]


def test_refusals_are_documented_as_the_guard_sends_them(guard, bearer):
    app = make_app(guard)
    document = app.openapi()
    schema = document["components"]["schemas"]["GuardProblem"]

    for method, path in (
        ("get", "/async"),
        ("get", "/undecorated"),
        ("delete", "/v1/router/x/{number}"),
    ):
        responses = document["paths"][path][method]["responses"]
        for status in ("401", "403", "503"):
            assert responses[status]["content"] == {
                "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/GuardProblem"}
                }
            }
    refused = client_of(app).get("/async", headers=fields(bearer("other")))
    assert set(schema["required"]) <= set(refused.json()) <= set(schema["properties"])


def test_a_response_of_the_application_keeps_its_own_content(guard):
    app = FastAPI()
    scheme = install(app, guard)
    own: dict[int | str, dict[str, Any]] = {
        403: {"description": "Not yours", "model": dict[str, str]}
    }
    app.get("/x", responses=own, dependencies=[Security(scheme)])(lambda: None)

    response = app.openapi()["paths"]["/x"]["get"]["responses"]["403"]

    assert response["description"] == "Not yours"
    assert set(response["content"]) == {"application/json", "application/problem+json"}


def test_the_document_can_be_generated_offline(issuer, guard):
    urls = {
        "authorization_url": "https://login.test/authorize",
        "token_url": "https://login.test/token",
    }
    app = make_app(guard, public_docs=True, **urls)
    flow = scheme_of(app.openapi())["flows"]["authorizationCode"]

    assert (flow["authorizationUrl"], flow["tokenUrl"]) == tuple(urls.values())
    assert client_of(app).get("/openapi.json").json() == json.loads(json.dumps(app.openapi()))
    assert issuer.requests == []


def test_several_issuers_need_the_name_of_one():
    one, two = Issuer("https://one.test"), Issuer("https://two.test")
    issuers = [trusted(issuer, introspection=None) for issuer in (one, two)]
    with Guard(issuers=issuers, transport=network(one, two)) as guard:
        documents = [
            client_of(make_app(guard, public_docs=True, **named)).get("/openapi.json").json()
            for named in ({}, {"issuer": "https://two.test"})
        ]

    assert scheme_of(documents[0]) == BEARER
    flow = scheme_of(documents[1])["flows"]["authorizationCode"]
    assert flow["authorizationUrl"] == "https://two.test/authorize"
    assert (one.requests, two.requests) == ([], ["discovery"])


def test_without_the_urls_the_scheme_is_bearer_and_nothing_is_fetched(issuer, guard):
    app = make_app(guard, public_docs=True)

    assert scheme_of(app.openapi()) == BEARER
    assert issuer.requests == []
    client_of(app).get("/openapi.json")
    assert scheme_of(app.openapi())["type"] == "oauth2"


def test_an_outage_leaves_the_document_usable(issuer, guard, caplog):
    issuer.fail("connection")
    client = client_of(make_app(guard, public_docs=True))

    assert scheme_of(client.get("/openapi.json").json()) == BEARER
    assert caplog.messages == [
        "the OpenAPI document does not say where users sign in: the connection was refused"
    ]
    issuer.fail(None)
    issuer.clock.advance(60)
    document = client.get("/openapi.json").json()
    assert scheme_of(document)["flows"]["authorizationCode"].items() >= FLOW.items()
    issuer.fail("connection")
    issuer.clock.advance(30 * 86_400)
    assert client.get("/openapi.json").json() == document


def test_many_requests_during_an_outage_log_one_line(issuer, guard, caplog):
    issuer.fail("connection")
    client = client_of(make_app(guard, public_docs=True))

    for _ in range(20):
        client.get("/openapi.json")
        issuer.clock.advance(1)

    assert len([each for each in caplog.records if each.levelname == "WARNING"]) == 1


def test_a_second_request_does_not_amend_the_document_again(guard, monkeypatch):
    made: list[object] = []

    def counted(document: Any, *rest: Any) -> Any:
        made.append(document)
        return amended(document, *rest)

    monkeypatch.setattr("iiniit_guard.fastapi.document.amended", counted)
    app = make_app(guard, public_docs=True)
    client = client_of(app)
    first = client.get("/openapi.json")
    made.clear()

    assert client.get("/openapi.json").content == first.content
    assert made == []
    app.openapi_schema = None  # the application changed
    app.get("/new")(lambda: None)
    assert security_of(client.get("/openapi.json").json(), "/new") == [{"OAuth2": []}]


def test_an_overridden_openapi_function_is_amended_when_it_is_served(guard):
    app = make_app(guard, public_docs=True)

    def own() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = get_openapi(title="Own", version="7", routes=app.routes)
        return app.openapi_schema

    app.openapi = own  # type: ignore[method-assign]  # as FastAPI documents
    document = client_of(app).get("/openapi.json").json()

    assert document["info"]["title"] == "Own"
    assert security_of(document, "/undecorated") == [{"OAuth2": []}]
    assert scheme_of(document)["type"] == "oauth2"


def test_a_mounted_application_is_described_by_a_call_of_its_own(guard, bearer):
    app = make_app(guard)
    sub: Any
    (sub,) = [route.app for route in app.routes if isinstance(route, Mount)]
    client = client_of(app)

    before = client.get("/sub/openapi.json", headers=fields(bearer())).json()
    assert scheme_of(before) == BEARER
    assert security_of(before, "/inner") == [{"OAuth2": ["user:read"]}]
    describe(sub, guard)
    after = client.get("/sub/openapi.json", headers=fields(bearer())).json()
    assert scheme_of(after)["flows"]["authorizationCode"]["scopes"] == {"user:read": ""}
    assert after["servers"] == [{"url": "/sub"}]
    assert "401" in after["paths"]["/inner"]["get"]["responses"]


def test_other_schemes_and_names_stay(guard):
    app = FastAPI()
    install(app, guard)
    own = GuardScheme(scheme_name="iiniit", description="Sign in at iiniit")
    key = APIKeyHeader(name="x-key")
    app.get("/x", dependencies=[Security(own, scopes=["a"]), Security(key)])(lambda: None)

    document = app.openapi()

    assert security_of(document, "/x") == [{"iiniit": ["a"]}, {"APIKeyHeader": []}]
    assert scheme_of(document, "iiniit") == {"description": "Sign in at iiniit", **BEARER}
    assert scheme_of(document, "APIKeyHeader")["type"] == "apiKey"


def test_decorated_dependencies_are_documented(guard):
    app = FastAPI()
    install(app, guard)

    @app.get("/x")
    @require_scope("user:read")
    async def handler(request: Any) -> None:
        raise AssertionError

    assert security_of(app.openapi(), "/x") == [{"OAuth2": ["user:read"]}]


def test_many_alternatives_are_not_multiplied(guard):
    app = FastAPI()
    install(app, guard)
    either = GuardScheme(match="any")
    sets = [[f"{name}{number}" for number in range(5)] for name in "ab"]
    app.get("/x", dependencies=[Security(either, scopes=scopes) for scopes in sets])(lambda: None)

    app.get("/y", dependencies=[Security(either)])(lambda: None)

    document = app.openapi()
    assert security_of(document, "/x") == [{"OAuth2": [scope, *sets[1]]} for scope in sets[0]]
    assert security_of(document, "/y") == [{"OAuth2": []}]


def test_an_application_without_guarded_operations_gets_no_scheme(guard):
    app = FastAPI()
    install(app, guard, public=["/x"])
    app.get("/x")(lambda: None)

    assert "components" not in app.openapi()


def test_an_application_is_described_once(guard):
    app = FastAPI()
    describe(app, guard)
    for call in (describe, install):
        with pytest.raises(UsageError, match="only once"):
            call(app, guard)
    with pytest.raises(UsageError, match="must be a FastAPI application"):
        describe("app", guard)  # type: ignore[arg-type]  # the mistake
