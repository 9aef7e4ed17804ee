"""Which grants a gateway may cache, under which key and for how long."""

from __future__ import annotations

import pytest

from iiniit_guard.sidecar.gateway.reply import cache_key
from iiniit_guard.testing import Issuer
from tests.integration.sidecar.sites import (
    RULES,
    ask,
    bearer,
    identity,
    make_sidecar,
)
from tests.integration.sidecar.test_authorize import _original


@pytest.fixture
def issuer():
    return Issuer()


def remembering(issuer, **changes):
    return make_sidecar(issuer, rules=RULES, server={"auth_max_age_seconds": 30}, **changes)


def key(token, method="GET", target="/v1/user/profile", *overrides):
    original = _original(target)._replace(method=method, authorization=b"Bearer " + token.encode())
    return (b"x-iiniit-cache-key", cache_key(original._replace(fields=overrides)))


def test_a_gateway_may_not_remember_what_validators_or_a_resolver_decided(issuer):
    token = issuer.token("user:read user:write")
    for more in (
        {"validators": [lambda token, request: True]},
        {"issuer_resolver": lambda request: issuer.issuer},
    ):
        answer = ask(remembering(issuer, more=more), headers=[*bearer(token), key(token)])
        assert (answer.status, answer.header("cache-control")) == (200, "no-store")


def test_a_gateway_may_remember_a_grant_only_under_the_key_of_the_recipe(issuer):
    sidecar, token = remembering(issuer), issuer.token("user:read user:write")

    def said(*headers, method="GET"):
        return ask(sidecar, method, headers=[*bearer(token), *headers]).header("cache-control")

    assert said(key(token)) == "max-age=30"
    assert said(key(token, "PATCH"), method="PATCH") == "max-age=30"
    assert said() == "no-store"
    assert said((b"x-iiniit-cache-key", b"")) == "no-store"
    assert said(key(token), key(token)) == "no-store"
    assert said(key(token, "PATCH")) == "no-store"
    assert said(key(token, "GET", "/open")) == "no-store"
    assert said(key("another")) == "no-store"
    assert said(key(token, "GET", "/v1/user/profile", (b"x-http-method", b"PATCH"))) == "no-store"


def test_the_key_holds_everything_that_could_change_the_answer():
    original = _original("/a")._replace(authorization=b"Bearer x")
    others = [
        original._replace(method="HEAD"),
        original._replace(target="/b"),
        original._replace(scheme="http"),
        original._replace(host=b"other.test"),
        original._replace(authorization=b"Bearer y"),
        original._replace(authorization=None),
        original._replace(fields=[(b"x-http-method-override", b"DELETE")]),
        original._replace(fields=[(b"x-method-override", b"DELETE")]),
    ]

    keys = {cache_key(each) for each in (original, *others)}
    assert len(keys) == 1 + len(others)
    assert all(len(each) == 64 for each in keys)


def test_a_grant_is_remembered_no_longer_than_the_deadline(issuer):
    sidecar = remembering(issuer, revocation_delay_seconds=10)
    token = issuer.opaque_token()
    headers = [*bearer(token), key(token)]

    assert ask(sidecar, headers=headers).header("cache-control") == "max-age=10"
    issuer.clock.advance(7)
    assert ask(sidecar, headers=headers).header("cache-control") == "max-age=3"
    issuer.clock.advance(2.5)
    assert ask(sidecar, headers=headers).header("cache-control") == "no-store"


def test_neither_refusals_nor_grants_without_a_token_are_remembered(issuer):
    sidecar = remembering(issuer)
    token = issuer.token(scope=None)

    assert ask(sidecar, headers=[*bearer(token), key(token)]).header("cache-control") == "no-store"
    assert (
        ask(sidecar, target="/open", headers=[*bearer(token), key(token, "GET", "/open")]).header(
            "cache-control"
        )
        == "no-store"
    )


def test_another_credential_is_granted_and_not_remembered(issuer):
    from iiniit_guard.core.model.access_token import Principal

    more = {
        "alternatives": {
            "ApiKey": lambda credential, request: Principal(
                "ApiKey", "robot", frozenset({"user:read"})
            )
        }
    }
    sidecar = remembering(issuer, more=more)
    answer = ask(sidecar, headers=[(b"authorization", b"ApiKey k"), key("k")])

    assert (answer.status, identity(answer)["subject"], answer.header("cache-control")) == (
        200,
        "robot",
        "no-store",
    )


def test_a_gateway_may_not_remember_a_grant_for_a_token_in_another_field(issuer):
    """The key of the gateway holds Authorization, not the field of `token_header`."""
    sidecar = remembering(issuer, more={"token_header": "X-Token"})
    token = issuer.token("user:read user:write")
    field = (b"x-token", token.encode())

    for _ in range(2):  # the second answer is from the cache of tokens
        answer = ask(sidecar, headers=[field, *bearer("other"), key("other")])
        assert (answer.status, answer.header("cache-control")) == (200, "no-store")
    assert ask(sidecar, headers=[*bearer(token), key(token)]).status == 403
