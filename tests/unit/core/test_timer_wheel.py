"""The timer wheel returns each entry once, never before its moment, and at most a bucket later."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iiniit_guard.adapting.timer_wheel import NOWHERE, SECONDS, TimerWheel


class Entry:
    def __init__(self):
        self.tick = NOWHERE


MOMENTS = st.floats(0, 1000)


@given(st.lists(MOMENTS), st.lists(MOMENTS))
def test_each_entry_is_due_once_within_a_bucket_of_its_moment(moments, steps):
    wheel: TimerWheel[Entry] = TimerWheel()
    entries = {Entry(): moment for moment in moments}
    for entry, moment in entries.items():
        wheel.add(entry, moment)
    assert len(wheel) == len(moments)
    seen = set()
    for now in [*sorted(steps), 2000.0]:
        due = wheel.take_due(now)
        assert all(entries[entry] <= now for entry in due)
        assert seen.isdisjoint(due)
        seen.update(due)
        assert all(entries[entry] > now - SECONDS for entry in entries.keys() - seen)
        upcoming = wheel.next_moment()
        assert upcoming is None or upcoming > now
    assert seen == entries.keys()
    assert not wheel
    assert wheel.next_moment() is None


def test_an_entry_moves_and_leaves():
    wheel: TimerWheel[Entry] = TimerWheel()
    entry, other = Entry(), Entry()
    wheel.add(entry, 10)
    wheel.add(other, 10)
    wheel.add(entry, 5)
    assert wheel.next_moment() == 5
    assert set(wheel.entries()) == {entry, other}
    wheel.discard(entry)
    wheel.discard(entry)
    assert entry.tick == NOWHERE
    assert wheel.next_moment() == 10
    assert wheel.take_due(9.9) == []
    assert wheel.take_due(10) == [other]
    assert not wheel


def test_a_moment_in_the_past_is_due_at_once():
    wheel: TimerWheel[Entry] = TimerWheel()
    entry = Entry()
    wheel.add(entry, -5)
    assert wheel.take_due(0) == [entry]
