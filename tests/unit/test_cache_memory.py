"""The cost of the cache: memory of the process, and objects that the collector visits."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from iiniit_guard.core.cache.entry import CacheEntry, KeyValidity
from iiniit_guard.core.cache.tokens import TokenCache, digest_of
from iiniit_guard.core.model.access_token import AccessToken
from tests.unit.core.stepping import API, ISSUER, NOW, make_clock, make_server

MIB = 1024 * 1024
BOUND = 8 * MIB

# Each returns further claims of token `n`, which the owner of a valid client can make an
# authorization server write.
HOSTILE: dict[str, Callable[[int], dict[str, Any]]] = {
    "usual": lambda n: {
        "sub": f"user-{n}",
        "client_id": f"client-{n % 50}",
        "jti": f"{n:032x}",
        "scope": "user:read user:write",
    },
    "objects": lambda n: {
        "authorization_details": [{"type": "x", "a": [{f"{i:x}": n} for i in range(600)]}]
    },
    "texts": lambda n: {"a": f"{n}" * 2000, "acr": f"{n}" * 300},
    "clients": lambda n: {"client_id": f"client-{n}" * 20, "azp": f"{n}" * 200},
    "names": lambda n: {f"{n}.{i}": i for i in range(250)},
    "of all sizes": lambda n: {"a": "x" * (n * 7919 % 4000) + str(n)},
    "of ever larger sizes": lambda n: {"a": "x" * (n * 8) + str(n)},
    "of one size for a while": lambda n: {"a": "x" * (n // 1000 * 16 % 256) + str(n)},
}
PER_MIB = {
    "usual": 2500,
    "objects": 120,
    "texts": 180,
    "clients": 700,
    "names": 150,
    "of all sizes": 500,
    "of ever larger sizes": 250,
    "of one size for a while": 3500,
}


def fill(cache, checks, kind, tokens, numbers):
    validity = KeyValidity()
    for _ in range(tokens):
        n = next(numbers)
        text = json.dumps(
            {"iss": ISSUER, "aud": API, "exp": NOW + 300, "iat": NOW, **HOSTILE[kind](n)}
        )
        token = checks.check(json.loads(text), NOW, introspected=False)
        assert isinstance(token, AccessToken)
        entry = CacheEntry(token, 0, NOW + 300, 1e12, validity)
        cache.keep(digest_of(str(n)), entry, text.encode())
        again = cache.get(digest_of(str(n - n % 7)))
        assert (
            again is None or again.claims["iss"] == ISSUER
        )  # a handler reads the claims, which are created then


def resident():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_process_grows_by_no_more_than_the_bound(kind):
    """The test uses its own process, as memory that other tests freed would hide the growth."""
    done = subprocess.run(
        [sys.executable, "-m", __name__, kind],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    held, grown = map(float, done.stdout.split())
    assert held > 0
    assert grown <= 1.1 * BOUND


def test_the_collector_has_nothing_to_visit():
    """Two tracked objects a token made a full pass take 40 ms and more."""
    clock = make_clock()
    cache, checks = TokenCache(65_536, clock.clock), make_server(clock).checks
    numbers = count()
    fill(cache, checks, "usual", 2_000, numbers)
    gc.collect()
    before = len(gc.get_objects())
    fill(cache, checks, "usual", 8_000, numbers)
    gc.collect()
    assert len(cache) == 10_000
    assert len(gc.get_objects()) - before < 8_000


def test_writes_and_reads_are_bounded_in_time():
    """However the cache was filled, no call takes long; the collector is off, since it stops every
    thread of any program.
    """
    clock = make_clock()
    cache, checks = TokenCache(20_000, clock.clock, 4 * MIB), make_server(clock).checks
    numbers, longest = count(), 0.0
    fill(cache, checks, "of all sizes", 2_000, numbers)
    token = checks.check(
        {"iss": ISSUER, "aud": API, "exp": NOW + 300, "a": "x" * 200_000}, NOW, introspected=False
    )
    assert isinstance(token, AccessToken)
    fill(cache, checks, "usual", 8_000, numbers)
    gc.disable()
    try:
        for number in range(20):
            started = time.thread_time()
            cache.keep(
                digest_of(f"large {number}"), CacheEntry(token, 0, NOW + 300, 1e12, KeyValidity())
            )
            longest = max(longest, time.thread_time() - started)
    finally:
        gc.enable()
    assert longest < 0.05


if __name__ == "__main__":
    kind, clock = sys.argv[1], make_clock()
    cache, checks, numbers = (
        TokenCache(65_536, clock.clock, BOUND),
        make_server(clock).checks,
        count(1),
    )
    for each in HOSTILE:  # one-time costs of the first tokens of a kind
        fill(TokenCache(64, clock.clock), checks, each, 30, numbers)
    before = resident()
    for _ in range(3):
        fill(cache, checks, kind, PER_MIB[kind] * BOUND // MIB // 2, numbers)
    print(len(cache), resident() - before)
