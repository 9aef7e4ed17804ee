"""A token near its deadline is introspected again for a longer assertion: at most once, and without
loss of the cached result.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.jose.encodings import decode_base64url
from iiniit_guard.io.event_loops import LoopEffects
from iiniit_guard.sidecar.gateway import authorize
from iiniit_guard.sidecar.gateway.reply import cache_key
from iiniit_guard.sidecar.settings.dialects import Original
from iiniit_guard.testing import Issuer, make_key
from tests.integration.sidecar.sites import RULES, ask, bearer, make_sidecar

OTHER = {"method": "GET", "path": "/other", "scope": "user:read"}
FRESH = {"method": "GET", "path": "/fresh", "max_age": 30}


@pytest.fixture
def issuer():
    return Issuer()


@pytest.fixture
def site(issuer, tmp_path):
    file = tmp_path / "key.pem"
    file.write_text(make_key("ES256", "gateway").private_pem())
    upstream = {
        "audience": "https://up.test",
        "assertion_issuer": "https://gateway.test",
        "assertion_keys": [str(file)],
    }
    asserting: Any = {"upstream": upstream}
    return lambda *, asserts=True, **settings: make_sidecar(
        issuer, rules=[*RULES, OTHER, FRESH], **(asserting if asserts else {}), **settings
    )


def granted(sidecar, token, **question):
    answer = ask(sidecar, headers=bearer(token), **question)
    assert answer.status == 200
    return answer


def lives(answer, issuer):
    """Return the lifetime of the assertion of a grant."""
    payload = (answer.header("x-iiniit-assertion") or "").split(".")[1]
    return json.loads(decode_base64url(payload.encode()) or b"")["exp"] - issuer.clock.wall()


def calls(issuer):
    return issuer.requests.count("introspection")


@pytest.mark.parametrize(("delay", "wanted"), [(2, 1), (5, 1), (6, 2)])
def test_nobody_is_asked_where_no_answer_could_be_longer(site, issuer, delay, wanted):
    sidecar, token = site(revocation_delay_seconds=delay), issuer.opaque_token()
    for _ in range(20):
        granted(sidecar, token)
    issuer.clock.advance(1.5)
    for _ in range(20):
        granted(sidecar, token)

    assert calls(issuer) == wanted


def test_an_outage_costs_one_call_and_no_grant(site, issuer):
    sidecar, token = site(), issuer.opaque_token()
    granted(sidecar, token)
    issuer.clock.advance(56)
    issuer.fail("500")
    during = [granted(sidecar, token) for _ in range(3)]
    cache = sidecar.current.engine.resource.cache

    assert [lives(each, issuer) for each in during] == [4, 4, 4]
    assert calls(issuer) == 2
    assert cache.was_active(digest_of(token))
    issuer.clock.advance(4)
    assert ask(sidecar, headers=bearer(token)).status == 403
    assert cache.was_active(digest_of(token))
    issuer.fail(None)
    issuer.clock.advance(2)
    assert lives(granted(sidecar, token), issuer) == 60


def test_while_strangers_use_up_the_calls_a_known_token_goes_first(site, issuer):
    sidecar, token = site(), issuer.opaque_token()
    granted(sidecar, token)
    issuer.clock.advance(56)
    (server,) = sidecar.current.engine.resource.servers
    while server.calls.enter(known=False):
        pass

    assert lives(granted(sidecar, token), issuer) == 60


def test_a_token_that_was_revoked_is_refused_before_its_deadline(site, issuer):
    sidecar, token = site(), issuer.opaque_token()
    granted(sidecar, token)
    issuer.clock.advance(56)
    issuer.revoke(token)

    assert ask(sidecar, headers=bearer(token)).status == 403
    assert calls(issuer) == 2


@pytest.mark.parametrize("how", ["introspect", "both", "verify"])
def test_a_jwt_too(site, issuer, how):
    sidecar, token = site(more={"jwt": how}), issuer.token(expires_in=3000)
    granted(sidecar, token)
    issuer.clock.advance(296 if how == "verify" else 56)
    asked = len(issuer.requests)

    assert lives(granted(sidecar, token), issuer) == 60
    assert len(issuer.requests) - asked == (how != "verify")


def test_a_server_that_hangs_does_not_use_up_what_is_left(site, issuer, monkeypatch):
    sidecar, token = site(), issuer.opaque_token()
    granted(sidecar, token)
    issuer.clock.advance(59.9)

    async def never(*_):
        await asyncio.wait_for(asyncio.Event().wait(), 5)

    monkeypatch.setattr(LoopEffects, "perform", never)
    assert lives(granted(sidecar, token), issuer) == pytest.approx(0.1)


def test_what_was_asked_about_is_noted_within_bounds(site, issuer, monkeypatch):
    monkeypatch.setattr(authorize, "_REMEMBERED", 3)
    sidecar, tokens = site(), [issuer.opaque_token(subject=f"user-{number}") for number in range(5)]
    for token in tokens:
        granted(sidecar, token)
    issuer.clock.advance(56)
    for token in tokens:
        granted(sidecar, token)

    assert len(sidecar.current.authorizer._asked) == 3


def test_where_the_request_has_a_say_nobody_is_asked_ahead(site, issuer):
    sidecar, token = site(more={"validators": [lambda *_: True]}), issuer.opaque_token()
    granted(sidecar, token)
    issuer.clock.advance(56)

    assert (lives(granted(sidecar, token), issuer), calls(issuer)) == (4, 1)


def remembered(sidecar, token, target):
    key = cache_key(
        Original(
            "GET", target, "https", b"api.test", [], frozenset(), b"Bearer " + token.encode(), False
        )
    )
    return ask(sidecar, target=target, headers=[*bearer(token), (b"x-iiniit-cache-key", key)])


def test_a_gateway_forgets_a_grant_before_its_assertion_ends(site, issuer):
    sidecar, token = site(server={"auth_max_age_seconds": 120}), issuer.token(expires_in=3000)
    assert remembered(sidecar, token, "/v1/user/profile").header("cache-control") == "max-age=55"
    issuer.clock.advance(14)
    answer = remembered(sidecar, token, "/other")

    assert (lives(answer, issuer), answer.header("cache-control")) == (46, "max-age=41")


def test_no_grant_is_remembered_whose_assertion_is_short(site, issuer):
    sidecar = site(server={"auth_max_age_seconds": 120}, revocation_delay_seconds=5)

    assert (
        remembered(sidecar, issuer.opaque_token(), "/other").header("cache-control") == "no-store"
    )


@pytest.mark.parametrize("asserts", [False, True])
def test_a_gateway_forgets_a_grant_before_the_authentication_is_too_old(site, issuer, asserts):
    sidecar = site(server={"auth_max_age_seconds": 120}, asserts=asserts)
    token = issuer.token(expires_in=3000, auth_time=issuer.clock.wall() - 25)

    assert remembered(sidecar, token, "/fresh").header("cache-control") == "max-age=5"
    issuer.clock.advance(5)
    assert remembered(sidecar, token, "/fresh").header("cache-control") == "no-store"
    issuer.clock.advance(1)
    assert remembered(sidecar, token, "/fresh").status == 403
