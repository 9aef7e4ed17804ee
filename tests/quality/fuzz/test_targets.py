"""Every target of the fuzzer passes for its seeds and for small changes of them. `make fuzz`
continues with further changes.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.properties.profile import examples
from tests.quality.fuzz.seeds import SEEDS
from tests.quality.fuzz.targets import TARGETS

each_target = pytest.mark.parametrize("name", TARGETS)


@each_target
def test_its_seeds(name):
    for seed in SEEDS[name]:
        TARGETS[name](seed)


@pytest.mark.hypothesis
@each_target
def test_whatever_comes(name):
    seeds = st.sampled_from(SEEDS[name])
    cut = st.tuples(
        seeds, st.integers(0, 400), st.integers(0, 8), st.one_of(st.binary(max_size=12), seeds)
    )
    changed = cut.map(
        lambda parts: parts[0][: parts[1]] + parts[3] + parts[0][parts[1] + parts[2] :]
    )

    @examples(150)
    @given(st.one_of(st.binary(max_size=200), changed))
    def holds(data):
        TARGETS[name](data)

    holds()
