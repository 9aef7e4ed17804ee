"""Goal 11: eight threads on cached tokens."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from threading import Barrier, Lock, Thread
from typing import Any, Final

from cachetools import LRUCache

from tests.load.benchmarks.measure import Row, Spread, spread_of
from tests.load.benchmarks.tokens import cached, make_guard, make_issuer, token_of

_THREADS: Final = 8
_TOKENS: Final = 64
_SECONDS: Final = 0.25


def measure(rounds: int) -> list[Row]:
    """Compare the work of eight threads with that of one thread immediately before."""
    issuer = make_issuer("EdDSA")
    guard = make_guard(issuer)
    lines = [b"Bearer " + token_of(issuer, number=number).encode() for number in range(_TOKENS)]
    for line in lines:
        guard.verify(line[7:].decode())
    locked = _locked_lru(lines)
    ours, theirs = _ratio(partial(cached, guard), lines, rounds), _ratio(locked, lines, rounds)
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    return [
        Row(
            goal=11,
            name="8 threads on cached tokens",
            limit=0.8,
            at_least=True,
            ours=ours,
            peers={"cachetools LRU + lock": theirs},
            note="what one thread does in the same time" + ("" if gil else ", without the GIL"),
        )
    ]


def _locked_lru(lines: list[bytes]) -> Callable[[bytes], object]:
    """Return a cache with a lock, as an LRU cache that reorders on reads needs."""
    cache: LRUCache[bytes, Any] = LRUCache(65_536)
    lock = Lock()
    for line in lines:
        cache[line] = object()

    def recall(line: bytes) -> object:
        with lock:
            return cache[line]

    return recall


def _ratio(recall: Callable[[bytes], object], lines: list[bytes], rounds: int) -> Spread:
    ratios, rates = [], []
    for _ in range(max(5, rounds // 6)):
        alone = _rate(recall, lines, 1)
        together = _rate(recall, lines, _THREADS)
        ratios.append(together / alone)
        rates.append(1 / together)
    return spread_of(ratios, spread_of(rates).median)


def _rate(recall: Callable[[bytes], object], lines: list[bytes], threads: int) -> float:
    """Return calls per second of all threads together."""
    start = Barrier(threads + 1)
    counts = [0] * threads
    stop = False

    def work(number: int) -> None:
        start.wait()
        count = 0
        while not stop:
            for line in lines:
                recall(line)
            count += len(lines)
        counts[number] = count

    workers = [Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    start.wait()
    started = time.perf_counter()
    time.sleep(_SECONDS)
    stop = True
    for worker in workers:
        worker.join()
    return sum(counts) / (time.perf_counter() - started)
