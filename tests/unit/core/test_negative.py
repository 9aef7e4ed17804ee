"""The negative cache: short-lived refusals, and tombstones of tokens that became inactive."""

from __future__ import annotations

import pytest

from iiniit_guard.core.cache.negative import NegativeCache, Tombstones
from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.model.problem import PROBLEMS, Reason

PROBLEM = PROBLEMS[Reason.INACTIVE]
A, B = digest_of("a"), digest_of("b")


def lasts(refused, clock, seconds, *, young=False, digest=A):
    """Return whether a refusal is cached for exactly `seconds`."""
    refused.keep(digest, PROBLEM, young=young)
    if seconds:
        clock.advance(seconds - 0.001)
        assert refused.get(digest) is PROBLEM
        clock.advance(0.001)
    assert refused.get(digest) is None


def test_one_second_doubling_on_repetition_to_ten(clock):
    refused = NegativeCache(10, clock.clock)
    assert refused.get(A) is None
    for seconds in (1, 2, 4, 8, 10, 10):
        lasts(refused, clock, seconds)
    lasts(refused, clock, 1, digest=B)


def test_the_doubling_neither_overflows_nor_ends(clock):
    refused = NegativeCache(1e9, clock.clock)
    for _ in range(40):
        refused.keep(A, PROBLEM, young=False)
    lasts(refused, clock, 2**16)


def test_a_young_token_waits_one_second_however_often(clock):
    """A lagging replica must not make a client discard a new token."""
    refused = NegativeCache(10, clock.clock)
    for _ in range(5):
        lasts(refused, clock, 1, young=True)
    lasts(refused, clock, 2)


@pytest.mark.parametrize("longest", [0, 0.5])
def test_a_shorter_setting_wins(clock, longest):
    refused = NegativeCache(longest, clock.clock)
    for _ in range(3):
        lasts(refused, clock, longest)
        lasts(refused, clock, longest, young=True)


def test_the_wall_clock_does_not_matter(clock):
    refused = NegativeCache(10, clock.clock)
    refused.keep(A, PROBLEM, young=False)
    clock.set_wall(0)
    assert refused.get(A) is PROBLEM
    clock.advance(1)
    assert refused.get(A) is None


def test_a_token_that_turned_out_good_starts_afresh(clock):
    refused = NegativeCache(10, clock.clock)
    lasts(refused, clock, 1)
    refused.keep(A, PROBLEM, young=False)
    refused.forget(A)
    refused.forget(B)
    assert refused.get(A) is None
    lasts(refused, clock, 1)


def test_refusals_are_bounded_and_the_oldest_goes(clock, monkeypatch):
    """The bound is 16,384 refusals."""
    assert NegativeCache.SIZE == 16_384
    monkeypatch.setattr(NegativeCache, "SIZE", 3)
    refused = NegativeCache(10, clock.clock)
    for name in "abcd":
        refused.keep(digest_of(name), PROBLEM, young=False)
    assert len(refused) == 3
    assert refused.get(A) is None
    assert refused.get(B) is PROBLEM


def test_an_answer_asked_for_before_the_end_does_not_count(clock):
    """A token that ended stays ended."""
    tombstones = Tombstones(clock.clock)
    before = clock.monotonic()
    assert not tombstones.supersedes(A, before)
    clock.advance(1)
    tombstones.add(A)
    assert tombstones.supersedes(A, before)
    assert tombstones.supersedes(A, clock.monotonic()), "in the same moment: the end counts"
    assert not tombstones.supersedes(B, before)
    clock.advance(0.001)
    assert not tombstones.supersedes(A, clock.monotonic())
    clock.set_wall(0)
    assert tombstones.supersedes(A, before)


def test_tombstones_are_bounded_and_the_oldest_goes(clock, monkeypatch):
    assert Tombstones.SIZE == 65_536
    monkeypatch.setattr(Tombstones, "SIZE", 2 * Tombstones.SHARDS)
    tombstones = Tombstones(clock.clock)
    for first in range(256):  # each shard separately
        tombstones.add(bytes([first, 1]))
    assert [tombstones.supersedes(bytes([first, 1]), 0) for first in range(256)] == [
        False
    ] * 224 + [True] * 32


def test_a_forked_child_takes_fresh_locks_and_keeps_what_was_learned(clock):
    refused, tombstones = NegativeCache(10, clock.clock), Tombstones(clock.clock)
    refused.keep(A, PROBLEM, young=False)
    tombstones.add(A)
    for memory in (refused, tombstones):
        memory._lock.acquire()
        memory.reset_after_fork()
    refused.keep(B, PROBLEM, young=False)
    tombstones.add(B)
    assert refused.get(A) is refused.get(B) is PROBLEM
    assert tombstones.supersedes(A, 0)
    assert tombstones.supersedes(B, 0)
