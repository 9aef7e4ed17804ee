"""nginx caches grants only if configured: for one token, one method and one target, until their
deadline.
"""

from __future__ import annotations

import time

import pytest

from tests.integration.gateways.answers import PROFILE
from tests.integration.gateways.conftest import EACH
from tests.integration.gateways.rows import BEARER
from tests.integration.gateways.test_attacks import READER, identity

REMEMBERING = [parameter for parameter in EACH if parameter.id == "nginx-cache"]

OTHERS = {
    "another token": ("GET", PROFILE, (("Authorization", "Bearer {opaque}"),)),
    "a token that has only been shortened": (
        "GET",
        PROFILE,
        (("Authorization", "Bearer {good}x"),),
    ),
    "the scheme in other letters": ("GET", PROFILE, (("Authorization", "bearer {good}"),)),
    "no token": ("GET", PROFILE, ()),
    "another method": ("PATCH", PROFILE, BEARER),
    "HEAD": ("HEAD", PROFILE, BEARER),
    "another path": ("GET", "/v1/files/x", BEARER),
    "a query": ("GET", PROFILE + "?x", BEARER),
    "another case": ("GET", PROFILE.upper(), BEARER),
    "an escape": ("GET", "/v1/user/%70rofile", BEARER),
    "a path without a rule": ("GET", "/v1/elsewhere", BEARER),
    "another host": ("GET", PROFILE, (("Host", "elsewhere.example"), *BEARER)),
    "an override": ("GET", PROFILE, (("X-HTTP-Method-Override", "DELETE"), *BEARER)),
    "a cache key of the client's": (
        "GET",
        "/v1/files/x",
        (("X-Iiniit-Cache-Key", "{key}"), *BEARER),
    ),
    "a path that wants no token": ("GET", "/healthz", ()),
}


@pytest.mark.parametrize("world", REMEMBERING, indirect=True, scope="session")
def test_a_grant_is_remembered_for_the_same_request_alone(world):
    for method, target, headers in [
        ("GET", PROFILE, BEARER),
        ("GET", "/healthz", ()),
        ("GET", PROFILE, ()),
    ]:
        world.ask(method, target, headers)
    written = [
        data for file, data in world.logs() if file.is_relative_to(world.directory / "cache")
    ]
    assert written
    keys = [
        line.removeprefix(b"KEY: ")
        for data in written
        for line in data.split(b"\n")
        if line.startswith(b"KEY: ")
    ]
    assert keys
    assert all(len(key) == 64 for key in keys)
    world.ask("GET", PROFILE, BEARER)
    world.guard.stop()
    try:
        # The guard is stopped, so a grant now comes from the cache.
        remembered, arrived = world.ask("GET", PROFILE, BEARER)
        others = {
            name: world.ask(
                method,
                target,
                [(key, value.replace("{key}", keys[0].decode())) for key, value in headers],
            )
            for name, (method, target, headers) in OTHERS.items()
        }
        until = time.monotonic() + 20
        while world.ask("GET", PROFILE, BEARER)[0].status == 200 and time.monotonic() < until:
            time.sleep(0.2)
        forgotten, nothing = world.ask("GET", PROFILE, BEARER)
    finally:
        world.start_guard()

    assert remembered.status == 200
    assert identity(arrived[0]) == {**READER, "x-iiniit-issuer": world.issuer.url}
    assert {
        name: (answered.status, len(passed)) for name, (answered, passed) in others.items()
    } == dict.fromkeys(OTHERS, (503, 0))
    assert (forgotten.status, nothing) == (503, [])


@pytest.mark.parametrize("world", REMEMBERING, indirect=True, scope="session")
def test_a_refusal_is_not_remembered(world):
    token = world.issuer.issuer.opaque_token("user:read")
    world.issuer.issuer.revoke(token)
    headers = (("Authorization", f"Bearer {token}"),)
    first, _ = world.ask("GET", PROFILE, headers)
    world.guard.stop()
    try:
        second, _ = world.ask("GET", PROFILE, headers)
    finally:
        world.start_guard()

    assert first.status == 401
    assert second.status == 503
