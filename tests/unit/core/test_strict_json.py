"""Unambiguous JSON."""

from __future__ import annotations

import json
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiniit_guard.core.jose.encodings import ConstantError, is_too_deep, load_object, parse_object
from tests.contract.cases.json_texts import ACCEPTED, DEEPEST, REFUSED, TOO_DEEP

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "text", [pytest.param(row[2], id=f"{row[0]} ({row[1]})") for row in REFUSED]
)
def test_refuses(text):
    assert parse_object(text) is None


@pytest.mark.parametrize(
    ("text", "value"), [pytest.param(*row[2:], id=f"{row[0]} ({row[1]})") for row in ACCEPTED]
)
def test_accepts(text, value):
    parsed = parse_object(text)
    assert parsed == value
    assert repr(parsed) == repr(value)  # 1 is not True


def test_the_depth_is_bounded_to_the_level():
    assert parse_object(DEEPEST) is not None
    assert not is_too_deep(DEEPEST)
    assert is_too_deep(TOO_DEEP)
    assert parse_object(b'{"a":' * 31 + b"{}" + b"}" * 31) is not None


@pytest.mark.parametrize(("levels", "fits"), [(32, True), (33, False), (34, False), (64, False)])
def test_objects_and_arrays_count_together(levels, fits):
    text = '{"a":[' * (levels // 2) + '{"a":0}' * (levels % 2) + "]}" * (levels // 2)
    assert (parse_object(text.encode()) is not None) is fits


def test_many_brackets_side_by_side_are_not_deep():
    assert parse_object(b'{"a":[' + b",".join([b"{}"] * 100) + b"]}") == {"a": [{}] * 100}
    assert parse_object(b'{"a":"' + b"[" * 100 + b'"}') == {"a": "[" * 100}


def test_brackets_that_do_not_pair_count_as_too_deep():
    assert is_too_deep(b"]" * 10 + b"[" * 33)
    assert is_too_deep(b"[" * 33 + b"]")


def test_depth_holds_where_the_application_has_raised_the_recursion_limit():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)
    try:
        assert parse_object(b'{"a":' + b"[" * 500_000 + b"]" * 500_000 + b"}") is None
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("unit", [b'"\\', b'"', b'\\"', b"[]", b'["', b"{", b'"\\"'], ids=repr)
def test_a_mebibyte_takes_linear_time(unit):
    text = b"{" * 33 + unit * ((1 << 20) // len(unit))
    started = time.process_time()
    assert parse_object(text) is None
    assert time.process_time() - started < 5  # measured 15 ms; quadratic time would be minutes


@pytest.mark.parametrize(
    "text",
    [b'{"exp":NaN}', b'{"exp":Infinity}', b'{"a":{"b":[-Infinity]}}', b' {"exp":NaN,"b":1} '],
)
def test_nothing_but_constants_is_wrong(text):
    with pytest.raises(ConstantError):
        load_object(text)
    assert load_object(b'{"exp":1}') == {"exp": 1}, (
        "what was met in one text says nothing about the next"
    )


@pytest.mark.parametrize(
    "text",
    [
        b'{"exp":NaN',
        b'{"exp":NaN}x',
        b'{"exp":NaN,"exp":1}',
        b"[NaN]",
        b"NaN",
        b'{"exp":nan}',
        b'{"exp":NaN,"a":"\\ud800"}',
    ],
)
def test_more_than_constants_is_wrong(text):
    with pytest.raises(ValueError, match=r"^(?!NaN)") as raised:
        load_object(text)
    assert not isinstance(raised.value, ConstantError)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_what_is_written_is_read(value):
    try:
        encoded = json.dumps(value).encode()
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        assert parse_object(json.dumps(value).encode()) is None
        return
    if not is_too_deep(encoded):
        assert parse_object(encoded) == value


@given(st.one_of(st.binary(), st.text('{}[]":,\\ud8 0N', max_size=40).map(str.encode)))
def test_no_octets_raise(text):
    parsed = parse_object(text)
    assert parsed is None or json.loads(text) == parsed


@given(st.text('{}[]"\\', max_size=60).map(lambda text: "[]" * 33 + text))
def test_what_the_depth_check_lets_through_is_no_deeper(text):
    if is_too_deep(text.encode()):
        return
    deepest = depth = 0
    inside = escaped = False
    for character in text:
        if inside:
            inside = escaped or character != '"'
            escaped = not escaped and character == "\\"
        elif character == '"':
            inside = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    assert deepest <= 32
