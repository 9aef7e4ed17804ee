"""The body of a refusal in the application's own format, under every host."""

from __future__ import annotations

import json
import logging

import pytest

from iiniit_guard import Guard, TrustedIssuer
from iiniit_guard.testing import Issuer
from tests.contract.hosts.builders import HOSTS

each_host = pytest.mark.parametrize("host", HOSTS, ids=str)
OWN = "application/vnd.api+json; charset=utf-8"
PROBLEM = "application/problem+json"


def error_body(refusal):
    told = {"code": refusal.reason, "told": refusal.description, "status": refusal.status}
    return OWN, json.dumps(told).encode()


def lines(*values):
    return [(b"authorization", value.encode()) for value in values]


def call(host, path="/token", headers=(), *, method="GET", hook=error_body, issuer=None):
    issuer = issuer or Issuer()
    return host.call(issuer.guard(error_body=hook), method, path, tuple(headers))


def usual(host, path, headers):
    return call(host, path, headers, hook=None)


@each_host
@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ((), 401, "no_token"),
        (lines("Bearer x, Bearer y"), 400, "several_credentials"),
        (lines("Bearer x"), 401, "inactive"),
    ],
)
def test_only_the_body_and_its_type_change(host, headers, status, reason):
    answer, own = call(host, headers=headers), usual(host, "/token", headers)

    assert (answer.status, answer.json["code"], answer.json["status"]) == (status, reason, status)
    assert answer.header("content-type") == OWN
    assert answer.header("content-length") == str(len(answer.body))
    assert own.header("content-type") == PROBLEM
    for name in ("www-authenticate", "cache-control", "retry-after"):
        assert answer.header(name) == own.header(name)
    assert own.status == status


@each_host
def test_a_missing_scope(host):
    issuer = Issuer()
    answer = call(host, "/read", lines(f"Bearer {issuer.token('other')}"), issuer=issuer)

    assert (answer.status, answer.json["code"]) == (403, "missing_scope")
    assert answer.header("content-type") == OWN
    assert 'scope="user:read"' in answer.header("www-authenticate")


@each_host
def test_an_outage_keeps_its_retry_after(host):
    issuer = Issuer()
    issuer.fail("connection")
    answer = call(host, headers=lines("Bearer x"), issuer=issuer)

    assert (answer.status, answer.json["code"]) == (503, "issuer_unavailable")
    assert answer.header("retry-after") is not None
    assert answer.header("content-type") == OWN


@each_host
def test_head_has_the_length_but_no_body(host):
    answer, got = call(host, method="HEAD"), call(host)

    assert (answer.status, answer.body) == (401, b"")
    assert answer.header("content-type") == OWN
    assert answer.header("content-length") in (None, str(len(got.body)))


def fail(refusal):
    raise RuntimeError(refusal.description)


async def later(refusal):
    return OWN, b"{}"


NONSENSE = {
    "an exception": fail,
    "an asynchronous function": later,
    **{
        name: lambda refusal, made=made: made
        for name, made in {
            "None": None,
            "bytes": b"{}",
            "text": (OWN, "{}"),
            "a list": [OWN, b"{}"],
            "three": (OWN, b"{}", 200),
            "the other order": (b"{}", OWN),
            "no media type": ("json", b"{}"),
            "an empty media type": ("", b"{}"),
            "any media type": ("*/*", b"{}"),
            "a line break": ("text/plain\r\nX: y", b"{}"),
            "a line break at the end": ("text/plain\n", b"{}"),
            "two media types": ("text/plain, text/html", b"{}"),
            "letters beyond ASCII": ("text/plän", b"{}"),
            "a bad parameter": ("text/plain; charset", b"{}"),
            "a bytearray": (OWN, bytearray(b"{}")),
        }.items()
    },
}


@pytest.mark.parametrize("kind", NONSENSE)
def test_a_useless_function_changes_nothing(kind, caplog):
    guard, plain = Issuer().guard(error_body=NONSENSE[kind]), Issuer().guard()
    answer, own = (HOSTS[0].call(each) for each in (guard, plain))

    assert (answer.status, answer.headers, answer.body) == (own.status, own.headers, own.body)
    assert "error_body: the function" in caplog.text
    assert "no access token" not in caplog.text


@each_host
def test_so_in_every_host(host):
    answer, own = call(host, hook=fail), usual(host, "/token", ())

    assert (answer.status, answer.body) == (own.status, own.body)
    assert answer.header("content-type") == PROBLEM


@pytest.mark.parametrize(
    "media_type", ["text/plain", "text/html; charset=utf-8", 'a/b;x="y z" ; q=1', "text/x-1"]
)
def test_media_types(media_type):
    guard = Issuer().guard(error_body=lambda refusal: (media_type, b""))
    answer = HOSTS[0].call(guard)

    assert (answer.header("content-type"), answer.body) == (media_type, b"")
    assert answer.header("content-length") == "0"


def test_each_fault_is_logged_once(caplog):
    guard = Issuer().guard(error_body=fail)
    with caplog.at_level(logging.ERROR, "iiniit_guard"):
        for _ in range(3):
            HOSTS[0].call(guard)

    assert [record.getMessage() for record in caplog.records] == [
        "error_body: the function raised RuntimeError; the guard sends its own body instead"
    ]


def seen_of(guard, token):
    seen = []
    HOSTS[0].call(guard(error_body=seen.append), headers=lines(f"Bearer {token}"))
    return seen[0]


def test_the_fields_of_a_refusal():
    issuer = Issuer()
    refusal = seen_of(issuer.guard, issuer.token(aud="https://other.test"))

    assert (refusal.status, refusal.title, refusal.reason, refusal.error) == (
        401,
        "Unauthorized",
        "wrong_audience",
        "invalid_token",
    )
    assert refusal.retry_after_seconds is None
    assert "other.test" not in repr(refusal)


def test_they_hide_which_issuers_a_callable_knows():
    issuer = Issuer()
    known = TrustedIssuer(issuer=issuer.issuer, audience="https://api.test")

    def guard(**more):
        clock, find = issuer.clock.clock, {issuer.issuer: known}.get
        return Guard(issuers=find, transport=issuer.handle, clock=clock, **more)

    stranger = Issuer("https://stranger.test")
    refusals = [
        seen_of(guard, stranger.token()),
        seen_of(guard, issuer.token(sign_with=stranger.signing_key)),
    ]
    assert [refusal.reason for refusal in refusals] == ["not_verified"] * 2
    assert refusals[0] == refusals[1]
