"""The authorization server or the guard is down or hangs: no request passes without a decision, and
clients get Retry-After.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.integration.gateways.answers import PROFILE
from tests.integration.gateways.client import Answered
from tests.integration.gateways.recipes import DEBIAN
from tests.integration.gateways.rows import BEARER
from tests.integration.gateways.world import World
from tests.integration.servers.loopback import Answer

# Traefik has neither a setting for how long it waits for the guard nor one for what it answers
# then.
WAITS_SECONDS = {"traefik": 30.0}
BARE = {"traefik": 500}


def assert_unavailable(world: World, answered: Answered, reason: str) -> None:
    assert answered.status == 503
    assert answered.values("www-authenticate") == []
    assert answered.values("cache-control") == ["no-store"]
    assert answered.varies_by == {"authorization", "dpop"}
    (seconds,) = answered.values("retry-after")
    assert int(seconds) >= 1
    assert answered.values("content-type") == ["application/problem+json"]
    assert answered.problem["status"] == 503
    assert answered.problem["error"] == "temporarily_unavailable"
    # Envoy replaces the body of the guard's 503 by the text of the recipe.
    assert answered.problem["reason"] == (
        "guard_unavailable" if world.recipe.name == "envoy" else reason
    )


@pytest.mark.parametrize(
    "fault", [Answer(500), Answer(429), Answer(200, b"<html>")], ids=["500", "429", "nonsense"]
)
def test_an_issuer_that_cannot_be_asked_is_503(world, fault):
    token = world.issuer.issuer.opaque_token("user:read")
    world.issuer.break_at(fault, "introspection")
    try:
        answered, arrived = world.ask("GET", PROFILE, (("Authorization", f"Bearer {token}"),))
        of_head, _ = world.ask("HEAD", PROFILE, (("Authorization", f"Bearer {token}"),))
        known, _ = world.ask("GET", PROFILE, BEARER)
    finally:
        world.issuer.mend()

    assert arrived == []
    assert_unavailable(world, answered, "issuer_unavailable")
    assert (of_head.status, of_head.body) == (503, b"")
    assert of_head.values("retry-after")
    assert known.status == 200


def test_a_guard_that_is_down_is_no_pass(world):
    fresh = world.issuer.issuer.token("user:read")
    world.guard.stop()
    try:
        asked = [
            world.ask("GET", PROFILE, (("Authorization", f"Bearer {fresh}"),)),
            world.ask("GET", PROFILE),
            world.ask("GET", "/healthz"),
            world.ask("POST", PROFILE, (("Authorization", f"Bearer {fresh}"),), b"x" * 1000),
        ]
    finally:
        world.start_guard()

    for answered, arrived in asked:
        assert arrived == []
        if world.recipe.name in BARE:
            assert answered.status == BARE[world.recipe.name]
        else:
            assert_unavailable(world, answered, "guard_unavailable")
    assert world.ask("GET", PROFILE, BEARER)[0].status == 200


def test_a_guard_that_hangs_is_no_pass_and_no_endless_wait(world):
    fresh = world.issuer.issuer.token("user:read")
    with world.guard.frozen():
        answered, arrived = world.ask("GET", PROFILE, (("Authorization", f"Bearer {fresh}"),))

    assert arrived == []
    assert answered.seconds < WAITS_SECONDS.get(world.recipe.name, 3.0) + 4
    if world.recipe.name in BARE:
        assert answered.status == BARE[world.recipe.name]
    else:
        assert_unavailable(world, answered, "guard_unavailable")
    # It does not arrive later either: the next request is the first that arrives.
    assert world.ask("GET", PROFILE, BEARER)[0].status == 200
    assert len(world.upstream.arrived) == 1


def test_an_api_that_is_down_is_not_called_a_guard_that_is_down(world):
    world.upstream.server.stop()
    try:
        answered, _ = world.ask("GET", PROFILE, BEARER)
        refused, _ = world.ask("GET", PROFILE)
    finally:
        world.upstream.come_back()

    assert answered.status in {502, 503}
    assert b"guard_unavailable" not in answered.body
    assert refused.status == 401
    world.wait_until_it_answers()  # Apache and HAProxy may take a moment to try again


@pytest.mark.parametrize("name", ["haproxy", "apache"])
@pytest.mark.xdist_group("gateway-scripts")
def test_a_script_that_fails_is_no_pass(name):
    """HAProxy continues with the next rule if an action fails."""
    (recipe,) = (recipe for recipe in DEBIAN if recipe.name == name)
    with TemporaryDirectory(prefix="failing-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        world = World(recipe, Path(directory))
        script = Path(directory, "guard.lua")
        head, call, rest = script.read_text().partition("\nlocal function question(")
        assert call
        script.write_text(
            f'{head}\nlocal function question() error("a fault of the script") end\nlocal function '
            f"unused({rest}"
        )
        with world.running(until_it_answers=False):
            answered, arrived = world.ask("GET", PROFILE, BEARER)
            public, nothing = world.ask("GET", "/healthz")

    assert arrived == nothing == []
    assert answered.status == public.status == (503 if name == "haproxy" else 500)
