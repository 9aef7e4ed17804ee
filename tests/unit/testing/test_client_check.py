"""Strict authentication of introspection clients: RFC 6749 §2.3, RFC 7523 §3, RFC 7662 §2.1."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlencode

import jwt
import pytest

from iiniit_guard.core.model.flow import HttpRequest
from iiniit_guard.testing import Issuer, SettableClock, make_key

NOW = 1_800_000_000


@pytest.fixture
def issuer():
    return Issuer(clock=SettableClock(NOW))


def ask(issuer, *headers, **form):
    fixed = ("Content-Type", "application/x-www-form-urlencoded")
    return issuer.handle(
        HttpRequest(
            "POST", f"{issuer.issuer}/introspect", (fixed, *headers), urlencode(form).encode()
        )
    )


def basic(user, password):
    return "Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


ENCODED = urlencode({"": "colon:percent%plus+space ü"})[1:]


def assertion(issuer, *, key=None, **changes):
    claims = {
        "iss": "api",
        "sub": "api",
        "aud": issuer.issuer,
        "jti": "1",
        "exp": NOW + 60,
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, (key or issuer.client_check.client_key).private_key, "ES256")


def by_assertion(issuer, made, kind="urn:ietf:params:oauth:client-assertion-type:jwt-bearer"):
    return ask(
        issuer, token="t", client_id="api", client_assertion=made, client_assertion_type=kind
    )


def test_introspection_of_a_good_client(issuer):
    token = issuer.opaque_token()

    answer = ask(issuer, basic("api", ENCODED), token=token, token_type_hint="access_token")

    assert answer.status == 200
    assert json.loads(answer.body)["active"] is True
    assert issuer.last_request.body.decode().endswith("token_type_hint=access_token")


GOOD_POST = {"token": "t", "client_id": "api", "client_secret": "colon:percent%plus+space ü"}
BAD_CLIENTS = [
    ("no credentials", [], {"token": "t"}),
    ("basic without form-encoding", [basic("api", "colon:percent%plus+space ü")], {"token": "t"}),
    ("another secret", [basic("api", "x")], {"token": "t"}),
    ("another client", [basic("apo", ENCODED)], {"token": "t"}),
    ("no colon", [("Authorization", "Basic " + base64.b64encode(b"api").decode())], {"token": "t"}),
    ("no base64", [("Authorization", "Basic ?")], {"token": "t"}),
    ("no UTF-8", [("Authorization", "Basic /w==")], {"token": "t"}),
    (
        "Bearer",
        [("Authorization", basic("api", ENCODED)[1].replace("Basic", "Bearer"))],
        {"token": "t"},
    ),
    ("another secret posted", [], {**GOOD_POST, "client_secret": "x"}),
    ("a secret without a client", [], {"token": "t", "client_secret": GOOD_POST["client_secret"]}),
    ("two methods", [basic("api", ENCODED)], GOOD_POST),
    ("an assertion of no kind", [], {"token": "t", "client_assertion": "x"}),
]


@pytest.mark.parametrize(
    ("headers", "form"), [row[1:] for row in BAD_CLIENTS], ids=[row[0] for row in BAD_CLIENTS]
)
def test_introspection_refuses_other_clients(issuer, headers, form):
    answer = ask(issuer, *headers, **form)

    assert answer.status == 401
    assert json.loads(answer.body) == {"error": "invalid_client"}
    assert answer.header("www-authenticate").startswith("Basic")


def test_introspection_accepts_a_posted_secret(issuer):
    assert ask(issuer, **GOOD_POST).status == 200
    issuer.client_check.methods = ("private_key_jwt",)
    assert ask(issuer, **GOOD_POST).status == 401


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 200),
        ({"aud": "https://issuer.test/introspect"}, 200),
        ({"aud": "https://other.test"}, 401),
        ({"iss": "other"}, 401),
        ({"sub": "other"}, 401),
        ({"exp": NOW}, 401),
        ({"exp": NOW + 601}, 401),
        ({"exp": None}, 401),
        ({"jti": None}, 401),
    ],
)
def test_introspection_checks_assertions(issuer, changes, status):
    assert by_assertion(issuer, assertion(issuer, **changes)).status == status


def test_introspection_takes_an_assertion_once_and_from_its_key(issuer):
    made = assertion(issuer)

    assert by_assertion(issuer, assertion(issuer, key=make_key("ES256", "other"))).status == 401
    assert by_assertion(issuer, made, kind="other").status == 401
    assert by_assertion(issuer, made).status == 200
    assert by_assertion(issuer, made).status == 401


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (HttpRequest("GET", "https://issuer.test/introspect"), 405),
        (
            HttpRequest(
                "POST",
                "https://issuer.test/introspect",
                (("content-type", "application/json"),),
                b"{}",
            ),
            415,
        ),
        (
            HttpRequest(
                "POST",
                "https://issuer.test/introspect",
                (("content-type", "application/x-www-form-urlencoded"),),
                b"a=b",
            ),
            400,
        ),
        (
            HttpRequest(
                "POST",
                "https://issuer.test/introspect",
                (("content-type", "application/x-www-form-urlencoded"),),
                b"token=",
            ),
            400,
        ),
        (
            HttpRequest(
                "POST",
                "https://issuer.test/introspect",
                (("content-type", "application/x-www-form-urlencoded"),),
                b"token=a&token=b",
            ),
            400,
        ),
    ],
)
def test_introspection_wants_a_form_with_one_token(issuer, request_, status):
    assert issuer.handle(request_).status == status


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt"])
def test_a_guard_signs_in_by_every_method(issuer, method):
    issuer.client_check.methods = (method,)
    with issuer.guard(introspection=issuer.credentials(method)) as guard:
        assert guard.verify(issuer.opaque_token(subject="alice")).subject == "alice"
