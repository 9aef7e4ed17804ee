"""DPoP through the sidecar: every gateway, nonces, assertions, introspection (RFC 9449)."""

from __future__ import annotations

from typing import Any

import pytest

from iiniit_guard.testing import Issuer, dpop_proof, make_key
from iiniit_guard.testing.dpop import key_thumbprint
from tests.contract.hosts.calling import Lines, drive
from tests.integration.sidecar.sites import (
    CALLERS,
    GATEWAYS,
    RULES,
    SECRET,
    ask,
    identity,
    make_sidecar,
    render,
)

KEY = make_key("ES256", "client")
TARGET = "/v1/user/profile"
PUBLIC: Any = {"public_url": "https://api.test"}
NONCES: Any = {"dpop_nonce": "required", "dpop_nonce_secret": "n" * 32}


def bound(issuer: Issuer, url: str = f"https://api.test{TARGET}", **changes: Any) -> Lines:
    token = issuer.token(dpop_key=KEY)
    proof = dpop_proof(KEY, changes.pop("method", "GET"), url, token, clock=issuer.clock, **changes)
    return ((b"authorization", f"DPoP {token}".encode()), (b"dpop", proof.encode()))


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_each_gateway_passes_the_method_and_uri_of_the_client(gateway):
    issuer = Issuer()
    sidecar = make_sidecar(issuer, gateway, rules=RULES, **PUBLIC)
    made = bound(issuer)
    granted = ask(sidecar, target=f"{TARGET}?a=b", headers=made)
    assert granted.status == 200
    assert identity(granted)["subject"] == "user-1"
    assert granted.header("cache-control") == "no-store"
    assert granted.header("vary") == "Authorization, DPoP"
    assert granted.header("dpop-nonce") is None
    for refused in (
        ask(sidecar, headers=made),  # a replay
        ask(sidecar, headers=bound(issuer, "https://guard/auth")),
        ask(sidecar, headers=bound(issuer, method="POST")),
        ask(sidecar, headers=made[:1]),
    ):
        shown = render(sidecar, refused) if gateway == "nginx" else refused
        assert (shown.status, shown.json["error"]) == (401, "invalid_dpop_proof")


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_without_public_url_the_fields_of_the_gateway_count(gateway):
    issuer = Issuer()
    sidecar = make_sidecar(issuer, gateway, rules=RULES)
    assert ask(sidecar, headers=bound(issuer)).status == 200


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_nonce_reaches_the_client_with_a_refusal_and_with_a_grant(gateway):
    issuer = Issuer()
    sidecar = make_sidecar(issuer, gateway, rules=RULES, **PUBLIC, **NONCES)
    refused = ask(sidecar, headers=bound(issuer))
    shown = render(sidecar, refused) if gateway == "nginx" else refused
    nonce = shown.header("dpop-nonce")
    assert (shown.status, shown.json["error"]) == (401, "use_dpop_nonce")
    assert nonce is not None
    assert ask(sidecar, headers=bound(issuer, nonce=nonce)).header("dpop-nonce") is None
    issuer.clock.advance(60)
    origin = (b"origin", b"https://app.test")
    granted = ask(sidecar, headers=(*bound(issuer, nonce=nonce), origin))
    assert granted.status == 200
    assert granted.header("dpop-nonce") not in (None, nonce)
    assert granted.header("access-control-expose-headers") == "DPoP-Nonce"
    assert granted.header("cache-control") == "no-store"


def test_a_grant_for_a_bound_token_is_never_cached():
    from iiniit_guard.sidecar.gateway.reply import cache_key

    issuer = Issuer()
    server: Any = {"auth_max_age_seconds": 60}
    sidecar = make_sidecar(issuer, rules=RULES, server=server, **PUBLIC)
    made = bound(issuer)
    original: Any = sidecar.current.authorizer._read(
        {
            "headers": [
                (b"x-original-method", b"GET"),
                (b"x-original-uri", TARGET.encode()),
                (b"x-original-proto", b"https"),
                (b"x-original-host", b"api.test"),
                *made,
            ]
        }
    )
    key = (b"x-iiniit-cache-key", cache_key(original))
    granted = ask(sidecar, headers=(*made, key))
    assert (granted.status, granted.header("cache-control")) == (200, "no-store")


def test_a_share_that_is_used_up_is_429_at_the_client():
    issuer = Issuer()
    sidecar = make_sidecar(issuer, rules=RULES, max_dpop_proofs=16, **PUBLIC)
    assert ask(sidecar, headers=bound(issuer)).status == 200
    shown = render(sidecar, ask(sidecar, headers=bound(issuer)))
    assert (shown.status, shown.json["reason"]) == (429, "too_many_proofs")
    assert int(shown.header("retry-after") or 0) > 50


def introspect(sidecar: Any, token: str) -> Any:
    import base64

    from iiniit_guard.sidecar.apps.build import make_app

    basic = base64.b64encode(f"kong:{SECRET}".encode())
    body = f"token={token}".encode()
    scope = {"type": "http"}
    headers = [
        (b"authorization", b"Basic " + basic),
        (b"content-type", b"application/x-www-form-urlencoded"),
    ]
    return drive_with_body(make_app(sidecar, "gateway"), headers, body, **scope)


def drive_with_body(app: Any, headers: Any, body: bytes, **scope: Any) -> Any:
    async def wrapped(given: Any, _receive: Any, send: Any) -> None:
        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        await app(given, receive, send)

    return drive(wrapped, "POST", "/introspect", headers, **scope)


def test_introspection_keeps_the_binding():
    """RFC 9449 §6.2: the caller checks the proof."""
    issuer = Issuer()
    for token in (issuer.token(dpop_key=KEY), issuer.opaque_token(dpop_key=KEY)):
        sidecar = make_sidecar(issuer, introspection_clients=CALLERS)
        shown = introspect(sidecar, token).json
        assert shown["active"] is True
        assert shown["cnf"] == {"jkt": key_thumbprint(KEY)}
        assert shown["token_type"] == "DPoP"
        off = make_sidecar(issuer, introspection_clients=CALLERS, dpop="off")
        assert introspect(off, token).json == {"active": False}
    plain = introspect(make_sidecar(issuer, introspection_clients=CALLERS), issuer.token()).json
    assert (plain["token_type"], "cnf" in plain) == ("Bearer", False)
