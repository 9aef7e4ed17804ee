"""The guard never underestimates the memory of a parsed JSON object."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iiniit_guard.core.jose.encodings import load_object, parsed_bytes
from iiniit_guard.core.model.access_token import freeze
from tests.memory import bytes_of

SHAPES: dict[str, dict[str, Any]] = {
    "empty": {},
    "one": {"": 0},
    "flat": {"iss": "https://issuer.example", "exp": 1700000000, "nbf": 1.5, "b": True, "n": None},
    "members": {f"{number:x}": 0.5 for number in range(1400)},
    "names": {f"{number}" * 300: number for number in range(10)},
    "objects": {"a": [{f"{number:x}": 0} for number in range(900)]},
    "empty objects": {"a": [{} for _ in range(2500)]},
    "objects of six": {"a": [{f"{name}": 0 for name in range(6)} for _ in range(200)]},
    "nested": {"a": [{"a": {"a": {"a": {"a": {"a": {}}}}}} for _ in range(100)]},
    "arrays": {"a": [[0] for _ in range(2500)]},
    "numbers": {"a": [0.1 + number for number in range(1000)], "b": 10**4000, "c": -1e300},
    "texts": {"a": [f"{number:02x}" for number in range(1500)]},
    "a wide text": {"a": "x" * 10_000 + "\U0001f600"},
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("ascii_only", [True, False], ids=["escaped", "UTF-8"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_bound_holds_for_the_parsed_and_for_the_frozen_object(shape, ascii_only):
    value = SHAPES[shape]
    data = json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":")).encode()
    bound = parsed_bytes(data, len(value))
    assert bytes_of(lambda: load_object(data)) <= bound
    assert bytes_of(lambda: freeze(load_object(data))) <= bound


@pytest.mark.parametrize(
    ("data", "members", "containers", "parts"),
    [
        (b"{}", 0, 1, 0),
        (b'{"a":"b,c,d","e":1}', 2, 1, 2),
        (b'{"a":{"b":1,"c":2}}', 1, 2, 3),
        (b'{"a":[1,2,3]}', 1, 2, 4),
        (b'{"a":[[]]}', 1, 3, 3),
    ],
)
def test_the_parts_that_are_counted(data, members, containers, parts):
    """Commas in the texts of a flat object do not count as parts."""
    assert parsed_bytes(data, members) == 400 * containers + 300 * parts + 4 * len(data)
