"""Parsing of authorization server metadata; tests/contract/cases/ has rows for single members."""

from __future__ import annotations

import pytest

from iiniit_guard.core.issuer.metadata import (
    Endpoints,
    is_loopback,
    load_metadata,
    metadata_urls,
    retry_after,
)
from iiniit_guard.core.model.flow import Connection, HttpResponse, Unreachable
from tests.unit.core.stepping import (
    DOWN,
    ISSUER,
    JWKS,
    Steps,
    answer,
    make_clock,
    make_server,
    metadata_document,
)

URLS = metadata_urls(ISSUER)


def load(issuer=ISSUER, urls=URLS):
    return Steps(load_metadata(urls, issuer, Connection()))


@pytest.mark.parametrize(
    ("issuer", "inserted", "appended"),
    [
        pytest.param(
            "https://a.test",
            "https://a.test/.well-known/oauth-authorization-server",
            "https://a.test/.well-known/openid-configuration",
            id="RFC 8414 §3, without a path",
        ),
        pytest.param(
            "https://a.test:8443/x/y",
            "https://a.test:8443/.well-known/oauth-authorization-server/x/y",
            "https://a.test:8443/x/y/.well-known/openid-configuration",
            id="RFC 8414 §3.1 inserts, OpenID Connect Discovery §4.1 appends",
        ),
        pytest.param(
            "https://a.test/",
            "https://a.test/.well-known/oauth-authorization-server",
            "https://a.test/.well-known/openid-configuration",
            id="RFC 8414 §3.1: a terminating slash is removed",
        ),
    ],
)
def test_the_two_places(issuer, inserted, appended):
    assert metadata_urls(issuer) == (inserted, appended)


def test_the_first_place_that_has_it_is_enough():
    steps = load()
    assert (steps.fetch.method, steps.fetch.url, steps.fetch.headers) == (
        "GET",
        URLS[0],
        (("Accept", "application/json"),),
    )
    assert steps.send(answer(metadata_document())).result == (metadata_document(), 3600.0)


@pytest.mark.parametrize(
    "reply",
    [
        HttpResponse(404),
        HttpResponse(301, (("location", "https://evil.test"),)),
        answer(b"<html>"),
        answer({"issuer": ISSUER + "/"}),
        answer([]),
    ],
    ids=["404", "a redirect", "no JSON", "another issuer", "a list"],
)
def test_a_place_without_the_document_sends_us_to_the_next(reply):
    steps = load().send(reply)
    assert steps.fetch.url == URLS[1]
    assert steps.send(answer(metadata_document())).result[0]["issuer"] == ISSUER


def test_a_server_that_cannot_be_reached_is_not_asked_twice():
    assert load().send(DOWN).result is DOWN


@pytest.mark.parametrize(
    ("reply", "detail"),
    [
        (HttpResponse(500), "metadata: status 500"),
        (answer(b"{"), "metadata: not a JSON object"),
        (answer({}), "metadata: its issuer is not the configured one"),
        (answer({"issuer": [ISSUER]}), "metadata: its issuer is not the configured one"),
    ],
)
def test_where_no_place_has_it_the_last_says_why(reply, detail):
    """RFC 8414 §3.3: `issuer` must be identical."""
    steps = load().send(HttpResponse(404)).send(reply)
    assert (steps.cause, steps.result.detail) == ("answer", detail)


def test_one_place_set_by_hand():
    assert (
        load(urls=("https://a.test/doc",))
        .send(HttpResponse(503, (("retry-after", "7"),)))
        .result.retry_after_seconds
        == 7
    )


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5),
        ("0", 1),
        ("1", 1),
        ("60", 60),
        ("61", 60),
        ("99999", 60),
        ("999999", 1),
        ("-5", 1),
        ("1.5", 1),
        ("", 1),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 1),
        ("²", 1),
        ("٣", 1),
    ],
)
def test_retry_after(value, seconds):
    """RFC 9110 §10.2.3; the value is bounded."""
    assert retry_after(HttpResponse(503, (("retry-after", value),))) == seconds
    assert retry_after(HttpResponse(503)) == 1


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("api.localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost.evil.test", False),
        ("notlocalhost", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("127.0.0.1.evil.test", False),
        ("", False),
    ],
)
def test_this_machine(host, loopback):
    """RFC 6761 §6.3."""
    assert is_loopback(host) is loopback


