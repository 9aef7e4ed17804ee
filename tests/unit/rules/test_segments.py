"""Segments with several variables: matches, and no exhaustive search of splits."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiniit_guard.core.model.request import Request
from iiniit_guard.rules import Rule, Rules, from_openapi
from iiniit_guard.rules.segment import EXACT, NO_FIT, TOO_LONG, Variable, make_segment
from iiniit_guard.rules.segment_part import Placeholder
from tests.unit.rules.answers import scoped, seen

PIECES = st.lists(
    st.one_of(st.just(Placeholder()), st.sampled_from(["-", ".", "ab", "a"])),
    min_size=2,
    max_size=7,
)


def joined(pieces):
    """Return a pattern in which adjacent fixed texts are one text."""
    made = []
    for piece in pieces:
        if isinstance(piece, str) and made and isinstance(made[-1], str):
            made[-1] += piece
        else:
            made.append(piece)
    return made


@given(PIECES, st.text(alphabet="ab-.", min_size=1, max_size=9))
def test_plain_variables_match_as_their_regular_expression_would(pieces, text):
    segment = make_segment(joined(pieces))
    if isinstance(segment, Variable):
        expression = "".join(
            re.escape(piece) if isinstance(piece, str) else "[^/]+" for piece in pieces
        )
        assert segment.fit(text) == (EXACT if re.fullmatch(expression, text) else NO_FIT)


@given(
    st.lists(
        st.sampled_from([Placeholder(), Placeholder("int"), "-", "1"]), min_size=2, max_size=6
    ),
    st.text("a1-", min_size=1, max_size=8),
)
def test_other_variables_match_as_their_regular_expression_would(pieces, text):
    segment = make_segment(joined(pieces))
    if isinstance(segment, Variable):
        expressions = {Placeholder(): "[^/]+", Placeholder("int"): r"\d+"}
        expression = "".join(
            re.escape(piece) if isinstance(piece, str) else expressions[piece] for piece in pieces
        )
        assert segment.fit(text) == (EXACT if re.fullmatch(expression, text) else NO_FIT)


HOSTILE = [
    ("/dl/<a>-<b>", "s"),
    ("/dl/<name>-<version>.<ext>", "no_rule"),
    ("/dl/<a>-<b>-<c>.<d>", "no_rule"),
    ("/dl/<a>-<b>-<c>-<d>", "s"),
    ("/dl/<a><b><c><d>", "s"),
    ("/dl/x<a>-<b>", "no_rule"),
    ("/dl/<a>-<int:b>", "ambiguous_path"),
    ("/dl/<a>-<int:b>.<c>", "no_rule"),
    ("/dl/<a>-<b>-<int:c>", "ambiguous_path"),
    ("/dl/<a>-<b>-<c>-<int:d>", "ambiguous_path"),
    ("/dl/<int:a><b>-<any(x,y):c>", "ambiguous_path"),
]


@pytest.mark.parametrize("pattern, expected", HOSTILE, ids=str)
@pytest.mark.parametrize("tail", ["", "!"])
def test_a_hostile_segment_is_decided_at_once(pattern, expected, tail):
    """CWE-1333; by regular expression the second takes 8,000² / 2 steps (0.6 s), the third 8,000³ /
    6, which is hours.
    """
    rules = Rules([Rule("GET", pattern, scopes="s")])
    started = time.process_time()
    assert seen(rules.policy_for(Request("GET", "/dl/" + "-" * 8_000 + tail))) == expected
    assert time.process_time() - started < 0.25


@pytest.mark.parametrize("length", [58, 59, 60, 254, 255])
@pytest.mark.parametrize(
    "pattern", ["<a>-<int:b>", "<a>-<b>-<int:c>", "<a>-<b>-<c>-<int:d>", "<a>-<b>-<c>-<d>-<int:e>"]
)
def test_what_is_looked_at_is_short_enough_for_all_its_splits(pattern, length):
    started = time.process_time()
    assert seen(scoped(f"/{pattern}").policy_for(Request("GET", "/" + "-" * length))) in (
        "no_rule",
        "ambiguous_path",
    )
    assert time.process_time() - started < 1


def test_templates_of_an_openapi_document_too():
    document = {
        "openapi": "3.1.0",
        "paths": {"/dl/{name}-{version}.{ext}": {"get": {"security": []}}},
    }
    assert (
        seen(from_openapi(document).policy_for(Request("GET", "/dl/" + "-" * 8_000))) == "no_rule"
    )


@pytest.mark.parametrize(
    ("pattern", "length", "expected"),
    [
        ("/<a>-<int:b>", 255, "/<a>-<int:b>"),
        ("/<a>-<int:b>", 256, "ambiguous_path"),
        ("/<a>-<b>", 100_000, "/<a>-<b>"),
        ("/<int:a>-<int:b>-<int:c>-<int:d>-<int:e>", 255, "no_rule"),
        ("/<a>-<b>-<c>-<int:d>", 58, "no_rule"),
        ("/<a>", 100_000, "/<a>"),
    ],
)
def test_how_long_a_segment_may_be(pattern, length, expected):
    """With several variables that are not all plain: 255 characters, or fewer where more than three
    could meet anywhere.
    """
    assert (
        seen(scoped(pattern).policy_for(Request("GET", "/" + "x" * (length - 2) + "-7")))
        == expected
    )


def test_a_wider_rule_does_not_answer_for_what_was_not_looked_at():
    """If the application may route the path to the narrower rule, the wider one does not apply."""
    rules = scoped("/dl/<a>-<int:b>", "/dl/<path:p>", "/dl/" + "x" * 300 + "-7")
    assert seen(rules.policy_for(Request("GET", "/dl/" + "x" * 400 + "-7"))) == "ambiguous_path"
    assert seen(rules.policy_for(Request("GET", "/dl/" + "x" * 400))) == "/dl/<path:p>"
    assert (
        seen(rules.policy_for(Request("GET", "/dl/" + "x" * 300 + "-7")))
        == "/dl/" + "x" * 300 + "-7"
    )


def test_a_long_fixed_text_and_two_variables_of_one_place_are_told_apart():
    segment = make_segment([Placeholder(), "-", Placeholder("int")])
    assert isinstance(segment, Variable)
    assert [
        segment.fit(text) for text in ("a-1", "a-٣", "-1", "a-b", "a" * 300 + "-1", "a" * 300)
    ] == [
        EXACT,
        36,
        NO_FIT,
        NO_FIT,
        TOO_LONG,
        NO_FIT,
    ]
