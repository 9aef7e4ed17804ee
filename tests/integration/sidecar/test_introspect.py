"""`/introspect`: RFC 7662 in front of the real endpoint, with the same cache and the same
deadlines.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest

from iiniit_guard.sidecar.apps.build import make_app
from iiniit_guard.sidecar.settings.introspection_clients import (
    IntrospectionClient,
    IntrospectionClients,
    make_secret_hash,
    matches,
)
from iiniit_guard.testing import Issuer
from tests.contract.hosts.calling import answer_of
from tests.integration.sidecar.sites import CALLERS, SECRET, make_sidecar

FORM = b"application/x-www-form-urlencoded"


@pytest.fixture
def issuer():
    return Issuer()


def basic(identifier="kong", secret=SECRET):
    return (
        b"authorization",
        b"Basic " + b64encode(f"{quote_plus(identifier)}:{quote_plus(secret)}".encode()),
    )


def post(sidecar, form, *headers, method="POST", content_type=FORM, messages=None, **scope):
    """Send a form; without Authorization in `headers`, the client is anonymous."""
    body = form if isinstance(form, bytes) else urlencode(form).encode()
    parts = [{"type": "http.request", "body": body}] if messages is None else list(messages)
    sent = []

    async def receive():
        return parts.pop(0)

    async def send(message):
        sent.append(message)

    whole = {
        "type": "http",
        "method": method,
        "path": "/introspect",
        "raw_path": b"/introspect",
        "query_string": b"",
        "scheme": "http",
        "headers": [(b"content-type", content_type), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
        **scope,
    }
    gateway: Any = make_app(sidecar, "gateway")
    asyncio.run(gateway(whole, receive, send))
    lines = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
    return answer_of(sent[0]["status"], lines, sent[1]["body"])


def test_it_is_off_unless_callers_are_named(issuer):
    assert post(make_sidecar(issuer), {"token": issuer.token()}, basic()).status == 404


def test_a_good_token_is_active_until_the_deadline(issuer):
    sidecar = make_sidecar(issuer, introspection_clients=CALLERS)
    token = issuer.opaque_token("user:read user:write", expires_in=300)
    answer = post(sidecar, {"token": token, "token_type_hint": "refresh_token"}, basic())

    assert answer.status == 200
    said = answer.json
    assert (said["active"], said["sub"], said["client_id"], said["scope"]) == (
        True,
        "user-1",
        "client-1",
        "user:read user:write",
    )
    assert (said["iss"], said["aud"], said["token_type"]) == (
        issuer.issuer,
        [issuer.audience],
        "Bearer",
    )
    assert said["exp"] == issuer.clock.wall() + 60
    assert answer.header("cache-control") == "private, max-age=60"
    issuer.clock.advance(59.5)
    last = post(sidecar, {"token": token}, basic())
    assert (last.json["exp"], last.header("cache-control")) == (said["exp"], "no-store")
    assert issuer.requests.count("introspection") == 1


def test_the_token_may_end_first(issuer):
    sidecar = make_sidecar(issuer, introspection_clients=CALLERS)
    answer = post(
        sidecar, {"token": issuer.token(expires_in=20, subject=None, client_id=None)}, basic()
    )

    assert answer.json["exp"] == issuer.clock.wall() + 20
    assert answer.header("cache-control") == "private, max-age=20"
    assert "sub" not in answer.json


def test_a_token_without_an_end_has_the_deadlines(issuer):
    answer = post(
        make_sidecar(issuer, introspection_clients=CALLERS),
        {"token": issuer.opaque_token(expires_in=None)},
        basic(),
    )

    assert answer.json["exp"] == issuer.clock.wall() + 60


def test_a_bad_token_is_inactive_and_nothing_more(issuer):
    sidecar = make_sidecar(issuer, introspection_clients=CALLERS)
    for token in (
        "junk",
        issuer.token(expires_in=-60),
        issuer.token(aud="https://other.test"),
        "ünïcode",
    ):
        answer = post(sidecar, {"token": token}, basic())
        assert (answer.status, answer.json, answer.header("cache-control")) == (
            200,
            {"active": False},
            "no-store",
        )


def test_a_token_for_none_of_the_callers_audiences_is_inactive():
    issuer = Issuer(audience=["https://api.test", "https://other.test"])
    introspection_clients = [{**CALLERS[0], "audiences": ["https://other.test"]}]
    sidecar = make_sidecar(issuer, introspection_clients=introspection_clients)

    assert post(sidecar, {"token": issuer.token(aud="https://api.test")}, basic()).json == {
        "active": False
    }
    assert post(sidecar, {"token": issuer.token()}, basic()).json["aud"] == ["https://other.test"]


def test_an_outage_says_nothing_about_the_token(issuer):
    sidecar = make_sidecar(issuer, introspection_clients=CALLERS)
    issuer.fail("connection")
    answer = post(sidecar, {"token": issuer.opaque_token()}, basic())

    assert (answer.status, answer.json) == (503, {"error": "temporarily_unavailable"})
    assert int(answer.header("retry-after") or 0) >= 1


def test_what_was_looked_at_is_counted(issuer):
    sidecar = make_sidecar(issuer, introspection_clients=CALLERS)
    token = issuer.token()
    for each in (token, token, "junk"):
        post(sidecar, {"token": each}, basic())

    counted = sidecar.snapshot()["total"]["counts"]
    assert counted[:2] == [["allow", "", "hit", 1], ["allow", "", "miss", 1]]
    assert counted[2][0] == "deny"


@pytest.mark.parametrize(
    "form, headers",
    [
        ({}, []),
        ({}, [basic("kong", "wrong")]),
        ({}, [basic("nobody")]),
        ({}, [(b"authorization", b"Bearer " + b64encode(f"kong:{SECRET}".encode()))]),
        ({}, [(b"authorization", b"Basic !")]),
        ({}, [(b"authorization", b"Basic " + b64encode(b"kong"))]),
        ({}, [(b"authorization", b"Basic " + b64encode(b"\xff:\xff"))]),
        ({"client_id": "kong"}, []),
        ({"client_secret": SECRET}, []),
        ({"client_id": "kong", "client_secret": "wrong"}, []),
        ({"client_id": "kong", "client_secret": SECRET}, [basic()]),
    ],
)
def test_a_caller_shows_who_it_is(issuer, form, headers):
    answer = post(
        make_sidecar(issuer, introspection_clients=CALLERS),
        {"token": issuer.token(), **form},
        *headers,
    )

    assert (answer.status, answer.json) == (401, {"error": "invalid_client"})
    assert (answer.header("www-authenticate") or "").startswith("Basic ")
    assert issuer.requests == []


def test_in_the_form_too(issuer):
    form = {"token": issuer.token(), "client_id": "kong", "client_secret": SECRET}

    assert post(make_sidecar(issuer, introspection_clients=CALLERS), form).json["active"] is True


@pytest.mark.parametrize(
    "form, changes",
    [
        ({}, {}),
        ({"token": ""}, {}),
        (b"token=a&token=b", {}),
        (b"token=%ff", {}),
        (b"token=\xff", {}),
        (b"&".join(b"a%d=1" % number for number in range(20)), {}),
        ({"token": "a"}, {"content_type": b"application/json"}),
        (b"token=" + b"a" * 40_000, {}),
        (b"", {"messages": [{"type": "http.disconnect"}]}),
    ],
)
def test_a_request_that_is_none_is_400(issuer, form, changes):
    answer = post(make_sidecar(issuer, introspection_clients=CALLERS), form, basic(), **changes)

    assert (answer.status, answer.json) == (400, {"error": "invalid_request"})


def test_two_headers_are_no_credentials(issuer):
    assert (
        post(
            make_sidecar(issuer, introspection_clients=CALLERS), {"token": "a"}, basic(), basic()
        ).status
        == 400
    )


def test_the_body_may_come_in_parts(issuer):
    half = issuer.token().encode()
    parts = [
        {"type": "http.request", "body": b"token=", "more_body": True},
        {"type": "http.request", "more_body": True},
        {"type": "http.request", "body": half},
    ]

    assert (
        post(
            make_sidecar(issuer, introspection_clients=CALLERS), b"", basic(), messages=parts
        ).json["active"]
        is True
    )


def test_only_by_post_and_only_for_the_gateway(issuer):
    sidecar = make_sidecar(issuer, introspection_clients=CALLERS)
    by_get = post(sidecar, {}, basic(), method="GET")

    assert (by_get.status, by_get.header("allow")) == (405, "POST")
    assert post(sidecar, {"token": issuer.token()}, basic(), client=("10.0.0.1", 1)).status == 403


def test_a_chosen_secret_is_hashed_slowly_and_compared_quickly(monkeypatch):
    hashed = make_secret_hash("correct horse", b"salt" * 4)
    assert hashed == make_secret_hash("correct horse", b"salt" * 4)
    assert hashed != make_secret_hash("correct horse")
    assert matches("correct horse", hashed)
    assert not matches("wrong horse", hashed)
    introspection_clients = IntrospectionClients([IntrospectionClient("kong", hashed, frozenset())])
    right = {"client_id": "kong", "client_secret": "correct horse"}
    assert asyncio.run(introspection_clients.identify(None, right)) is not None
    monkeypatch.setattr(
        "iiniit_guard.sidecar.settings.introspection_clients.matches",
        lambda *_: pytest.fail("hashed again"),
    )
    assert asyncio.run(introspection_clients.identify(None, right)) is not None
    with pytest.raises(pytest.fail.Exception):
        asyncio.run(introspection_clients.identify(None, {**right, "client_secret": "wrong"}))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "plain",
        "sha256:00",
        "sha256:zz",
        "scrypt:" + "0" * 64,
        "md5:" + "0" * 64,
        "sha256:aa:" + "0" * 64,
        7,
    ],
)
def test_what_is_no_hash_matches_nothing(value):
    assert not matches("", value)
