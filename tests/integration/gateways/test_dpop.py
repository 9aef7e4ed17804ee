"""DPoP through every gateway: the proof and the nonce arrive, the nonce of a refusal and of a
grant reaches the client, and nothing is cached (RFC 9449).
"""

from __future__ import annotations

import time

from iiniit_guard.testing import dpop_proof, make_key
from tests.integration.gateways.answers import PROFILE
from tests.integration.gateways.client import Answered
from tests.integration.gateways.world import World

KEY = make_key("ES256", "client")
PUBLIC = "https://api.example"
# Traefik passes no field of a grant to the client, which then learns the nonce from a refusal.
WITHOUT_NONCE_OF_GRANTS = frozenset({"traefik"})


def ask(
    world: World, token: str, nonce: str | None = None, url: str = PUBLIC + PROFILE
) -> tuple[Answered, bool]:
    """Send one request with a new proof; return the answer, and whether it reached the API."""
    proof = dpop_proof(KEY, "GET", url, token, nonce=nonce)
    headers = (("Authorization", f"DPoP {token}"), ("DPoP", proof), ("Origin", "https://app.test"))
    answered, arrived = world.ask("GET", PROFILE, headers)
    return answered, bool(arrived)


def nonce_of(answered: Answered) -> str:
    (nonce,) = answered.values("dpop-nonce")
    return nonce


def test_the_nonce_dance(world):
    token = world.issuer.issuer.token("user:read", dpop_key=KEY)
    refused, arrived = ask(world, token)
    assert (refused.status, refused.problem["error"], arrived) == (401, "use_dpop_nonce", False)
    assert refused.values("cache-control") == ["no-store"]
    granted, arrived = ask(world, token, nonce_of(refused))
    assert (granted.status, arrived) == (200, True)
    used = nonce_of(refused)
    # Until the period of the nonce has passed, at most two seconds.
    until = time.monotonic() + 4
    while not (fresh := granted.values("dpop-nonce")) and time.monotonic() < until:
        time.sleep(0.2)
        granted, _ = ask(world, token, used)
        if granted.status != 200:
            break
    if world.recipe.name in WITHOUT_NONCE_OF_GRANTS:
        assert granted.problem["error"] == "use_dpop_nonce"
        return
    assert granted.status == 200
    assert len(fresh) == 1
    assert fresh != [used]
    assert "no-store" in ", ".join(granted.values("cache-control"))
    assert "dpop-nonce" in ", ".join(granted.values("access-control-expose-headers")).lower()


def test_a_bound_token_needs_its_own_proof_through_the_gateway(world):
    token = world.issuer.issuer.token("user:read", dpop_key=KEY)
    nonce = nonce_of(ask(world, token)[0])
    other, arrived = ask(world, token, nonce, f"{PUBLIC}/v1/news")
    assert (other.status, other.problem["reason"], arrived) == (401, "wrong_proof_target", False)
    downgraded, came = world.ask("GET", PROFILE, (("Authorization", f"Bearer {token}"),))
    assert (downgraded.status, downgraded.problem["reason"]) == (401, "unsupported_confirmation")
    assert came == []
    proof = dpop_proof(KEY, "GET", PUBLIC + PROFILE, token, nonce=nonce)
    headers = (("Authorization", f"DPoP {token}"), ("DPoP", proof))
    first, _ = world.ask("GET", PROFILE, headers)
    again, came = world.ask("GET", PROFILE, headers)
    assert (first.status, again.status, came) == (200, 401, [])
    assert again.problem["reason"] == "replayed_proof"
