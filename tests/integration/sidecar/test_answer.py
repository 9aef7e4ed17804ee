"""Refusals through nginx: encoded by `/auth`, sent by `/answer`, which can only refuse."""

from __future__ import annotations

import json

import pytest

from iiniit_guard.core.jose.encodings import encode_base64url
from iiniit_guard.core.model.decision import Deny
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.sidecar.apps.build import make_app
from iiniit_guard.sidecar.gateway.refusal_header import LONGEST, fold, unfold
from iiniit_guard.testing import Issuer
from tests.contract.hosts.calling import drive
from tests.integration.sidecar.sites import RULES, ask, bearer, make_sidecar, render

GOOD = {
    "s": 401,
    "r": "expired",
    "d": "It has expired.",
    "h": ['Bearer realm="a"', None, None],
    "o": False,
    "e": ["invalid_token", "It has."],
}


def value_of(**changes):
    return encode_base64url(json.dumps({**GOOD, **changes}).encode())


def test_status_challenge_body_and_retry_after_arrive():
    issuer = Issuer()
    sidecar = make_sidecar(issuer, rules=RULES)
    origin = [(b"origin", b"https://app.test")]

    nothing = render(sidecar, ask(sidecar))
    lacking = render(sidecar, ask(sidecar, "PATCH", headers=[*bearer(issuer.token()), *origin]))
    malformed = render(sidecar, ask(sidecar, headers=[(b"authorization", b"Bearer a,b")]))
    issuer.fail("connection")
    down = render(sidecar, ask(sidecar, headers=bearer(issuer.opaque_token())))

    assert [nothing.status, lacking.status, malformed.status, down.status] == [401, 403, 400, 503]
    challenges = nothing.header("www-authenticate") or ""
    assert challenges.startswith('Bearer realm="https://api.test", scope="user:read", DPoP realm=')
    assert 'scope="user:write"' in (lacking.header("www-authenticate") or "")
    assert (
        lacking.header("access-control-expose-headers")
        == "WWW-Authenticate, DPoP-Nonce, Retry-After"
    )
    assert (malformed.json["error"], malformed.header("content-type")) == (
        "invalid_request",
        "application/problem+json",
    )
    assert (down.header("www-authenticate"), int(down.header("retry-after") or 0) >= 1) == (
        None,
        True,
    )
    assert down.json["error"] == "temporarily_unavailable"
    assert {each.header("cache-control") for each in (nothing, lacking, malformed, down)} == {
        "no-store"
    }
    assert {each.header("vary") for each in (nothing, lacking, malformed, down)} == {
        "Authorization, DPoP"
    }


def test_head_has_no_body_but_its_length():
    sidecar = make_sidecar(Issuer(), rules=[*RULES, {"method": "POST", "path": "/p"}])
    folded = ask(sidecar, "HEAD")
    answer, with_body = render(sidecar, folded, "HEAD"), render(sidecar, ask(sidecar))

    assert (answer.status, answer.body) == (401, b"")
    assert answer.header("content-length") == with_body.header("content-length")
    wrong = render(sidecar, ask(sidecar, "HEAD", headers=[(b"authorization", b"Bearer a,b")]))
    assert wrong.json["error"] == "invalid_request"


def test_an_outage_of_a_head_request_is_told_too():
    issuer = Issuer()
    issuer.fail("connection")
    sidecar = make_sidecar(issuer)
    answer = render(sidecar, ask(sidecar, "HEAD", headers=bearer(issuer.token())))

    assert (answer.status, answer.json["reason"]) == (503, "issuer_unavailable")


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"!",
        b"bm8ganNvbg",
        encode_base64url(b"[]"),
        b"A" * (LONGEST + 1),
        value_of(s=200),
        value_of(s=204),
        value_of(s=302),
        value_of(s=True),
        value_of(s="401"),
        value_of(s=None),
        value_of(r="granted"),
        value_of(r=["expired"]),
        value_of(r=None),
        value_of(d=7),
        value_of(d="<\u2028>"),
        value_of(d="a\r\nSet-Cookie: a=b"),
        value_of(d="x" * 2049),
        value_of(h=None),
        value_of(h=["a", None]),
        value_of(h=["a\r\nX: y", None, None]),
        value_of(h=["ä", None, None]),
        value_of(h=[1, None, None]),
        value_of(e="invalid_token"),
        value_of(e=["a"]),
        value_of(e=["a", 1]),
    ],
)
def test_what_was_not_folded_here_is_a_bare_403(value):
    status, headers, body = unfold(value)

    assert status == 403
    assert json.loads(body)["reason"] == "no_rule"
    assert {name for name, _ in headers} == {
        b"content-type",
        b"content-length",
        b"cache-control",
        b"vary",
    }


