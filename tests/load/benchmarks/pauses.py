"""Goal 10: no pause over 5 ms. The longest time to store one token, and separately the time of
Python's garbage collector.

The package is timed with the collector off. Then the collector is timed alone, because it stops
every thread of any program.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import sha256
from itertools import count, repeat
from typing import Any, Final

from iiniit_guard.core.cache.entry import CacheEntry, KeyValidity
from iiniit_guard.core.cache.negative import Tombstones
from iiniit_guard.core.cache.tokens import TokenCache
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.clock import Clock
from tests.load.benchmarks.measure import Part, Row, Spread
from tests.load.benchmarks.memory import SIZES
from tests.load.benchmarks.tokens import (
    AUDIENCE,
    ISSUER,
    SCOPE,
    SYSTEM_CLOCK,
    make_guard,
    make_issuer,
)
from tests.load.benchmarks.waits import Waits, once, own_time

LIMIT: Final = 5.0
NOTE: Final = "its CPU time; as spread, what 99.99 % stay below, and the longest"
_KEEPS: Final = 200_000
_USED_KEEPS: Final = 60_000
_CLIENTS: Final = 200
_SECONDS: Final = 3_000
_ONE_MARK_LASTS: Final = 33  # entries that one eviction may pass over, and the one it drops


def measure(rounds: int) -> list[Row]:
    """Fill a cache of each size in a process of its own."""
    return [_row(size, _in_a_process(size)) for size in (SIZES if rounds >= 20 else SIZES[:1])]


def _row(size: int, parts: list[Part]) -> Row:
    longest = longest_of([part for part in parts if part.held])
    return Row(
        10,
        f"longest pause of keeping one more token, {size:,} tokens",
        LIMIT,
        longest,
        unit="ms",
        note=NOTE,
        parts=parts,
    )


def longest_of(parts: list[Part]) -> Spread:
    """Return the longest time, and the limit that most calls of its kind stay below."""
    longest = max(parts, key=lambda part: part.longest)
    return Spread(longest.longest, longest.usual, longest.longest)


def _in_a_process(size: int) -> list[Part]:
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(size)], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return [Part(**members) for members in json.loads(done.stdout)]


class Traffic:
    """A cache, and clients whose tokens it stores."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.ahead = 0.0
        clock = Clock(lambda: time.time() + self.ahead, lambda: time.monotonic() + self.ahead)
        self.cache = TokenCache(size, clock, 1024 * size)
        self.lately: deque[bytes] = deque(maxlen=size)
        self._checks = make_guard(make_issuer())._engine.resource.servers[0].checks
        self._validity = KeyValidity()
        self._numbers = count()
        self._some: dict[int, AccessToken] = {}

    def come(
        self, waits: Waits | None, tokens: int, clients: Iterator[int], *, like: bool = False
    ) -> None:
        """Add this number of tokens, each of the next client of `clients`; only the work of the
        cache is timed.

        Args:
            waits: Receives the times, or None.
            tokens: How many.
            clients: By number.
            like: All tokens of a client share their content, because only the order in the cache
                matters.
        """
        wall, monotonic = self._ends()
        for _ in range(tokens):
            number, client = next(self._numbers), next(clients)
            token = self._some.get(client) if like else None
            if token is None:
                token = self._some[client] = self._token(number, client)
            digest = sha256(b"%d" % number).digest()
            self.lately.append(digest)
            entry = CacheEntry(token, 0.0, wall, monotonic, self._validity)
            if waits is None:
                self.cache.keep(digest, entry)
            else:
                waits.time(self.cache.keep, digest, entry)

    def come_again(self, waits: Waits, digests: list[bytes]) -> None:
        """Add known tokens again that have expired."""
        token = self._token(0, 0)
        wall, monotonic = self._ends()
        for digest in digests:
            waits.time(
                self._look_and_keep, digest, CacheEntry(token, 0.0, wall, monotonic, self._validity)
            )

    def use_all(self) -> None:
        """Read every token, so that each one has its second chance."""
        for digest in self.lately:
            self.cache.find(digest)

    def _look_and_keep(self, digest: bytes, entry: CacheEntry) -> None:
        if self.cache.find(digest) is None:
            self.cache.keep(digest, entry)

    def _ends(self) -> tuple[int, int]:
        return int(time.time() + self.ahead) + _SECONDS, int(
            time.monotonic() + self.ahead
        ) + _SECONDS

    def _token(self, number: int, client: int) -> AccessToken:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "sub": f"user-{number}",
            "aud": AUDIENCE,
            "client_id": f"client-{client}",
            "scope": SCOPE,
            "iat": now,
            "exp": now + 3600 + number % 1000,
            "jti": f"{number:032x}",
        }
        token = self._checks.check(claims, now, introspected=False)
        if not isinstance(token, AccessToken):
            raise TypeError("the claims are refused")
        return token


