"""DPoP in every host: the URI that the server knows, replays, nonces (RFC 9449)."""

from __future__ import annotations

from typing import Any

import pytest

from iiniit_guard.testing import Issuer, dpop_proof, make_key
from tests.contract.hosts.builders import HOSTS
from tests.contract.hosts.calling import Lines

KEY = make_key("ES256", "client")
SECRET = "n" * 32
URL = "http://api.test"

each_host = pytest.mark.parametrize("host", HOSTS, ids=str)


@pytest.fixture
def issuer():
    return Issuer()


def lines(issuer: Issuer, url: str, *more: tuple[bytes, bytes], **changes: Any) -> Lines:
    """Return the header lines of a request with a bound token."""
    token = issuer.token(dpop_key=KEY)
    proof = dpop_proof(KEY, changes.pop("method", "GET"), url, token, clock=issuer.clock, **changes)
    return (
        (b"host", b"api.test"),
        (b"authorization", f"DPoP {token}".encode()),
        (b"dpop", proof.encode()),
        *more,
    )


@each_host
def test_the_uri_is_that_of_the_server_itself(host, issuer):
    with issuer.guard() as guard:
        site = host.site(guard)
        passed = site("GET", "/read", lines(issuer, f"{URL}/read"), "a=b")
        assert (passed.status, passed.json["subject"]) == (200, "user-1")
        for url in (f"{URL}/token", "http://evil.test/read", "https://api.test/read"):
            refused = site("GET", "/read", lines(issuer, url), "")
            assert (refused.status, refused.json["reason"]) == (401, "wrong_proof_target"), url


@each_host
@pytest.mark.parametrize("host_field", [b"api.test/token?", b"api.test/token#"])
def test_a_host_field_cannot_replace_the_path(host, issuer, host_field):
    with issuer.guard() as guard:
        made = ((b"host", host_field), *lines(issuer, f"{URL}/token")[1:])
        refused = host.call(guard, "GET", "/read", made)
        assert (refused.status, refused.json["reason"]) == (401, "wrong_proof_target")


@each_host
def test_forwarded_fields_count_only_if_a_trusted_proxy_sent_them(host, issuer):
    forwarded = ((b"x-forwarded-proto", b"https"), (b"x-forwarded-host", b"public.test"))
    public = "https://public.test/read"
    with issuer.guard(trusted_proxies=["10.0.0.0/8"]) as guard:
        site = host.site(guard)
        refused = site("GET", "/read", lines(issuer, public, *forwarded), "")
        assert (refused.status, refused.json["reason"]) == (401, "wrong_proof_target")
        assert site("GET", "/read", lines(issuer, f"{URL}/read", *forwarded), "").status == 200


@each_host
def test_public_url_takes_the_place_of_all_of_them(host, issuer):
    forwarded = ((b"x-forwarded-proto", b"http"), (b"forwarded", b"host=evil.test"))
    settings: Any = {"public_url": "https://public.test/v1", "trusted_proxies": ["127.0.0.1"]}
    with issuer.guard(**settings) as guard:
        answer = host.call(
            guard, "GET", "/read", lines(issuer, "https://public.test/v1/read", *forwarded)
        )
        assert answer.status == 200


@each_host
@pytest.mark.parametrize("enforce", ["all", "declared"])
def test_the_nonce_dance(host, issuer, enforce):
    """RFC 9449 §9: one refusal, one fresh nonce, and from then on the nonce of each response."""
    if enforce == "declared" and host.name in ("wsgi", "asgi"):
        enforce = "all"  # they have no decorators
    settings: Any = {"public_url": URL, "dpop_nonce": "required", "dpop_nonce_secret": SECRET}
    origin = (b"origin", b"https://app.test")
    with issuer.guard(**settings) as guard:
        site = host.site(guard, enforce=enforce)

        def send(nonce: str | None = None) -> Any:
            return site("GET", "/read", lines(issuer, f"{URL}/read", origin, nonce=nonce), "")

        refused = send()
        nonce = refused.header("dpop-nonce")
        assert (refused.status, refused.json["error"]) == (401, "use_dpop_nonce")
        assert 'DPoP realm="https://api.test", error="use_dpop_nonce"' in refused.header(
            "www-authenticate"
        )
        exposed = refused.header("access-control-expose-headers")
        assert exposed == "WWW-Authenticate, DPoP-Nonce, Retry-After"
        passed = send(nonce)
        assert (passed.status, passed.header("dpop-nonce")) == (200, None)
        issuer.clock.advance(60)
        renewed = send(nonce)
        fresh = renewed.header("dpop-nonce")
        assert renewed.status == 200
        assert fresh not in (None, nonce)
        # RFC 9449 §8.2: a cached response would hand out a stale nonce.
        assert renewed.header("cache-control") == "no-store"
        assert renewed.header("access-control-expose-headers") == "DPoP-Nonce"
        assert send(fresh).header("dpop-nonce") is None
        issuer.clock.advance(60)
        stale = send(nonce)
        assert (stale.status, stale.json["error"]) == (401, "use_dpop_nonce")


@each_host
def test_every_request_needs_its_own_proof_although_the_token_is_cached(host, issuer):
    with issuer.guard(public_url=URL) as guard:
        site = host.site(guard)
        made = lines(issuer, f"{URL}/read")
        assert site("GET", "/read", made, "").status == 200
        again = site("GET", "/read", made, "")
        assert (again.status, again.json["reason"]) == (401, "replayed_proof")
        without = site("GET", "/read", made[:2], "")
        assert (without.status, without.json["reason"]) == (401, "no_proof")
        thief = [(name, value.replace(b"DPoP ", b"Bearer ")) for name, value in made]
        downgraded = site("GET", "/read", tuple(thief), "")
        assert (downgraded.status, downgraded.json["reason"]) == (401, "unsupported_confirmation")
        assert issuer.requests.count("jwks") == 1
