"""The protected resource: its issuers, their lookup, and its state after a fork."""

from __future__ import annotations

import pytest

from iiniit_guard.core.application import request_issuer
from iiniit_guard.core.cache.entry import CacheEntry, KeyValidity
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.resource import metadata_url
from iiniit_guard.errors import UsageError
from tests.unit.core.stepping import (
    API,
    CREDENTIALS,
    ISSUER,
    Steps,
    bearer,
    make_issuer,
    make_resource,
)

OTHER = "https://other.test"


def find(resource, issuer=ISSUER):
    return Steps(resource.server_of(issuer))


def test_issuers_are_known_to_the_letter(clock):
    """RFC 8414 §3.3; RFC 7519 §4.1.1."""
    resource = make_resource(
        clock, issuers=[make_issuer(), make_issuer(issuer=OTHER, algorithms=["ES256"])]
    )
    assert find(resource).result is resource.servers[0]
    assert find(resource, OTHER).result.issuer == OTHER
    for stranger in (ISSUER + "/", ISSUER.upper(), ""):
        assert find(resource, stranger).result is None
    assert resource.only_server is None
    assert "RS256" in resource.algorithms


def test_the_only_issuer(clock):
    resource = make_resource(clock, algorithms=["ES256"])
    assert resource.only_server is resource.servers[0]
    assert resource.algorithms == {"ES256"}


def test_found_issuers_may_use_any_algorithm_and_the_realm_is_nobodys_audience(clock):
    resource = make_resource(clock, issuers=print)
    assert "Ed25519" in resource.algorithms
    assert resource.refusal_writer.realm == "api"
    assert resource.only_server is None, "others may be found later"


@pytest.mark.parametrize(
    ("prefixes", "token", "issuer"),
    [
        ([None], "anything", 0),
        (["a_", "b_"], "a_x", 0),
        (["a_", "b_"], "b_x", 1),
        (["a_", "b_"], "c_x", None),
        (["a_", "b_"], "A_x", None),
        ([], "x", None),
    ],
)
def test_who_may_see_an_opaque_token(clock, prefixes, token, issuer):
    """A server that did not issue a token could use it, so it must not receive it."""
    issuers = [
        make_issuer(issuer=f"https://{n}.test", introspection=CREDENTIALS, token_prefix=prefix)
        for n, prefix in enumerate(prefixes)
    ]
    resource = make_resource(clock, issuers=[*issuers, make_issuer(issuer="https://silent.test")])
    found = resource.opaque_server_of(token)
    assert (None if found is None else found.issuer) == (
        None if issuer is None else f"https://{issuer}.test"
    )


def test_two_who_could_have_issued_it_are_both_not_asked(clock):
    issuers = [make_issuer(issuer=f"https://{n}.test", introspection=CREDENTIALS) for n in range(2)]
    assert (
        make_resource(clock, issuers=issuers, issuer_resolver=print).opaque_server_of("x") is None
    )


def test_how_it_refuses(clock):
    resource = make_resource(
        clock, audience=[API, f"{API}/v1"], alternatives={"ApiKey": print}, resource=f"{API}/v1"
    )
    assert resource.refusal_writer.realm == API
    assert resource.refusal_writer.schemes == ("Bearer", "DPoP", "ApiKey")
    assert (
        resource.refusal_writer.resource_metadata
        == f"{API}/.well-known/oauth-protected-resource/v1"
    )
    assert resource.metadata_path == "/.well-known/oauth-protected-resource/v1"
    assert resource.schemes == {"bearer", "dpop", "apikey"}
    assert make_resource(clock, realm="mine").refusal_writer.realm == "mine"
    assert make_resource(clock).metadata_path is None


@pytest.mark.parametrize(
    ("resource", "url"),
    [
        ("https://a.test", "https://a.test/.well-known/oauth-protected-resource"),
        ("https://a.test/", "https://a.test/.well-known/oauth-protected-resource"),
        ("https://a.test:8443/v1", "https://a.test:8443/.well-known/oauth-protected-resource/v1"),
        ("https://a.test/v1/", "https://a.test/.well-known/oauth-protected-resource/v1/"),
        ("https://a.test/v1?t=1", "https://a.test/.well-known/oauth-protected-resource/v1?t=1"),
    ],
)
def test_where_the_metadata_is(resource, url):
    """RFC 9728 §3.1."""
    assert metadata_url(resource) == url


@pytest.mark.parametrize(
    ("more", "has_fast_path"),
    [({}, True), ({"validators": [print]}, False), ({"issuer_resolver": print}, False)],
)
def test_whether_the_token_alone_decides(clock, more, has_fast_path):
    """A cached token is found by its digest alone only if nothing else decides."""
    assert make_resource(clock, **more).has_fast_path is has_fast_path


def test_the_shared_store_holds_introspection_answers_and_nothing_else(clock):
    settings = {"store_url": "redis://store.test", "store_secret": "s" * 32}
    assert make_resource(clock, introspection=CREDENTIALS, **settings).servers[0].store is not None
    assert make_resource(clock, introspection=CREDENTIALS).servers[0].store is None
    assert make_resource(clock, **settings).servers[0].store is None, (
        "what is verified here needs no sharing"
    )


def test_a_name_that_no_issuer_can_have_is_nobodys(clock):
    """A resolver may build names from untrusted input."""
    for name in ("https://as.test/\u00e9", "\ud800", "a\nb", "", "x" * 2049, None):
        assert Steps(request_issuer(bearer(), print)).send(name).result is None
    assert Steps(request_issuer(bearer(), print)).send(ISSUER).result == ISSUER
    with pytest.raises(UsageError, match="as a string"):
        Steps(request_issuer(bearer(), print)).send(7)


def test_a_forked_child_keeps_what_was_learned(clock):
    resource = make_resource(clock)
    token = AccessToken(ISSUER)
    resource.cache.keep(b"d", CacheEntry(token, 0, float("inf"), float("inf"), KeyValidity()))
    for part in (resource.cache, resource.servers[0].keys):
        part._lock.acquire()  # each has one
    resource.reset_after_fork()
    entry = resource.find(b"d")
    assert entry is not None
    assert entry.token is token
    resource.cache.drop(b"d")
    assert resource.find(b"d") is None
    assert Steps(resource.servers[0].keys.get()).fetch
