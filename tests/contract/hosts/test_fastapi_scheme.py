"""The security scheme on every level of a FastAPI application, with the guard's own answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from fastapi import Depends, FastAPI, Security
from fastapi.security import SecurityScopes
from fastapi.testclient import TestClient
from starlette.requests import HTTPConnection
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from iiniit_guard import Principal
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.request import Request
from iiniit_guard.errors import UsageError
from iiniit_guard.fastapi import GuardScheme, install
from iiniit_guard.testing import Issuer
from tests.contract.hosts.fastapi_apps import client_of, current_user, fields, make_app, scheme

READ = [
    "/async",
    "/sync",
    "/either",
    "/optional",
    "/route",
    "/v1/router/x/7",
    "/sub/inner",
    "/sub/plain",
]


@pytest.mark.parametrize("settings", [{}, {"enforce": "declared"}], ids=str)
@pytest.mark.parametrize("path", READ)
def test_the_scheme_requires_the_scopes_of_the_operation(guard, bearer, events, path, settings):
    client = client_of(make_app(guard, **settings))

    good = client.get(path, headers=fields(bearer("user:read", subject="alice")))
    assert (good.status_code, good.json()) in (
        (200, "alice"),
        (200, path[5:]),
        (200, "route"),
        (200, 7),
    )

    refused = client.get(path, headers=fields(bearer("other")))
    scopes = ["user:write", "user:read"] if path == "/either" else ["user:read"]
    match: Literal["all", "any"] = "any" if path == "/either" else "all"
    own = guard.authenticate(
        Request("GET", path, headers=bearer("other")), make_policy(scopes, match=match)
    )
    assert (refused.status_code, refused.content) == (403, own.body)
    assert {name.lower(): value for name, value in own.headers}.items() <= dict(
        refused.headers
    ).items()
    assert (events[-2].reason, events[-2].host) == ("missing_scope", "fastapi")

    if path != "/optional":
        anonymous = client.get(path)
        assert (anonymous.status_code, anonymous.json()["reason"]) == (401, "no_token")


def test_scopes_of_enclosing_dependencies_add_up(guard, bearer):
    client = client_of(make_app(guard))

    for held in ("user:read", "user:write"):
        refused = client.get("/nested", headers=fields(bearer(held)))
        assert refused.json()["reason"] == "missing_scope"
        assert 'scope="user:write user:read"' in refused.headers["www-authenticate"]
    both = fields(bearer("user:read user:write", subject="bob"))
    assert client.get("/nested", headers=both).json() == "bob"


def test_an_operation_adds_to_the_scopes_of_its_router(guard, bearer):
    client = client_of(make_app(guard))
    path = "/v1/router/x/7"

    for held in ("user:read", "admin"):
        refused = client.delete(path, headers=fields(bearer(held)))
        assert (refused.status_code, refused.json()["reason"]) == (403, "missing_scope")
    assert client.delete(path, headers=fields(bearer("user:read admin"))).status_code == 200


@pytest.mark.parametrize(
    "settings",
    [{"public": ["/optional"]}, {"optional_token": True}, {"enforce": "declared"}],
    ids=str,
)
def test_an_optional_token_may_be_absent_but_not_invalid(guard, bearer, settings):
    client = client_of(make_app(guard, **settings))

    assert client.get("/optional").json() is None
    valid = fields(bearer(subject="bob"))
    assert client.get("/optional", headers=valid).json() == "bob"
    for lines, status, reason in (
        (bearer(expires_in=-60), 401, "expired"),
        (bearer("other"), 403, "missing_scope"),
        ([(b"authorization", b"Basic eDp5")], 401, "no_token"),
        ([(b"authorization", b"Bearer")], 400, "malformed_header"),
    ):
        refused = client.get("/optional", headers=fields(lines))
        assert (refused.status_code, refused.json()["reason"]) == (status, reason)


def test_an_optional_token_needs_a_middleware_that_lets_the_request_pass(guard):
    refused = client_of(make_app(guard)).get("/optional")

    assert (refused.status_code, refused.json()["reason"]) == (401, "no_token")


def test_a_public_path_does_not_open_an_operation_with_the_scheme(guard):
    client = client_of(make_app(guard, public=["/async", "/sub/*", "/undecorated"]))

    assert client.get("/undecorated").status_code == 200
    for path in ("/async", "/sub/plain", "/sub/inner"):
        assert client.get(path).json()["reason"] == "no_token"


@pytest.mark.parametrize(
    "path", ["/undecorated", "/docs", "/openapi.json", "/nowhere", "/sub/docs"]
)
def test_nothing_is_open_by_default(guard, bearer, path):
    client = client_of(make_app(guard))

    assert client.get(path).json()["reason"] == "no_token"
    assert client.get(path, headers=fields(bearer())).status_code in (200, 404)


# WebSockets


def test_a_websocket_is_refused_before_it_is_accepted(guard, bearer):
    client = client_of(make_app(guard))

    for headers, status, reason in (
        (bearer("other"), 403, "missing_scope"),
        ([], 401, "no_token"),
    ):
        with (
            pytest.raises(WebSocketDenialResponse) as caught,
            client.websocket_connect("/ws", headers=fields(headers)),
        ):
            pass
        assert (caught.value.status_code, caught.value.json()["reason"]) == (status, reason)


def test_an_open_websocket_verifies_its_token_again(issuer, guard, bearer):
    client = client_of(make_app(guard))

    headers = fields(bearer(subject="alice", expires_in=60))
    with client.websocket_connect("/ws", headers=headers) as session:
        assert session.receive_text() == "alice"
        session.send_text("now")
        assert session.receive_text() == "again"
        issuer.clock.advance(7_200)
        session.send_text("two hours later")
        with pytest.raises(WebSocketDisconnect) as caught:
            session.receive_text()
    assert caught.value.code == 1008


# Overrides, other credentials, wrong use


def test_overrides_replace_a_dependency_but_not_the_middleware(guard, bearer):
    app = make_app(guard)
    client = client_of(app)

    app.dependency_overrides[current_user] = lambda: "somebody"
    assert client.get("/nested", headers=fields(bearer("none"))).json() == "somebody"
    app.dependency_overrides = {
        scheme: lambda: guard.verify(bearer(subject="eve")[0][1][7:].decode())
    }
    assert client.get("/async", headers=fields(bearer("none"))).json() == "eve"
    assert client.get("/async").json()["reason"] == "no_token"
    app.dependency_overrides = {}
    assert client.get("/async", headers=fields(bearer("none"))).status_code == 403


def test_another_credential_that_the_guard_accepts_is_a_principal(issuer):
    def find_key(value: str, request: Any) -> Principal | None:
        return Principal("ApiKey", "robot", frozenset({"user:read"})) if value == "k" else None

    with issuer.guard(alternatives={"ApiKey": find_key}) as guard:
        app = FastAPI()
        own = install(app, guard)

        @app.get("/x")
        async def handler(
            who: Annotated[Principal, Security(scheme, scopes=["user:read"])],
        ) -> str | None:
            return f"{type(who).__name__} {who.subject}"

        app.get("/y", dependencies=[Security(own, scopes=["admin"])])(lambda: None)
        client = client_of(app)
        headers = {"authorization": "ApiKey k"}
        assert client.get("/x", headers=headers).json() == "Principal robot"
        assert client.get("/y", headers=headers).json()["reason"] == "missing_scope"
        assert client.get("/x", headers={"authorization": "ApiKey x"}).status_code == 401


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"match": "some"}, "match: must be"),
        ({"optional": "false"}, "optional: must be True or False"),
        ({"max_age": -1}, "max_age must be"),
        ({"acr_values": ['"']}, "invalid acr value"),
    ],
)
def test_wrong_arguments_are_usage_errors(arguments, message):
    with pytest.raises(UsageError, match=message):
        GuardScheme(**arguments)


def test_an_invalid_scope_stops_the_request(guard, bearer):
    app = FastAPI()
    own = install(app, guard)
    app.get("/x", dependencies=[Security(own, scopes=["user:read user:write"])])(lambda: None)

    with pytest.raises(UsageError, match="invalid scope"):
        TestClient(app).get("/x", headers=fields(bearer()))


def test_step_up(issuer, guard, bearer):
    app = FastAPI()
    install(app, guard)
    strong = GuardScheme(acr_values="gold", max_age=60)
    app.get("/x", dependencies=[Security(strong, scopes=["user:read"])])(lambda: "x")
    client = client_of(app)

    weak = client.get("/x", headers=fields(bearer()))
    assert (weak.status_code, weak.json()["reason"]) == (401, "insufficient_authentication")
    assert 'acr_values="gold"' in weak.headers["www-authenticate"]
    now = int(issuer.clock.wall())
    assert client.get("/x", headers=fields(bearer(acr="gold", auth_time=now))).json() == "x"


def test_two_guards_in_one_application_do_not_share_tokens(guard, bearer):
    other = Issuer("https://other.test")
    with other.guard() as other_guard:
        app = FastAPI()
        install(app, guard, public=["/sub/*"])
        sub = FastAPI()
        inner = install(sub, other_guard)
        sub.get("/x")(lambda: "x")
        sub.get("/y", dependencies=[Security(inner)])(lambda: "y")
        app.mount("/sub", sub)
        client = client_of(app)

        for path in ("/sub/x", "/sub/y"):
            assert client.get(path, headers=fields(bearer())).json()["reason"] == "unknown_issuer"
            own = {"authorization": f"Bearer {other.token()}"}
            assert client.get(path, headers=own).json() == path[-1]


def test_scopes_that_depend_on_the_request_do_not_accumulate(guard, bearer):
    app = FastAPI()
    own = install(app, guard)

    async def dependency(connection: HTTPConnection) -> None:
        await own(connection, SecurityScopes([connection.query_params["scope"]]))

    app.get("/x", dependencies=[Depends(dependency)])(lambda: "x")
    client = client_of(app)
    for number in range(1_500):
        own.policy_for([f"scope{number}"])
        assert len(own._policies) <= 1_000
    assert client.get("/x?scope=a", headers=fields(bearer("a"))).json() == "x"
    assert client.get("/x?scope=b", headers=fields(bearer("a"))).status_code == 403
