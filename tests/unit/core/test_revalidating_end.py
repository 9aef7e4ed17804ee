"""How long entries that depend on a revalidated document are valid."""

from __future__ import annotations

import pytest

from tests.unit.core.test_revalidating import LONGEST_WAIT, begin, is_refreshed, make_kept, obtain


@pytest.fixture
def kept(clock):
    return make_kept(clock)


def good_for(kept, clock):
    now = clock.clock.now()
    ends = kept.good_until(*now)
    return ends[0] - now.wall, ends[1] - now.monotonic


def test_what_rests_on_it_ends_with_it(kept, clock):
    """RFC 9111 §4.2: by either clock, and at the next attempt while the document is stale."""
    begin(kept)
    assert good_for(kept, clock) == (600, 600)
    clock.advance(599)
    assert good_for(kept, clock) == (1, 1)
    clock.advance(1)
    assert good_for(kept, clock) == (LONGEST_WAIT, LONGEST_WAIT)
    clock.advance(3590)
    assert good_for(kept, clock) == (10, 10), "it is stale for an hour"
    clock.advance(10)
    assert good_for(kept, clock) == (0, 0)


def test_a_clock_that_is_set_on_ends_it_too(kept, clock):
    begin(kept)
    clock.set_wall(clock.wall() + 601)
    assert good_for(kept, clock)[0] == LONGEST_WAIT


@pytest.mark.parametrize(("stale", "serves"), [(0.0, 0), (3.0, 3), (3600.0, 14.75)])
def test_a_refresh_that_hangs_keeps_it_no_longer_than_it_may_be_stale(clock, stale, serves):
    """`keys_stale_seconds` applies to a server that hangs as to one that fails."""
    kept = make_kept(clock, stale=stale)
    begin(kept)
    clock.advance(599.5)
    refresh = is_refreshed(kept)
    assert refresh is not None
    clock.advance(serves)
    assert obtain(kept).result == "first"
    clock.advance(0.5)
    assert obtain(kept).ended is False
    refresh.close()
