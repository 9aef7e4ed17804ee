"""The accepted proofs of a process: bounded, and fair between clients (RFC 9449 §11.1)."""

from __future__ import annotations

import gc
import tracemalloc

from iiniit_guard.core.dpop.replays import ProofCache

NOW = 1_800_000_000


def digest(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_a_proof_is_known_until_its_end():
    cache = ProofCache(16)
    assert cache.add(digest(1), "a", NOW + 60, NOW) == "added"
    assert cache.add(digest(1), "a", NOW + 60, NOW + 60) == "known"
    assert cache.add(digest(1), "a", NOW + 122, NOW + 61) == "added"
    assert len(cache) == 1


def test_one_key_uses_up_its_share_and_no_other():
    cache = ProofCache(64)
    added = [cache.add(digest(number), "a", NOW + 10 + number, NOW) for number in range(5)]
    assert added == ["added"] * 4 + ["share_full"]
    assert cache.add(digest(9), "b", NOW + 60, NOW) == "added"
    assert cache.retry_after("a", NOW) == 11
    assert cache.retry_after("a", NOW + 5) == 6
    assert cache.add(digest(9), "a", NOW + 60, NOW + 11) == "known"
    assert cache.add(digest(8), "a", NOW + 60, NOW + 11) == "added"
    assert cache.add(digest(7), "a", NOW + 60, NOW + 11) == "share_full"
    assert cache.retry_after("a", NOW + 11) == 1
    assert cache.retry_after("unknown", NOW) == 1


def test_a_share_is_a_whole_number_of_proofs():
    cache = ProofCache(31)
    added = [cache.add(digest(number), "a", NOW + 60, NOW) for number in range(2)]
    assert added == ["added", "share_full"]


def test_the_wait_of_one_key_does_not_depend_on_the_proofs_of_another():
    cache = ProofCache(64)
    for number in range(5):
        cache.add(digest(number), "b" if number == 4 else "a", NOW + 10, NOW)
    cache.add(digest(5), "b", NOW + 5, NOW)
    assert cache.retry_after("a", NOW) == 11


def test_the_wait_is_computed_again_when_it_is_over():
    cache = ProofCache(64)
    for number, end in enumerate((10, 40, 40, 40)):
        cache.add(digest(number), "a", NOW + end, NOW)
    assert cache.retry_after("a", NOW) == 11
    assert cache.add(digest(4), "a", NOW + 60, NOW + 11) == "added"
    assert cache.retry_after("a", NOW + 11) == 30


def test_the_keys_of_ended_proofs_are_not_kept():
    cache = ProofCache(64)
    for number in range(2):
        cache.add(digest(number), "a", NOW + 10 + number, NOW)
    cache.add(digest(2), "b", NOW + 60, NOW + 11)
    assert set(cache._keys) == {"a", "b"}
    cache.add(digest(3), "b", NOW + 60, NOW + 12)
    assert set(cache._keys) == {"b"}


def test_a_full_cache_evicts_nothing():
    cache = ProofCache(2)
    assert cache.add(digest(1), "a", NOW + 60, NOW) == "added"
    assert cache.add(digest(2), "b", NOW + 60, NOW) == "added"
    assert cache.add(digest(3), "c", NOW + 60, NOW) == "full"
    assert cache.add(digest(1), "a", NOW + 60, NOW) == "known"


def test_a_removed_proof_may_be_added_again():
    cache = ProofCache(16)
    cache.add(digest(1), "a", NOW + 60, NOW)
    cache.remove(digest(1), NOW + 60)
    cache.remove(digest(1), NOW + 60)
    cache.remove(digest(1), NOW + 61)
    assert len(cache) == 0
    assert cache.add(digest(1), "a", NOW + 60, NOW) == "added"
    assert cache.retry_after("a", NOW + 70) == 1


def test_a_removed_proof_leaves_nothing_behind():
    """During an outage of the shared store, each request adds a proof and removes it."""
    cache = ProofCache(16)
    cache.add(digest(0), "a", NOW + 10, NOW)
    cache.remove(digest(0), NOW + 10)
    # An earlier end of the same digest must not end the later entry.
    assert cache.add(digest(0), "a", NOW + 60, NOW) == "added"
    assert cache.add(digest(0), "a", NOW + 60, NOW + 12) == "known"
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(1, 10_000):
        assert cache.add(digest(number), "a" * 43, NOW + 60, NOW + 12) == "added"
        cache.remove(digest(number), NOW + 60)
    after = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert (len(cache), after < 10_000) == (1, True)


def test_a_clock_that_goes_back_makes_no_proof_new():
    """The entry of the proof has ended, but its time is accepted again."""
    cache = ProofCache(64)
    assert cache.add(digest(1), "a", NOW + 60, NOW) == "added"
    assert cache.add(digest(2), "a", NOW + 130, NOW + 70) == "added"
    assert cache.add(digest(1), "a", NOW + 60, NOW + 40) == "known"
    # A proof that a client makes now is not affected.
    assert cache.add(digest(3), "a", NOW + 100, NOW + 40) == "added"
    assert cache.add(digest(2), "a", NOW + 130, NOW + 40) == "known"
    # Entries that end together count by the latest end, whichever was added last.
    cache = ProofCache(64)
    assert cache.add(digest(1), "a", NOW + 60, NOW) == "added"
    assert cache.add(digest(2), "a", NOW + 30, NOW) == "added"
    assert cache.add(digest(3), "a", NOW + 130, NOW + 70) == "added"
    assert cache.add(digest(1), "a", NOW + 60, NOW + 40) == "known"


def test_a_flood_is_bounded_and_a_good_client_unharmed():
    """Fifteen clients that use up their shares; the sixteenth sends as always."""
    size, share = 4096, 256
    cache = ProofCache(size)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(15 * 3 * share):
        cache.add(b"flood" + digest(number), f"{number % 15}" * 43, NOW + 60, NOW)
    level = tracemalloc.get_traced_memory()[0] - before
    assert len(cache) == 15 * share
    for number in range(share):
        assert cache.add(b"good" + digest(number), "good", NOW + 60, NOW) == "added"
    for number in range(15 * 3 * share):
        cache.add(b"more" + digest(number), f"{number % 15}" * 43, NOW + 60, NOW)
    gc.collect()
    after = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(cache) == size
    assert after < level * 1.2
    assert after / size < 400
    assert cache.add(digest(1), "good", NOW + 122, NOW + 61) == "added"
    assert len(cache) == 1


def test_the_entries_of_many_keys_are_bounded_too():
    cache = ProofCache(4096)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(10_000):
        cache.add(digest(number), f"{number:043}", NOW + 60, NOW)
    after = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(cache) == 4096
    assert after / 4096 < 600
