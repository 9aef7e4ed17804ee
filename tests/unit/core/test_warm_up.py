"""Warm-up: whether tokens can be verified, before the first token arrives."""

from __future__ import annotations

import asyncio

from iiniit_guard.testing import Issuer

REFUSED = "the connection was refused"


def prepared(issuer, **settings):
    guard = issuer.guard(**settings)
    return asyncio.run(guard.warm_up_async()), guard


def test_keys_and_endpoints_are_there_before_the_first_token():
    issuer = Issuer()
    missing, guard = prepared(issuer)
    issuer.requests.clear()

    assert missing == ()
    guard.verify(issuer.token())
    assert issuer.requests == []
    assert [server.issuer for server in guard._engine.resource.servers] == [issuer.issuer]


def test_what_is_missing_is_said_for_each_issuer():
    issuer = Issuer()
    issuer.fail("connection", at="jwks")
    missing, _ = prepared(issuer)
    assert missing == (f"{issuer.issuer}: {REFUSED}",)

    issuer = Issuer()
    issuer.metadata = {"introspection_endpoint": None}
    missing, _ = prepared(issuer)
    assert missing == (
        f"{issuer.issuer}: metadata: introspection_endpoint is missing or not an https URL",
    )


def test_nothing_is_fetched_that_no_token_needs():
    issuer = Issuer()
    missing, _ = prepared(
        issuer, jwt="introspect", introspection_endpoint="https://issuer.test/introspect"
    )
    assert (missing, issuer.requests) == ((), [])

    issuer = Issuer()
    missing, _ = prepared(issuer, introspection=None)
    assert (missing, issuer.requests) == ((), ["discovery", "jwks"])
