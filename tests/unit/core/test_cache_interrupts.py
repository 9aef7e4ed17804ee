"""The token cache after an exception that interrupted a write."""

from __future__ import annotations

import pytest

from iiniit_guard.core.cache.entry import KeyValidity
from iiniit_guard.core.cache.tokens import TokenCache
from tests.unit.core.caching import check_sums, digest, fill, held


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize(
    "where",
    ["put", "_take_over", "_take", "_lose_of", "_look_around", "_divide", "end", "mark_used"],
)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_interrupt_leaves_no_entry_that_nobody_can_evict(clock, monkeypatch, where, after):
    """A signal handler may raise anywhere (SIGALRM as a time limit). The next write repairs it."""
    cache = TokenCache(4, clock.clock)
    fill(cache, "abcd")
    real = getattr(cache._store, where)

    def interrupted(*arguments):
        if after:
            real(*arguments)
        raise Interrupted

    monkeypatch.setattr(cache._store, where, interrupted)
    for attempt in (
        lambda: fill(cache, "e"),
        lambda: fill(cache, "f", validity=KeyValidity()),
        lambda: cache.drop(digest("b")),
        lambda: cache.get(digest("c")),
    ):
        monkeypatch.setattr(cache._store, where, interrupted)
        try:
            attempt()
        except Interrupted:
            break
    else:
        raise AssertionError("nothing was interrupted")
    monkeypatch.undo()
    for name in "abcdef":
        cache.get(digest(name))
    for number in range(9):
        fill(cache, [number], client=str(number))
        assert cache.get(digest(number)) is not None
        assert len(cache) <= 4
    check_sums(cache)


@pytest.mark.parametrize("write", ["keep", "drop"])
def test_a_memory_in_disorder_starts_afresh(clock, write):
    """An exception interrupted a write; no token may be refused because of it."""
    cache = TokenCache(3, clock.clock)
    fill(cache, "abc")
    cache._store._issuers.clear()
    cache._writing = True
    if write == "drop":
        assert not cache.drop(digest("a"))
    fill(cache, "d")
    assert held(cache, "abcd") == ["d"]
    check_sums(cache)
