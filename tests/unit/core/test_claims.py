"""Claims: a frozen mapping, at every depth."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from iiniit_guard.core.model.claims import Claims, freeze, thaw

PAYLOAD = {
    "sub": "u",
    "aud": ["a", "b"],
    "realm_access": {"roles": ["r", {"deep": [1]}]},
    "exp": 1.5,
    "ok": True,
    "none": None,
}


def test_it_reads_like_a_mapping():
    claims = Claims(PAYLOAD)
    assert list(claims) == list(PAYLOAD)
    assert len(claims) == len(PAYLOAD)
    assert claims["exp"] == 1.5
    assert claims.get("missing") is None
    assert "none" in claims
    with pytest.raises(KeyError):
        claims["missing"]


def test_nothing_in_it_can_be_changed():
    """All requests with the same token share one object."""
    claims = Claims(PAYLOAD)
    assert claims["aud"] == ("a", "b")
    nested = claims["realm_access"]
    assert isinstance(nested, Claims)
    assert nested["roles"][1]["deep"] == (1,)
    with pytest.raises(TypeError):
        nested["roles"] = ()  # type: ignore[index]  # refused values
    with pytest.raises(TypeError):
        claims["sub"] = "x"  # type: ignore[index]  # refused
    with pytest.raises(AttributeError, match="read-only"):
        claims.sub = "x"  # refused
    with pytest.raises(AttributeError, match="read-only"):
        claims._members = {}
    with pytest.raises(AttributeError, match="read-only"):
        del claims._members


def test_a_change_to_what_it_was_made_from_does_not_reach_it():
    audience, actor = ["a"], {"sub": "s"}
    claims = Claims({"aud": audience, "act": actor})
    audience.append("b")
    actor["sub"] = "x"
    assert thaw(claims) == {"aud": ["a"], "act": {"sub": "s"}}


def test_equal_claims_are_equal_and_hash_alike():
    assert Claims({"a": 1, "b": 2}) == Claims({"b": 2, "a": 1})
    assert hash(Claims({"a": 1, "b": 2})) == hash(Claims({"b": 3, "a": 4}))
    assert Claims({"a": 1}) != Claims({"a": 2})


def test_its_repr_names_the_claims_and_shows_no_value():
    assert repr(Claims({"sub": "canary", "email": "canary"})) == "Claims(sub, email)"


def test_it_can_be_copied_pickled_and_written_as_json():
    claims = Claims(PAYLOAD)
    assert pickle.loads(pickle.dumps(claims)) == claims
    assert copy.deepcopy(claims) == claims
    assert json.loads(json.dumps(thaw(claims))) == PAYLOAD


def test_reducing_them_gives_a_copy():
    # Serializers other than `pickle` call this method too.
    claims = freeze({"realm_access": {"roles": ["r"]}})
    (members,) = claims.__reduce__()[1]
    members["realm_access"]["roles"].append("admin")
    members["scope"] = "admin"
    assert thaw(claims) == {"realm_access": {"roles": ["r"]}}


@pytest.mark.parametrize("default", [[], {}, ["x"], object()], ids=lambda each: type(each).__name__)
def test_a_default_is_returned_as_it_is(default):
    assert Claims({"sub": "u"}).get("missing", default) is default


def test_freezing_twice_changes_nothing():
    once = freeze({"a": ({"b": [1]},)})
    assert thaw(freeze(thaw(once))) == thaw(once) == {"a": [{"b": [1]}]}


def test_thawing_keeps_a_value_that_json_does_not_have():
    value = object()
    assert thaw([value]) == [value]
