"""The wall clock and the monotonic clock; the larger age counts."""

from __future__ import annotations

import pytest

from iiniit_guard.core.model.clock import Clock, Moment


@pytest.mark.parametrize(
    ("wall", "monotonic", "age"),
    [
        pytest.param(110.0, 15.0, 10.0, id="both go on, the wall further: the machine slept"),
        pytest.param(102.0, 20.0, 15.0, id="the wall was set back a little"),
        pytest.param(0.0, 8.0, 3.0, id="the wall was set back far"),
        pytest.param(107.0, 5.0, 7.0, id="the monotonic clock stood still"),
    ],
)
def test_the_age_is_what_the_clock_says_that_says_more(wall, monotonic, age):
    """Both clocks count the age, and the larger age ends an entry."""
    assert Clock(lambda: wall, lambda: monotonic).age(Moment(100.0, 5.0)) == age


def test_now_reads_both():
    assert Clock(lambda: 1.0, lambda: 2.0).now() == Moment(wall=1.0, monotonic=2.0)
