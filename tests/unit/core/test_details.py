"""Log details of an outage: operators search for the exact texts."""

from __future__ import annotations

import json

import pytest

from iiniit_guard.core.issuer.client_authentication import BearerToken, PrivateKeyJwt, SecretFile
from iiniit_guard.core.issuer.limits import CallLimiter
from iiniit_guard.core.issuer.metadata import load_metadata
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.flow import HttpResponse, Unreachable
from iiniit_guard.core.model.policy import ANY_TOKEN
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.core.model.request import Request
from tests.unit.core.introspecting import World
from tests.unit.core.stepping import (
    DOWN,
    ISSUER,
    Steps,
    active,
    answer,
    key_set,
    make_clock,
    make_resource,
    make_server,
    metadata_document,
)

HTML = HttpResponse(200, (("content-type", "text/html"),), b"{}")


def outage(result):
    assert isinstance(result, Unreachable)
    return result.cause, result.detail, result.retry_after_seconds


@pytest.mark.parametrize(
    ("reply", "cause", "detail", "seconds"),
    [
        (HttpResponse(401), "credentials", "introspection: status 401", 30),
        (HttpResponse(403), "credentials", "introspection: status 403", 30),
        (HttpResponse(500, (("retry-after", "7"),)), "answer", "introspection: status 500", 7),
        (HttpResponse(302), "answer", "introspection: status 302", 1),
        (HTML, "answer", "introspection: not application/json", 1),
        (answer(b"[]"), "answer", "introspection: not a JSON object", 1),
        (answer({"active": "true"}), "answer", "introspection: active is not a boolean", 1),
    ],
    ids=lambda value: str(value)[:40],
)
def test_introspection(reply, cause, detail, seconds):
    world = World()
    assert outage(world.ask().send(reply).result) == (cause, detail, seconds)


def test_no_place_is_free():
    world = World()
    for _ in range(CallLimiter.PLACES // 2):
        assert world.server.calls.enter(known=False)
    assert outage(world.ask().result) == ("busy", "introspection: too many calls are in flight", 1)


@pytest.mark.parametrize(
    ("reply", "cause", "detail", "seconds"),
    [
        (HttpResponse(404), "answer", "jwks: status 404", 1),
        (HttpResponse(429, (("retry-after", "9"),)), "answer", "jwks: status 429", 9),
        (answer(b"nonsense"), "answer", "jwks: not a JWK Set", 1),
        (key_set(), "answer", "jwks: no usable key", 1),
    ],
    ids=lambda value: str(value)[:40],
)
def test_keys(reply, cause, detail, seconds):
    source = make_server(make_clock()).keys
    result = Steps(source.get()).send(reply).result
    assert outage(result)[:2] == (cause, detail)
    assert result.retry_after_seconds >= seconds
    assert source.failure is not None
    assert source.failure.detail == detail


def test_keys_after_a_failure():
    clock = make_clock()
    source = make_server(clock).keys
    Steps(source.get()).send(HttpResponse(404))
    assert outage(Steps(source.get()).result)[:2] == (
        "waiting",
        "jwks: the last attempt failed (jwks: status 404)",
    )


@pytest.mark.parametrize(
    ("reply", "detail", "seconds"),
    [
        (HttpResponse(503, (("retry-after", "11"),)), "metadata: status 503", 11),
        (answer(b"[]"), "metadata: not a JSON object", 1),
        (
            answer(metadata_document(issuer="https://other.test")),
            "metadata: its issuer is not the configured one",
            1,
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_metadata(reply, detail, seconds):
    server = make_server(make_clock(), jwks_uri=None)
    flow = Steps(load_metadata(("https://issuer.test/m",), ISSUER, server.connection))
    assert flow.fetch.body == b""
    assert flow.fetch.connection is server.connection
    assert outage(flow.send(reply).result) == ("answer", detail, seconds)


@pytest.mark.parametrize("name", ["jwks_uri", "introspection_endpoint"])
@pytest.mark.parametrize("url", [None, 7, "http://issuer.test/x", "ftp://x"])
def test_an_endpoint_that_is_missing(name, url):
    # The rest of the metadata is good.
    document = {
        key: value for key, value in metadata_document(**{name: url}).items() if value is not None
    }
    if name == "jwks_uri":
        steps = Steps(make_server(make_clock(), jwks_uri=None).keys.get())
    else:
        steps = World(introspection_endpoint=None, jwks_uri=None).ask()
    cause, detail, _ = outage(steps.send(answer(document)).result)
    assert (cause, detail) == ("answer", f"metadata: {name} is missing or not an https URL")


@pytest.mark.parametrize(
    ("method", "content", "detail", "seconds"),
    [
        (
            BearerToken(SecretFile("/run/token")),
            b"a b",
            "the token for introspection is not a bearer token",
            30,
        ),
        (BearerToken(SecretFile("/run/token")), b"\xff", "a secret file is not UTF-8 text", 1),
        (
            PrivateKeyJwt("api", SecretFile("/run/key"), "ES256"),
            b"no key",
            "the key of private_key_jwt cannot be used with its algorithm",
            30,
        ),
    ],
    ids=["two words", "no text", "no key"],
)
def test_credentials_of_ours(method, content, detail, seconds):
    world = World(introspection=method)
    steps = world.ask()
    assert outage(steps.send(content).result) == ("credentials", detail, seconds)


def test_what_failed_last_is_known_until_it_works():
    world = World()

    def known():
        return world.server.failure and world.server.failure.detail, world.server.confirmed

    world.ask("one").send(HttpResponse(500))
    assert known() == ("introspection: status 500", False)
    assert isinstance(world.ask("two").send(active(world.clock)).result, AccessToken)
    assert known() == (None, True)


def test_while_the_breaker_is_open():
    world = World()
    for number in range(5):
        world.ask(str(number)).send(DOWN)
    assert outage(world.ask().result)[:2] == (
        "waiting",
        "introspection: the server could not be reached lately",
    )


def test_calls_are_counted():
    calls = CallLimiter()
    assert calls.made == 0
    for _ in range(3):
        assert calls.enter(known=True)
    assert calls.made == 3


def test_header_names_are_written_as_they_are_known():
    """Header names are case-insensitive, but some parsers are not."""
    answers = make_resource(make_clock()).refusal_writer
    request = Request("GET", "/", headers=[(b"origin", b"https://a.test")])
    denied, unavailable = (
        answers.deny(PROBLEMS[Reason.EXPIRED], request, ANY_TOKEN),
        answers.unavailable(DOWN, request),
    )
    common = {"Content-Type", "Content-Length", "Cache-Control", "Access-Control-Expose-Headers"}
    assert {name for name, _ in denied.headers} == common | {"WWW-Authenticate"}
    assert {name for name, _ in unavailable.headers} == common | {"Retry-After"}
    assert denied.cache == "none"
    body = json.loads(unavailable.body)
    assert set(body) == {
        "type",
        "title",
        "status",
        "detail",
        "reason",
        "error",
        "error_description",
    }
    assert body["detail"] == body["error_description"]
