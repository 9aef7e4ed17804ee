"""One trusted issuer at run time: its endpoints, and its state after a fork."""

from __future__ import annotations

import pytest

from iiniit_guard.core.issuer.client_authentication import TlsClient
from iiniit_guard.core.issuer.metadata import metadata_urls
from iiniit_guard.core.model.flow import HttpResponse
from tests.unit.core.stepping import (
    CREDENTIALS,
    DOWN,
    INTROSPECT,
    ISSUER,
    JWKS,
    KEY,
    Steps,
    answer,
    key_set,
    make_server,
    metadata_document,
)

DISCOVERED = {"jwks_uri": None, "introspection_endpoint": None, "introspection": CREDENTIALS}


def test_endpoints_set_by_hand_are_not_discovered(clock):
    server = make_server(clock, introspection=CREDENTIALS)
    assert Steps(server.introspection_endpoint()).result == INTROSPECT
    assert Steps(server.keys.get()).fetch.url == JWKS


def test_one_discovery_serves_both_endpoints_for_an_hour(clock):
    """The metadata is cached for 1 h."""
    server = make_server(clock, **DISCOVERED)
    steps = Steps(server.keys.get())
    assert steps.fetch.url == metadata_urls(ISSUER)[0]
    assert steps.send(answer(metadata_document())).fetch.url == JWKS
    assert steps.send(key_set(KEY)).ended
    assert Steps(server.introspection_endpoint()).result == INTROSPECT
    clock.advance(3600)
    assert Steps(server.introspection_endpoint()).fetch.url == metadata_urls(ISSUER)[0]


@pytest.mark.parametrize(("seconds", "served"), [(3600 + 86_400 - 1, True), (3600 + 86_400, False)])
def test_the_last_good_document_serves_a_day_past_its_end(clock, seconds, served):
    """The last good metadata is used for 24 h past its end."""
    server = make_server(clock, **DISCOVERED)
    Steps(server.introspection_endpoint()).send(answer(metadata_document()))
    clock.advance(seconds)
    steps = Steps(server.introspection_endpoint()).send(DOWN)
    assert (steps.result == INTROSPECT) is served


def test_the_document_can_be_elsewhere_and_name_another_issuer(clock):
    """`insecure_metadata_issuer` names the other issuer."""
    place = "https://inner.test/metadata"
    server = make_server(
        clock, **DISCOVERED, metadata_url=place, insecure_metadata_issuer="https://inner.test"
    )
    steps = Steps(server.introspection_endpoint())
    assert steps.fetch.url == place
    assert steps.send(answer(metadata_document(issuer="https://inner.test"))).result == INTROSPECT
    server = make_server(clock, **DISCOVERED, metadata_url=place)
    assert (
        Steps(server.introspection_endpoint())
        .send(answer(metadata_document(issuer="https://inner.test")))
        .cause
        == "answer"
    )


@pytest.mark.parametrize(
    "url",
    [
        None,
        1,
        "",
        "introspect",
        "http://issuer.test/i",
        "file:///etc/passwd",
        "https://a:b@issuer.test/",
        "https://issuer.test/#x",
        "https://[::1",
    ],
)
def test_an_endpoint_in_the_metadata_that_must_not_be_called(clock, url):
    """RFC 8414 §2: https; CVE-2026-48522."""
    server = make_server(clock, **DISCOVERED)
    steps = Steps(server.introspection_endpoint()).send(
        answer(metadata_document(introspection_endpoint=url))
    )
    assert (steps.cause, steps.result.retry_after_seconds) == ("answer", 30.0)
    assert "introspection_endpoint" in steps.result.detail


def test_http_in_the_metadata_where_that_was_named_for_its_harm(clock):
    server = make_server(clock, **DISCOVERED, insecure_http_hosts=["inner.test"])
    steps = Steps(server.introspection_endpoint()).send(
        answer(metadata_document(introspection_endpoint="http://inner.test/i"))
    )
    assert steps.result == "http://inner.test/i"
    other = make_server(clock, **DISCOVERED, insecure_http_hosts=["inner.test"])
    document = metadata_document(introspection_endpoint="http://other.test/i")
    assert Steps(other.introspection_endpoint()).send(answer(document)).cause == "answer"


def test_how_it_is_reached(clock):
    server = make_server(
        clock,
        connect_timeout_seconds=1,
        timeout_seconds=3,
        ca_file="/ca.pem",
        http_proxy="http://proxy.test",
        introspection=TlsClient("api", "/cert.pem", "/key.pem"),
    )
    connection = Steps(server.keys.get()).fetch.connection
    assert (connection.connect_timeout_seconds, connection.timeout_seconds) == (1, 3)
    assert (connection.ca_file, connection.http_proxy) == ("/ca.pem", "http://proxy.test")
    assert (connection.certificate_file, connection.key_file) == ("/cert.pem", "/key.pem")
    assert make_server(clock).connection.certificate_file is None


def test_a_forked_child_keeps_what_was_learned_and_waits_for_nobody(clock):
    server = make_server(clock, **DISCOVERED)
    Steps(server.keys.get()).send(answer(metadata_document())).send(key_set(KEY))
    keys = server.keys.value
    while server.calls.enter(known=True):
        pass
    locks = (
        server.refused,
        server.tombstones,
        server.breaker,
        server.breaker_of_unknown,
        server.calls,
        server.metadata,
        server.keys,
        server.flights,
    )
    for part in locks:
        part._lock.acquire()
    server.reset_after_fork()
    assert server.keys.value is keys
    assert server.calls.enter(known=True)
    server.breaker.record(HttpResponse(200), known=True)
    server.breaker_of_unknown.record(HttpResponse(200), known=False)
    server.tombstones.add(b"x")
    server.refused.forget(b"x")
    assert not server.keys.loading
    assert Steps(server.introspection_endpoint()).result == INTROSPECT
    # it was loaded
    assert Steps(server.keys.refresh_for(keys)).fetch.url == JWKS  # type: ignore[arg-type]