def test_what_can_be_forged_is_a_refusal():
    status, headers, body = unfold(value_of(s=503, o=True, h=["Basic", "5", "nonce"]))

    assert status == 503
    assert dict(headers)[b"dpop-nonce"] == b"nonce"
    assert dict(headers)[b"content-type"] == b"application/problem+json"
    assert json.loads(body)["reason"] == "expired"


def test_a_challenge_that_is_too_long_is_left_out_and_the_status_arrives():
    headers = (("WWW-Authenticate", "Bearer scope=" + "x" * 4000), ("Retry-After", "9"))
    folded = fold(Deny(403, headers, b"", Reason.MISSING_SCOPE))

    assert len(folded) <= LONGEST
    status, rendered, _ = unfold(folded)
    assert status == 403
    assert b"www-authenticate" not in dict(rendered)
    assert dict(rendered)[b"retry-after"] == b"9"


def test_the_nonce_arrives_without_a_challenge_that_is_too_long():
    """RFC 9449 §9: without the nonce, the client could never pass."""
    headers = (("WWW-Authenticate", "DPoP " + "x" * LONGEST), ("DPoP-Nonce", "n1"))
    refusal = Deny(401, headers, b"", Reason.PROOF_NONCE_REQUIRED)
    status, fields, _ = unfold(fold(refusal))
    sent = dict(fields)
    assert (status, sent[b"dpop-nonce"]) == (401, b"n1")
    assert b"www-authenticate" not in sent


def test_nobody_but_the_gateway_gets_more_than_a_403_and_nobody_a_grant():
    app = make_app(make_sidecar(Issuer()), "gateway")
    line = (b"x-iiniit-answer", value_of())

    assert drive(app, "POST", "/answer", [line]).status == 401
    assert drive(app, "GET", "/answer", []).status == 403
    assert drive(app, "GET", "/answer", [line, line]).status == 403
    assert drive(app, "GET", "/answer", [line], client=("10.0.0.1", 1)).status == 403


def test_a_policy_with_many_scopes_is_refused_with_its_status():
    scopes = [f"scope-{number}-" + "x" * 20 for number in range(120)]
    issuer = Issuer()
    sidecar = make_sidecar(
        issuer, rules=[{"method": "GET", "path": "/v1/user/profile", "scopes": scopes}]
    )

    assert render(sidecar, ask(sidecar, headers=bearer(issuer.token()))).status == 403


def test_it_carries_the_reason_that_the_client_may_know():
    """The event names another where a callable finds the issuers."""
    body = json.dumps({"detail": "It was not verified.", "reason": "not_verified"}).encode()
    _, _, told = unfold(fold(Deny(401, (), body, Reason.UNKNOWN_ISSUER)))
    assert json.loads(told)["reason"] == "not_verified"


@pytest.mark.parametrize("body", [b"{}", b"<p>", b"", b"[]"])
def test_a_body_that_is_not_the_guards_own_is_not_folded(body):
    """The encoded refusal holds only checked values of the guard."""
    plain, own = (
        Issuer().guard(**more).authenticate(Request("GET", "/"))
        for more in ({}, {"error_body": lambda refusal: ("text/plain", body)})
    )

    assert isinstance(plain, Deny)
    assert isinstance(own, Deny)
    assert own.body == body
    assert unfold(fold(own)) == unfold(fold(plain))
