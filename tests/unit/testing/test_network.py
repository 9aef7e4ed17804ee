"""Several issuers behind one transport: on hosts of their own, and below paths of one host."""

from __future__ import annotations

from typing import Any

import pytest

from iiniit_guard import Guard, IssuerUnavailable, TokenRefused
from iiniit_guard.core.model.flow import HttpRequest, HttpResponse, Unreachable
from iiniit_guard.testing import Issuer, network, trusted

HOST = "https://keycloak.test"


def guard_of(*issuers, reachable=None):
    reachable = issuers if reachable is None else reachable
    return Guard(
        issuers=[trusted(each, introspection=None) for each in issuers],
        transport=network(*reachable),
        clock=issuers[0].clock.clock,
    )


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (f"{HOST}/realms/a", f"{HOST}/realms/b"),
        (f"{HOST}/realms/a", f"{HOST}/realms/ab"),
        (f"{HOST}/realms/a", f"{HOST}/realms/a/b"),
        (HOST, f"{HOST}/realms/a"),
        (f"{HOST}/realms/a/", f"{HOST}/realms/b/"),
        ("https://one.test", "https://two.test"),
    ],
)
@pytest.mark.parametrize("document", ["oauth-authorization-server", "openid-configuration"])
def test_each_issuer_answers_for_itself(one, two, document):
    issuers = [Issuer(one), Issuer(two)]
    for issuer in issuers:
        issuer.documents = (document,)
        issuer.clock = issuers[0].clock

    for order in (issuers, issuers[::-1]):
        with guard_of(*issuers, reachable=order) as guard:
            for issuer in issuers:
                assert guard.verify(issuer.token()).issuer == issuer.issuer
    assert [issuer.requests.count("jwks") for issuer in issuers] == [2, 2]


def test_a_tenant_introspects_at_its_own_endpoint():
    one, two = Issuer(f"{HOST}/realms/a"), Issuer(f"{HOST}/realms/b")
    issuers = [trusted(one, token_prefix="a_"), trusted(two, token_prefix="b_")]
    with Guard(issuers=issuers, transport=network(one, two)) as guard:
        assert guard.verify(two.opaque_token(prefix="b_")).issuer == two.issuer
        with pytest.raises(TokenRefused):
            guard.verify(one.opaque_token(prefix="b_"))


def test_the_metadata_may_name_another_host():
    issuer = Issuer(f"{HOST}/realms/a")
    issuer.metadata = {"jwks_uri": "https://keys.test/a"}
    with guard_of(issuer) as guard:
        assert guard.verify(issuer.token()).issuer == issuer.issuer


def test_an_issuer_that_is_not_in_the_network():
    one, two = Issuer(f"{HOST}/realms/a"), Issuer(f"{HOST}/realms/b")
    with guard_of(one, two, reachable=[one]) as guard, pytest.raises(IssuerUnavailable):
        guard.verify(two.token())


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        (f"{HOST}/realms/b/jwks", HttpResponse),
        (f"{HOST}/realms/ab/jwks", HttpResponse),
        (f"{HOST}/.well-known/oauth-authorization-server/realms/b", HttpResponse),
        (f"{HOST}.evil.test/realms/a/jwks", Unreachable),
        ("http://keycloak.test/realms/b", Unreachable),
    ],
)
def test_other_addresses(url, kind):
    issuer = Issuer(f"{HOST}/realms/a")
    seen: Any = network(issuer)(HttpRequest("GET", url))

    assert type(seen) is kind
    assert kind is Unreachable or seen.status == 404
    assert issuer.requests == []


def test_an_answer_that_comes_after_the_timeout_is_none():
    issuer = Issuer()
    before = issuer.clock.wall()
    token = issuer.opaque_token()
    with issuer.guard() as guard, issuer.slow(6), pytest.raises(IssuerUnavailable) as caught:
        guard.verify(token)

    assert caught.value.cause == "timeout"
    assert issuer.clock.wall() == before + 5