HTTPS = "https://issuer.test"
LOOPBACK = "http://127.0.0.1:8000"


def named(document, source=HTTPS, http_hosts=()):
    """Return the URL that a document names, or None."""
    clock = make_clock()
    metadata = make_server(clock, jwks_uri=None).metadata
    flow = Steps(Endpoints(metadata, source, http_hosts).find(None, "jwks_uri"))
    found = flow.send(answer({"issuer": ISSUER, **document})).result
    return None if isinstance(found, Unreachable) else found


@pytest.mark.parametrize(
    ("url", "source", "http_hosts", "called"),
    [
        ("https://127.0.0.1/jwks", HTTPS, (), True),
        ("https://keys.test/jwks", LOOPBACK, (), True),
        ("http://127.0.0.1:9/jwks", LOOPBACK, (), True),
        ("http://localhost/jwks", "http://[::1]/metadata", (), True),
        ("http://127.0.0.1/jwks", HTTPS, ("127.0.0.1",), True),
        ("http://inside.test/jwks", HTTPS, ("inside.test",), True),
        ("http://127.0.0.1/jwks", HTTPS, ("inside.test",), False),
        ("http://127.0.0.1/jwks", "http://inside.test", ("inside.test",), False),
        ("http://127.0.0.1/jwks", "https://127.0.0.1", (), False),
        ("http://keys.test/jwks", LOOPBACK, (), False),
        *(
            (url, HTTPS, (), False)
            for url in (
                "http://127.0.0.1:2375/containers/json",
                "http://127.9.9.9/",
                "http://127.1/",
                "http://2130706433/",
                "http://0x7f000001/",
                "http://localhost:8500/v1/agent/leave",
                "HTTP://LOCALHOST/",
                "http://localhost./",
                "http://a.localhost/",
                "http://[::1]:9090/",
                "http://[0:0:0:0:0:0:0:1]/",
                "http://[::ffff:127.0.0.1]/",
                "http://0.0.0.0/",
                "file:///etc/passwd",
            )
        ),
    ],
)
def test_a_document_may_name_loopback_only_if_the_operator_wrote_that_it_comes_from_there(
    url, source, http_hosts, called
):
    """RFC 8414 §2: https. A remote issuer must not make the guard call services of its
    own machine.
    """
    assert named({"jwks_uri": url}, source, http_hosts) == (url if called else None)


@pytest.mark.parametrize(
    "document", [{}, {"jwks_uri": None}, {"jwks_uri": ["https://issuer.test/"]}], ids=str
)
def test_an_endpoint_that_is_missing(document):
    assert named(document) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        " https://issuer.test/",
        "https://issuer.test/ ",
        "https://issuer.test/a b",
        "https://issuer.test/\n",
        "https://iss\tuer.test/",
        "\x00https://issuer.test/",
        "https://issuer.test/\x7f",
        "https://issuer.test/\u00e9",
        "https://\u2488.test/",
    ],
    ids=ascii,
)
def test_a_url_in_the_metadata_has_only_visible_ascii(url):
    """RFC 3986 §2. `urlsplit` removes some of the other characters."""
    assert named({"jwks_uri": url}) is None


def test_a_url_is_checked_again_with_each_document(clock):
    server = make_server(clock, jwks_uri=None)
    first = Steps(server.endpoints.find(None, "jwks_uri"))
    assert first.send(answer(metadata_document())).result == JWKS
    assert Steps(server.endpoints.find(None, "jwks_uri")).result == JWKS
    assert Steps(server.endpoints.find(None, "token_endpoint")).cause == "answer"
    clock.advance(3_600)
    later = Steps(server.endpoints.find(None, "jwks_uri"))
    assert later.send(answer(metadata_document(jwks_uri="http://keys.test"))).cause == "answer"
