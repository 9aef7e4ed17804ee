"""Access tokens and their claims: frozen at every depth, and copied as themselves."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from iiniit_guard.core.model.access_token import AccessToken, Claims, freeze, thaw

FIELDS: dict[str, Any] = {
    "issuer": "https://issuer.test",
    "subject": "alice",
    "client_id": "app",
    "audience": ("https://api.test",),
    "scopes": frozenset({"user:read"}),
    "expires_at": 1_800_000_300,
    "issued_at": 1_800_000_000,
    "token_id": "t-1",
    "authorization_details": ({"type": "payment"},),
}
PAYLOAD = {
    "sub": "u",
    "aud": ["a", "b"],
    "realm_access": {"roles": ["r", {"deep": [1]}]},
    "exp": 1.5,
    "ok": True,
    "none": None,
}


def made_token():
    return AccessToken(**FIELDS, claims=Claims({"more": 7, "sub": "alice"}))


@pytest.mark.parametrize("field", [field.name for field in fields(AccessToken)])
def test_a_token_is_frozen(field):
    with pytest.raises(FrozenInstanceError):
        setattr(made_token(), field, None)


@pytest.mark.parametrize(
    "copied",
    [
        copy.copy,
        copy.deepcopy,
        lambda token: pickle.loads(pickle.dumps(token)),
        dataclasses.replace,
    ],
)
def test_a_copy_says_the_same(copied):
    made = made_token()
    assert copied(made) == made
    assert copied(made).claims == made.claims


def test_nested_values_can_be_hashed_and_copied():
    details = (freeze({"type": "payment", "locations": ["https://api.test"]}),)
    token = AccessToken(
        "https://issuer.test", authorization_details=details, claims=Claims({"act": {"sub": "bob"}})
    )
    assert pickle.loads(pickle.dumps(token)) == copy.deepcopy(token) == token
    assert hash(copy.copy(token)) == hash(token)
    assert dataclasses.asdict(token)["authorization_details"] == (
        {"type": "payment", "locations": ("https://api.test",)},
    )


def test_claims_read_like_a_mapping():
    claims = Claims(PAYLOAD)
    assert list(claims) == list(PAYLOAD)
    assert len(claims) == len(PAYLOAD)
    assert claims["exp"] == 1.5
    assert claims.get("missing") is None
    assert "none" in claims
    with pytest.raises(KeyError):
        claims["missing"]


def test_nothing_in_claims_can_be_changed():
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


def test_a_change_to_what_claims_were_made_from_does_not_reach_them():
    audience, actor = ["a"], {"sub": "s"}
    claims = Claims({"aud": audience, "act": actor})
    audience.append("b")
    actor["sub"] = "x"
    assert thaw(claims) == {"aud": ["a"], "act": {"sub": "s"}}


def test_equal_claims_are_equal_and_hash_alike():
    assert Claims({"a": 1, "b": 2}) == Claims({"b": 2, "a": 1})
    assert hash(Claims({"a": 1, "b": 2})) == hash(Claims({"b": 3, "a": 4}))
    assert Claims({"a": 1}) != Claims({"a": 2})


def test_the_repr_of_claims_names_them_and_shows_no_value():
    assert repr(Claims({"sub": "canary", "email": "canary"})) == "Claims(sub, email)"


def test_claims_can_be_copied_pickled_and_written_as_json():
    claims = Claims(PAYLOAD)
    assert pickle.loads(pickle.dumps(claims)) == claims
    assert copy.deepcopy(claims) == claims
    assert json.loads(json.dumps(thaw(claims))) == PAYLOAD


def test_reducing_claims_gives_a_copy():
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
