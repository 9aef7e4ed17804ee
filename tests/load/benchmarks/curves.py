"""Growth of the cost with the cache, the rules, the issuers, the population and the tokens."""

from __future__ import annotations

import random
import time
from bisect import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import accumulate, cycle
from typing import Any, Final

from iiniit_guard import Guard
from iiniit_guard.core.cache.entry import CacheEntry, KeyValidity
from iiniit_guard.core.cache.tokens import TokenCache
from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.request import Request
from iiniit_guard.rules import Rule, Rules
from iiniit_guard.testing.several import trusted
from tests.load.benchmarks.memory import in_a_process, keeper
from tests.load.benchmarks.tokens import AUDIENCE, SYSTEM_CLOCK, make_guard, make_issuer, token_of

_REPEATS: Final = 7
_BOUND: Final = 65_536


@dataclass(frozen=True, slots=True)
class Curve:
    """One drawing.

    Attributes:
        name: Of the file.
        title: What is drawn.
        across: What grows.
        unit: Of the values.
        lines: By name: points (x, y).
    """

    name: str
    title: str
    across: str
    unit: str
    lines: dict[str, list[tuple[float, float]]]


def curves(quick: bool) -> Iterator[Curve]:
    """Measure one curve after the other."""
    yield _cache_size(
        (100, 1_000, 10_000, 100_000) if quick else (100, 1_000, 10_000, 100_000, 1_000_000)
    )
    yield _rules((1, 10, 100, 1_000))
    yield _issuers((1, 10, 100, 1_000))
    yield from _zipf(
        (1_000, 10_000, 50_000, 100_000, 300_000)
        if quick
        else (1_000, 10_000, 50_000, 100_000, 300_000, 1_000_000)
    )
    yield _memory((10_000, 100_000) if quick else (1_000, 10_000, 100_000, 300_000, 1_000_000))


def microseconds(function: Callable[[], object], seconds: float = 0.02) -> float:
    """Return the least of some averages, which depends least on other programs."""
    function()
    count, best = 1, float("inf")
    while True:
        started = time.process_time()
        for _ in range(count):
            function()
        taken = time.process_time() - started
        if taken > seconds:
            break
        count *= 2
    for _ in range(_REPEATS):
        started = time.process_time()
        for _ in range(count):
            function()
        best = min(best, (time.process_time() - started) / count)
    return best * 1e6


def _cache_size(sizes: tuple[int, ...]) -> Curve:
    hits, evictions = [], []
    for size in sizes:
        cache, keep = keeper(size)
        for number in range(size):
            keep(number)
        chosen = random.Random(1).sample(range(size), min(size, 1_000))
        digests = cycle([sha256(b"%d" % number).digest() for number in chosen])
        # called at once
        hits.append((float(size), microseconds(lambda: cache.get(next(digests)))))  # noqa: B023
        evictions.append((float(size), microseconds(_keeping(cache, keep, size))))
    lines = {"looking one up": hits, "keeping one more, one is evicted": evictions}
    return Curve(
        "curve-cache-size",
        "A cache that is full: looking up and evicting",
        "tokens in the cache",
        "µs",
        lines,
    )


def _keeping(cache: TokenCache, keep: Callable[[int], bytes], size: int) -> Callable[[], object]:
    """Cache new tokens that were created in advance, so that only the cache is timed."""
    token: Any = cache.get(keep(size))
    validity, numbers, ends = KeyValidity(), iter(range(size + 1, 10**9)), int(time.time()) + 3000
    return lambda: cache.keep(
        next(numbers).to_bytes(32, "little"), CacheEntry(token, 0, ends, ends, validity)
    )


