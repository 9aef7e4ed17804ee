"""The guard reads the cache key of a grant only from the gateway, never from the client."""

from __future__ import annotations

import hashlib
import re

from tests.integration.gateways.answers import PROFILE
from tests.integration.gateways.recipes import EXAMPLES, GUARD_PORT
from tests.integration.gateways.rows import BEARER
from tests.integration.gateways.upstream import Upstream

FIELD = "X-Iiniit-Cache-Key"


def key(host: str, target: str, authorization: str) -> str:
    """Return the key that the guard would compute, so that it would treat the grant as safe to
    cache.
    """
    parts = ["GET", "http", host, target, authorization, "", "", ""]
    return hashlib.sha256("".join(part + "\n" for part in parts).encode()).hexdigest()


def test_the_guard_never_hears_a_cache_key_of_the_client(world):
    target, authorization = f"{PROFILE}?key", world.fill(BEARER[0][1])
    heard = Upstream()
    heard.server.stop()
    heard.port = world.ports[GUARD_PORT]
    world.guard.stop()
    try:
        heard.come_back()
        spoofed = key("api.example", target, authorization)
        for header in (FIELD, FIELD.lower(), FIELD.replace("-", "_")):
            world.ask("GET", target, (("Host", "api.example"), *BEARER, (header, spoofed)))
        asked = [
            request
            for request in heard.arrived
            if request.values("authorization") == [authorization]
        ]
        heard.server.stop()
    finally:
        world.start_guard()

    assert asked
    own = [[spoofed]] if world.recipe.name == "nginx-cache" else [[]]  # it computes the key
    assert [
        [value for name, value in request.headers if "cache" in name.lower() and value]
        for request in asked
    ] == own * len(asked)


def test_ingress_nginx_is_told_each_field_once():
    """The controller of ingress-nginx sets these two fields itself if `auth-method` is present; the
    guard refuses a repeated field.
    """
    recipe = (EXAMPLES / "kubernetes" / "ingress-nginx.yaml").read_text()
    set_here = re.findall(
        r"proxy_set_header (X-\S+)",
        recipe.partition("auth-snippet")[2].partition("configuration-snippet")[0],
    )

    assert "auth-method: GET" in recipe
    assert set_here == ["X-Original-Proto", "X-Original-Host", FIELD]