def _clients(heavy_of_ten: int) -> Iterator[int]:
    """Name the clients of one token after the other: the first of them has so many of ten."""
    for number in count():
        yield 0 if number % 10 < heavy_of_ten else 1 + number % (_CLIENTS - 1)


def _measure_here(size: int) -> list[Part]:
    gc.disable()
    traffic = Traffic(size)
    parts = [_filling(traffic), *_collecting(traffic), *_evicting(traffic)]
    parts.append(once("forgetting all of them at once, `clear()`", traffic.cache.clear))
    parts.append(_falling_back(traffic))
    if size == SIZES[0]:  # each expired record is visited once, which takes long for a million
        parts += [*_ending(traffic), _burying()]
    return parts


def _filling(traffic: Traffic) -> Part:
    waits = Waits()
    traffic.come(waits, traffic.size, _clients(2))
    return waits.part("keeping one more while there is room")


def _evicting(traffic: Traffic) -> list[Part]:
    """Add tokens of which one client has half. It soon reaches its quarter, and then its own tokens
    are evicted.
    """
    used, unused, clients = Waits(), Waits(), _clients(5)
    while len(used) < _USED_KEEPS:
        traffic.use_all()
        traffic.come(used, min(_USED_KEEPS - len(used), traffic.size // _ONE_MARK_LASTS), clients)
    traffic.come(
        unused, _KEEPS, clients
    )  # with those before, so many that the cache's tables are rebuilt meanwhile
    return [
        used.part("evicting one, every other used lately"),
        unused.part("evicting one, none used lately"),
    ]


def _falling_back(traffic: Traffic) -> Part:
    """Fill three fifths by one client while there is room, then add tokens of others, so that it
    falls back to its quarter.
    """
    waits = Waits()
    traffic.come(None, traffic.size * 3 // 5, repeat(0), like=True)
    traffic.come(None, traffic.size * 2 // 5, _clients(0), like=True)
    traffic.come(waits, traffic.size * 36 // 100, _clients(0), like=True)
    return waits.part("evicting one, while a client with three fifths falls back to a quarter")


def _ending(traffic: Traffic) -> list[Part]:
    """Expire all tokens at one moment; then add known and new ones."""
    known, new = Waits(), Waits()
    traffic.ahead += 2 * _SECONDS
    traffic.come_again(known, list(traffic.lately)[-traffic.size // 2 :])
    traffic.come(new, min(_KEEPS, traffic.size), _clients(2), like=True)
    return [
        known.part("all ended at one moment: a known one comes again"),
        new.part("all ended at one moment: a new one comes"),
    ]


def _burying() -> Part:
    """End far more active tokens than there are places for tombstones."""
    waits, tombstones = Waits(), Tombstones(SYSTEM_CLOCK)
    for number in range(_KEEPS):
        waits.time(tombstones.add, sha256(b"%d" % number).digest())
    return waits.part(f"keeping in mind that one more ended, beside {Tombstones.SIZE:,} others")


def _collecting(traffic: Traffic) -> list[Part]:
    """Add tokens with the collector on, as in an application, then run a full collection."""
    gc.collect()
    parts = [_pass("the collector: a pass over everything", 2)]
    seen, by_itself = [0.0, 0.0], Waits()

    def watch(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            seen[:] = own_time(), time.perf_counter()
        else:
            by_itself.add(own_time() - seen[0], time.perf_counter() - seen[1])

    gc.callbacks.append(watch)
    gc.enable()
    traffic.come(None, _KEEPS, _clients(2))
    gc.disable()
    gc.callbacks.remove(watch)
    title = f"the collector: {len(by_itself):,} passes by itself during {_KEEPS:,} evictions"
    parts.append(
        by_itself.part(title, held=False)
        if len(by_itself)
        else Part(title, 0.0, 0.0, 0.0, 0.0, held=False)
    )
    parts.append(_pass("the collector: its next pass over the youngest", 0))
    gc.freeze()
    parts.append(_pass("the collector: a pass over everything, after `gc.freeze()`", 2))
    gc.unfreeze()
    return parts


def _pass(name: str, generation: int) -> Part:
    return once(name, lambda: gc.collect(generation))


if __name__ == "__main__":
    print(json.dumps([asdict(part) for part in _measure_here(int(sys.argv[1]))]), flush=True)
    os._exit(0)  # taking a million objects apart again takes longer than looking at them
