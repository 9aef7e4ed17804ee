"""Access tokens: frozen, and copied as themselves."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from iiniit_guard.core.model.access_token import AccessToken
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


def made_token():
    return AccessToken(**FIELDS, claims=Claims({"more": 7, "sub": "alice"}))


@pytest.mark.parametrize("field", [field.name for field in fields(AccessToken)])
def test_it_is_frozen(field):
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