def _rules(counts: tuple[int, ...]) -> Curve:
    issuer = make_issuer("EdDSA")
    guard, token = make_guard(issuer), token_of(issuer)
    guard.verify(token)
    headers = [(b"authorization", b"Bearer " + token.encode())]
    lines: dict[str, list[tuple[float, float]]] = {"fixed paths": [], "paths with a parameter": []}
    for count in counts:
        for name, pattern, path in (
            ("fixed paths", "/v1/r{}", "/v1/r{}"),
            ("paths with a parameter", "/v1/r{}/<id>/x", "/v1/r{}/7/x"),
        ):
            rules = Rules(
                [Rule("GET", pattern.format(number), scopes="user:read") for number in range(count)]
            )
            request = Request("GET", path.format(count - 1), headers=headers)
            lines[name].append((float(count), microseconds(_by_rules(guard, rules, request))))
    return Curve("curve-rules", "One request, its token cached", "rules", "µs", lines)


def _by_rules(guard: Guard, rules: Any, request: Request) -> Callable[[], object]:
    return lambda: guard.authenticate(request, rules.policy_for(request))


def _issuers(counts: tuple[int, ...]) -> Curve:
    issuer = make_issuer("EdDSA")
    settings = trusted(issuer, introspection=None)
    lines: dict[str, list[tuple[float, float]]] = {"token cached": [], "token never seen": []}
    tokens = [token_of(issuer, number=number) for number in range(256)]
    for count in counts:
        others = [
            replace(settings, issuer=f"https://issuer-{number}.example")
            for number in range(count - 1)
        ]
        guard = Guard(
            issuers=[*others, settings],
            transport=issuer.handle,
            clock=SYSTEM_CLOCK,
            max_cached_tokens=64,
        )
        guard.verify(tokens[0])
        # called at once
        spent = microseconds(lambda: guard.verify(tokens[0]))  # noqa: B023
        lines["token cached"].append((float(count), spent))
        turn = cycle(tokens)
        lines["token never seen"].append(
            (float(count), microseconds(lambda guard=guard, turn=turn: guard.verify(next(turn))))
        )
    return Curve(
        "curve-issuers", "One token, by the number of trusted issuers", "issuers", "µs", lines
    )


def _zipf(populations: tuple[int, ...]) -> Iterator[Curve]:
    """Present opaque tokens by Zipf's law, 1,000 a second, with the default bounds: 65,536 tokens,
    60 s.
    """
    hits: list[tuple[float, float]] = []
    calls: list[tuple[float, float]] = []
    requests, rate, delay = 400_000, 1_000.0, 60.0
    for population in populations:
        chance = random.Random(7)
        weights = list(accumulate(1 / (rank + 1) for rank in range(population)))
        now = [0.0]
        # of this turn
        cache = TokenCache(_BOUND, Clock(lambda: now[0], lambda: now[0]))  # noqa: B023
        token, validity, missed = _some_token(), KeyValidity(), 0
        for turn in range(requests):
            now[0] = turn / rate
            digest = bisect(weights, chance.random() * weights[-1]).to_bytes(32, "little")
            if cache.get(digest) is None:
                missed += 1
                cache.keep(digest, CacheEntry(token, 0.0, now[0] + delay, now[0] + delay, validity))
        hits.append((float(population), 100 * (1 - missed / requests)))
        calls.append((float(population), missed / (requests / rate)))
    title = "Opaque tokens by Zipf's law, 1,000 requests a second, default bounds"
    yield Curve("curve-zipf-hits", title, "tokens in use", "% hits", {"hit ratio": hits})
    yield Curve(
        "curve-zipf-calls", title, "tokens in use", "calls/s", {"introspection calls": calls}
    )


def _some_token() -> Any:
    issuer = make_issuer("EdDSA")
    return make_guard(issuer).verify(issuer.token(aud=AUDIENCE))


def _memory(sizes: tuple[int, ...]) -> Curve:
    points = [(float(size), in_a_process("ours", size) * size / 1e6) for size in sizes]
    return Curve(
        "curve-memory",
        "Memory of the remembered tokens",
        "tokens",
        "MB",
        {"resident memory": points},
    )
