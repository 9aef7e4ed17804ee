"""Filled slot by slot, an access token is what its constructor makes of the same fields."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from iiniit_guard.core.access_token import AccessToken, make_access_token

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
    "claims": {"sub": "alice"},
}


def test_it_is_the_constructors():
    made, constructed = make_access_token(*FIELDS.values()), AccessToken(**FIELDS)
    assert type(made) is AccessToken
    for field in fields(AccessToken):
        assert getattr(made, field.name) == getattr(constructed, field.name), field.name
    assert made == constructed


@pytest.mark.parametrize("field", [field.name for field in fields(AccessToken)])
def test_it_is_frozen(field):
    with pytest.raises(FrozenInstanceError):
        setattr(make_access_token(*FIELDS.values()), field, None)
