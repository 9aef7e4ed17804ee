"""An access token filled slot by slot equals one made by the constructor."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from iiniit_guard.core.model.access_token import AccessToken, make_access_token
from iiniit_guard.core.model.claims import Claims, freeze

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
SHAPE, VALUES = {"sub": 1, "more": 0}, (7, "alice")


def made_token():
    return make_access_token(*FIELDS.values(), shape=SHAPE, values=VALUES)


def test_it_is_the_constructors():
    made, constructed = (
        made_token(),
        AccessToken(**FIELDS, claims=Claims({"sub": "alice", "more": 7})),
    )
    assert type(made) is AccessToken
    for field in fields(AccessToken):
        assert getattr(made, field.name) == getattr(constructed, field.name), field.name
    assert made == constructed


@pytest.mark.parametrize("field", [field.name for field in fields(AccessToken)])
def test_it_is_frozen(field):
    with pytest.raises(FrozenInstanceError):
        setattr(made_token(), field, None)


def test_its_claims_are_made_once_when_somebody_asks():
    made = made_token()
    claims = made.claims
    assert isinstance(claims, Claims)
    assert list(claims.items()) == [("sub", "alice"), ("more", 7)], "in the token's order"
    assert made.claims is claims


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


def test_an_empty_shell_has_no_claims():
    with pytest.raises(AttributeError):
        object.__new__(AccessToken).claims  # noqa: B018 - reading it is the test


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


def test_asked_of_the_class_it_is_a_slot_as_any_other():
    assert type(AccessToken.claims) is type(AccessToken.subject)
