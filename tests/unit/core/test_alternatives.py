"""Alternatives: what a handler requires if one of several requirements suffices."""

from __future__ import annotations

import pytest

from iiniit_guard.adapting.alternatives import (
    ALWAYS,
    MOST_ALTERNATIVES,
    both,
    either,
    without_stricter,
)
from iiniit_guard.core.model.policy import make_policy

A, B, C = (make_policy([name]) for name in "abc")


@pytest.mark.parametrize(
    ("first", "second", "joined", "one_of"),
    [
        (((A,),), ((B,),), ((A, B),), ((A,), (B,))),
        (((A,),), ((A,),), ((A,),), ((A,),)),
        (((A,),), ALWAYS, ((A,),), ((A,), ())),
        (((A,), (B,)), ((C,),), ((A, C), (B, C)), ((A,), (B,), (C,))),
        ((), ((A,),), (), ((A,),)),
    ],
)
def test_two_requirements_are_joined(first, second, joined, one_of):
    assert both(first, second) == joined
    assert either(first, second) == one_of


def test_the_number_of_combinations_is_limited():
    many = tuple((make_policy([f"s{number}"]),) for number in range(MOST_ALTERNATIVES))

    assert len(both(many, ((A,), (B,)))) == MOST_ALTERNATIVES
    assert len(either(many, ((A,), (B,)))) == MOST_ALTERNATIVES


@pytest.mark.parametrize(
    ("alternatives", "left"),
    [
        (((A, B), (A,)), ((A,),)),
        (((A,), ()), ((),)),
        (((A,), (B,)), ((A,), (B,))),
        (((A, B), (B, C)), ((A, B), (B, C))),
        ((), ()),
    ],
)
def test_a_stricter_alternative_is_left_out(alternatives, left):
    assert without_stricter(alternatives) == left
