"""The tokens of the demo's authorization server: content, refresh, introspection, revocation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.example_flow import (
    AUDIENCE,
    ISSUER,
    Flow,
    body,
    settings_in,
)
from tests.integration.test_examples import claims


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(settings_in(tmp_path))


def test_jwt_access_token(flow: Flow) -> None:
    header, payload = claims(flow.tokens()["access_token"])
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")  # RFC 9068 §2.1
    assert header["kid"] == body(flow.browser.get("/jwks"))["keys"][0]["kid"]
    wanted = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "usr_demo",
        "client_id": "jwt-client",
        "scope": "user:read user:write",
    }
    assert wanted.items() <= payload.items()
    # both are numbers, or this fails
    assert payload["exp"] - payload["iat"] == 300  # type: ignore[operator]


def test_opaque_access_token(flow: Flow) -> None:
    tokens = flow.tokens("opaque-client", "user:read")
    assert "." not in tokens["access_token"]
    answer = flow.introspect(tokens["access_token"])
    wanted = {
        "active": True,
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "usr_demo",
        "client_id": "opaque-client",
        "scope": "user:read",
    }
    assert wanted.items() <= answer.items()


def test_refresh_token_is_replaced_and_a_second_use_ends_the_grant(flow: Flow) -> None:
    first = flow.tokens()
    second = body(flow.refresh(first["refresh_token"]))
    assert second["refresh_token"] != first["refresh_token"]
    assert body(flow.refresh(first["refresh_token"]))["error"] == "invalid_grant"
    assert body(flow.refresh(second["refresh_token"]))["error"] == "invalid_grant"
    assert flow.introspect(second["access_token"]) == {"active": False}


def test_refresh_narrows_one_token_only_and_never_widens(flow: Flow) -> None:
    first = flow.tokens()
    narrow = body(flow.refresh(first["refresh_token"], scope="user:read"))
    assert narrow["scope"] == "user:read"
    wide = body(flow.refresh(narrow["refresh_token"]))
    assert wide["scope"] == "user:read user:write"
    assert (
        body(flow.refresh(wide["refresh_token"], scope="user:read email"))["error"]
        == "invalid_scope"
    )
    assert body(flow.refresh(wide["refresh_token"], "opaque-client"))["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("wanted", "given"), [("5", 5), ("0", 1), ("9999", 300), ("-5", 300), ("five", 300), ("²", 300)]
)
def test_client_may_ask_for_a_shorter_life(flow: Flow, wanted: str, given: int) -> None:
    tokens = flow.tokens(expires_in=wanted)
    _, payload = claims(tokens["access_token"])
    assert tokens["expires_in"] == given
    # both are numbers, or this fails
    assert payload["exp"] - payload["iat"] == given  # type: ignore[operator]


def test_introspection_answers_those_it_concerns(flow: Flow) -> None:
    tokens = flow.tokens()
    assert (
        flow.introspect(tokens["access_token"], token_type_hint="something-new")["active"] is True
    )  # RFC 7662 §2.1
    assert flow.introspect(tokens["access_token"], "other-api") == {"active": False}
    assert flow.introspect(tokens["access_token"], "jwt-client") == {"active": False}
    assert flow.introspect(tokens["refresh_token"], token_type_hint="refresh_token") == {
        "active": False
    }
    assert flow.introspect("made-up") == {"active": False}
    assert body(flow.post("/introspect", "api", {}))["error"] == "invalid_request"


def test_revocation(flow: Flow) -> None:
    tokens = flow.tokens()
    assert (
        body(flow.post("/revoke", "opaque-client", {"token": tokens["access_token"]}))["error"]
        == "invalid_grant"
    )
    assert flow.introspect(tokens["access_token"])["active"] is True
    assert (
        flow.post(
            "/revoke", "jwt-client", {"token": tokens["access_token"], "token_type_hint": "new"}
        ).status_code
        == 200
    )
    assert flow.introspect(tokens["access_token"]) == {"active": False}
    fresh = body(flow.refresh(tokens["refresh_token"]))
    assert flow.post("/revoke", "jwt-client", {"token": fresh["refresh_token"]}).status_code == 200
    assert flow.introspect(fresh["access_token"]) == {"active": False}
    assert (
        flow.post("/revoke", "jwt-client", {"token": "made-up"}).status_code == 200
    )  # RFC 7009 §2.2
