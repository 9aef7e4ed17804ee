"""The package needs linear time for every untrusted input.

Python's part is counted in bytecode instructions, which are the same in each run. What C does
inside one instruction is timed, over sixteen times the length: steps by the square would take 256
times as long.
"""

from __future__ import annotations

import contextlib
import time

import pytest

from iiniit_guard.core.model.method_override import folded
from tests.contract.cases.hostile_calls import SIZES, World
from tests.quality.instructions.counting import count

SMALL = 2_000
# Instructions for each byte at most: a hook for each object of JSON, and a few passes over many
# claims, scopes or header fields.
MOST = {
    "header": 5.0,
    "token": 2.5,
    "query": 0.05,
    "path": 1.0,
    "JWKS": 10.0,
    "metadata": 3.5,
    "introspection answer": 4.0,
    "/introspect body": 1.0,
}


def count_instructions(function):
    """Count the bytecode instructions of the package's functions that `function` calls."""

    def call():
        with contextlib.suppress(ValueError, RecursionError):
            function()

    return count(call).instructions


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.mark.parametrize("part", SIZES)
def test_twice_the_bytes_cost_at_most_twice_the_instructions(world, part):
    grown = []
    for short, long in zip(world.calls(part, SMALL), world.calls(part, 2 * SMALL), strict=True):
        for call in (short, long):
            count_instructions(call.ours)  # the first call also imports and caches
        few, many = count_instructions(short.ours), count_instructions(long.ours)
        if many > 2 * few + 200 or (many - few) / SMALL > MOST[part]:
            grown.append(
                f"{short.name}: {few} instructions for {SMALL} bytes, {many} for {2 * SMALL}"
            )
    assert grown == []


def test_steps_by_the_square_are_noticed():
    def square(size):
        return lambda: [folded(b"") for _ in range(size) for _ in range(size)]

    assert count_instructions(square(40)) > 2 * count_instructions(square(20)) + 200


@pytest.mark.parametrize("part", SIZES)
def test_sixteen_times_the_bytes_take_no_more_than_in_proportion(world, part):
    slow = []
    for short, long in zip(world.calls(part, 1_000), world.calls(part, 16_000), strict=True):
        least = [min(timed(call.ours) for _ in range(3)) for call in (short, long)]
        if least[1] > 64 * least[0] + 0.005:
            slow.append(
                f"{short.name}: {least[0] * 1e6:.0f} µs for 1,000 bytes, {least[1] * 1e6:.0f} for "
                "16,000"
            )
    assert slow == []


def timed(function):
    started = time.thread_time()
    function()
    return time.thread_time() - started


@pytest.mark.parametrize("unit", [b";", b"&a", b";%61", b"%"])
def test_64_kb_of_query_are_searched_within_milliseconds(world, unit):
    """The search takes 0.4 ms; splitting off each name takes 50 ms. A busy machine may be slow."""
    calls = [call for call in world.calls("query", 65_536) if call.name == unit.decode()]
    assert len(calls) == 1
    assert min(timed(calls[0].ours) for _ in range(5)) < 0.005
