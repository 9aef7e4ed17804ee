"""How long a signed assertion is valid, and when the issuer is called again."""

from __future__ import annotations

import math

import pytest

from iiniit_guard.core.model.decision import Allow
from iiniit_guard.testing import Issuer, make_key
from tests.integration.sidecar.sites import ask, bearer, make_sidecar
from tests.integration.sidecar.test_assertion import asserted, called, claims_of, service

GATEWAY, SERVICE = "https://gateway.test", "https://profile.internal"


@pytest.fixture
def issuer():
    return Issuer()


@pytest.fixture
def key_files(tmp_path):
    files = [tmp_path / "one.pem", tmp_path / "two.pem"]
    for number, file in enumerate(files):
        file.write_text(make_key("ES256", "gateway", number).private_pem())
    return [str(file) for file in files]


@pytest.fixture
def site(issuer, key_files):
    def make(**settings):
        upstream = {
            "audience": SERVICE,
            "assertion_issuer": GATEWAY,
            "assertion_keys": key_files,
            **settings.pop("upstream", {}),
        }
        return make_sidecar(issuer, upstream=upstream, **settings)

    return make


@pytest.mark.parametrize("delay, lives, ends", [(60, 300, 60), (20, 300, 20), (60, 12, 12)])
def test_it_ends_with_the_first_of_its_minute_the_deadline_and_the_token(
    site, issuer, delay, lives, ends
):
    sidecar = site(revocation_delay_seconds=delay)
    _, claims = claims_of(
        asserted(ask(sidecar, headers=bearer(issuer.opaque_token(expires_in=lives))))
    )

    assert claims["exp"] == issuer.clock.wall() + ends


def test_its_end_is_the_deadline_to_the_second(site, issuer):
    sidecar = site(revocation_delay_seconds=20)
    token = issuer.opaque_token()
    assertion = asserted(ask(sidecar, headers=bearer(token)))
    issuer.revoke(token)
    with service(sidecar, issuer) as guard:
        issuer.clock.advance(19.9)
        assert isinstance(called(guard, assertion), Allow)
        issuer.clock.advance(0.1)
        assert called(guard, assertion).reason == "expired"


def test_a_signature_serves_for_a_moment(site, issuer):
    sidecar, token = site(), issuer.opaque_token()
    first = asserted(ask(sidecar, headers=bearer(token)))
    issuer.clock.advance(14)
    assert asserted(ask(sidecar, headers=bearer(token))) == first
    issuer.clock.advance(2)
    second = asserted(ask(sidecar, headers=bearer(token)))

    assert second != first
    assert claims_of(second)[1]["exp"] == claims_of(first)[1]["exp"], (
        "both end when the one answer ends"
    )


def test_near_the_deadline_the_issuer_is_asked_anew(site, issuer):
    sidecar, token = site(), issuer.opaque_token()
    ask(sidecar, headers=bearer(token))
    issuer.clock.advance(56)
    issuer.requests.clear()
    _, claims = claims_of(asserted(ask(sidecar, headers=bearer(token))))

    assert issuer.requests == ["introspection"]
    assert claims["exp"] == issuer.clock.wall() + 60
    issuer.clock.advance(56)
    issuer.revoke(token)
    assert ask(sidecar, headers=bearer(token)).status == 403


def test_nobody_is_asked_about_a_token_that_ends_by_itself(site, issuer):
    sidecar, token = site(expiry_leeway_seconds=0), issuer.opaque_token(expires_in=10)
    ask(sidecar, headers=bearer(token))
    issuer.clock.advance(8)
    issuer.requests.clear()
    _, claims = claims_of(asserted(ask(sidecar, headers=bearer(token))))

    assert (issuer.requests, claims["exp"]) == ([], issuer.clock.wall() + 2)


def test_what_is_remembered_is_bounded(site, issuer, monkeypatch):
    from iiniit_guard.sidecar.gateway import assertion

    monkeypatch.setattr(assertion, "_REMEMBERED", 3)
    sidecar = site()
    for number in range(5):
        ask(sidecar, headers=bearer(issuer.token(subject=f"user-{number}")))

    assert len(sidecar.current.assertions._kept) == 3


def test_where_the_deadline_is_not_known_it_lives_for_a_moment(site, issuer):
    sidecar = site(more={"insecure_query_token": True})
    token = issuer.token()
    answer = ask(sidecar, target=f"/x?access_token={token}")
    known = claims_of(asserted(answer))[1]["exp"] - issuer.clock.wall()
    sidecar.current.engine.resource.cache.get = lambda digest: None
    sidecar.current.engine.resource.cache.remaining = lambda digest: 0.0
    unknown = (
        claims_of(asserted(ask(sidecar, target=f"/x?access_token={token}")))[1]["exp"]
        - issuer.clock.wall()
    )

    assert (known, math.ceil(unknown)) == (60, 5)


def test_a_token_without_an_end_has_one_here(site, issuer):
    _, claims = claims_of(
        asserted(ask(site(), headers=bearer(issuer.opaque_token(expires_in=None))))
    )

    assert claims["exp"] == issuer.clock.wall() + 60


def test_a_token_without_an_end_is_asked_about_anew_too(site, issuer):
    sidecar, token = site(), issuer.opaque_token(expires_in=None)
    ask(sidecar, headers=bearer(token))
    issuer.clock.advance(57)

    assert (
        claims_of(asserted(ask(sidecar, headers=bearer(token))))[1]["exp"]
        == issuer.clock.wall() + 60
    )
