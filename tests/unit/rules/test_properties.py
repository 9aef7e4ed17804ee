"""Properties of all rules and all paths."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from iiniit_guard.core.model.problem import Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.errors import SettingsError
from iiniit_guard.rules import Rule, Rules
from iiniit_guard.rules.language import within
from tests.unit.rules.answers import UUID, scoped, seen


def test_within_gives_up_where_a_word_may_be_missing():
    fits = lambda one, other: one == other  # noqa: E731
    assert within([("a", False), ("b", False)], [("a", False), ("b", True), ("b", True)], fits)
    assert not within([("a", False), ("b", False)], [("a", False)], fits)
    assert not within([("b", False), ("c", False)], [("b", True), ("b", True)], fits)
    assert not within([("a", True)], [("a", False)], fits)


SEGMENTS = st.sampled_from(
    ["a", "b", "5", "<x>", "<int:x>", "<uuid:x>", "<any(a,c):x>", "a<x>", "<x>b", "<path:x>"]
)
PATTERNS = (
    st.lists(SEGMENTS, min_size=1, max_size=3)
    .filter(lambda parts: parts.count("<path:x>") < 2)
    .map(lambda parts: "/" + "/".join(parts))
)
PATHS = st.lists(
    st.sampled_from(["a", "b", "ab", "c", "5", "٣", UUID, UUID.upper()]), min_size=1, max_size=4
).map(lambda parts: "/" + "/".join(parts))


def fits_segment(segment: str, text: str) -> bool:
    return {
        "<x>": True,
        "<int:x>": text == "5",
        "<uuid:x>": text == UUID,
        "<any(a,c):x>": text in ("a", "c"),
        "a<x>": text[0] == "a" and len(text) > 1,
        "<x>b": text[-1] == "b" and len(text) > 1,
    }.get(segment, segment == text)


def fits(pattern: list[str], path: list[str]) -> bool:
    """Match according to the documentation, without the tree."""
    if not pattern or not path:
        return not pattern and not path
    if pattern[0] == "<path:x>":
        return any(fits(pattern[1:], path[taken:]) for taken in range(1, len(path) + 1))
    return fits_segment(pattern[0], path[0]) and fits(pattern[1:], path[1:])


@given(st.lists(PATTERNS, min_size=1, max_size=5, unique=True), PATHS, st.booleans())
def test_no_request_gets_a_looser_policy_than_its_most_specific_rule(patterns, path, slash):
    """The rule whose paths all match the other rules too decides, if it has the method; any other
    answer is a refusal.
    """
    try:
        rules = Rules(
            [
                Rule("GET" if number % 2 else "*", pattern, scopes=f"s{number}")
                for number, pattern in enumerate(patterns)
            ]
        )
    except SettingsError:
        assume(False)
    for method in ("GET", "POST"):
        answer = rules.policy_for(Request(method, path + "/" * slash))
        if isinstance(answer, Problem):
            assert answer.reason in (Reason.NO_RULE, Reason.AMBIGUOUS_PATH)
            continue
        if answer == "pass":
            pytest.fail("no rule is public")
        given_to = patterns[int(answer.scopes[0][1:])]
        matching = [
            pattern for pattern in patterns if fits(pattern.split("/")[1:], path.split("/")[1:])
        ]
        assert not matching or given_to in matching or not path.isascii() or UUID.upper() in path
        ranks = {
            "<any(a,c):x>": 1,
            "a<x>": 2,
            "<x>b": 2,
            "<int:x>": 3,
            "<uuid:x>": 3,
            "<x>": 4,
            "<path:x>": 5,
        }
        for pattern in matching:
            pairs = list(zip(pattern.split("/")[1:], given_to.split("/")[1:], strict=False))
            if "<path:x>" not in pattern + given_to:
                assert not (
                    pattern != given_to
                    and all(
                        one == other or ranks.get(one, 0) < ranks.get(other, 0)
                        for one, other in pairs
                    )
                )


@given(st.text(max_size=40), st.binary(max_size=40))
def test_no_target_raises(text, raw):
    rules = scoped("/<path:p>", "!/a/<int:x>", "/<uuid:x>/<float:y>")
    for answer in (
        rules.policy_for(Request("GET", text)),
        rules.policy_for_target("GET", text),
        rules.policy_for_target("GET", b"/" + raw),
    ):
        assert seen(answer) in {
            "pass",
            "no_rule",
            "ambiguous_path",
            "method_override",
            "/<path:p>",
            "/<uuid:x>/<float:y>",
        }
