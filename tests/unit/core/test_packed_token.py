"""Packed access tokens: nothing is lost, and the size is never underestimated."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iiniit_guard.core.cache.entry import CacheEntry, KeyValidity, pack, size_of, unpack
from iiniit_guard.core.cache.tokens import TokenCache
from iiniit_guard.core.jose.encodings import parse_object
from iiniit_guard.core.model.access_token import AccessToken, Claims, freeze
from iiniit_guard.testing import Issuer
from tests.memory import bytes_of
from tests.unit.core.stepping import API, ISSUER, NOW, make_clock, make_server


def nested(depth):
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"": value}
    return value


SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "usual": {
        "iat": NOW,
        "jti": "1" * 32,
        "sub": "user",
        "client_id": "client",
        "scope": "user:read user:write",
        "nbf": 1.5,
        "b": True,
    },
    "objects": {
        "authorization_details": [{"type": "x", "a": [{f"{number:x}": 0} for number in range(900)]}]
    },
    "empty objects": {"a": [{} for _ in range(2500)]},
    "empty names": {"a": [{"": 0} for _ in range(1200)]},
    "nested": {"a": [nested(25) for _ in range(60)]},
    "objects of six": {"a": [{f"{name}": 0 for name in range(6)} for _ in range(200)]},
    "one large object": {"a": {f"{name}": 0 for name in range(900)}},
    "arrays": {"a": [[0] for _ in range(2500)]},
    "numbers": {"a": [0.1 + number for number in range(1000)], "b": 10**4000, "c": -1e300},
    "texts": {"a": [f"{number:02x}" for number in range(1500)]},
    "a long text": {"a": "x" * 11_000},
    "a wide text": {"a": "x" * 10_000 + "\U0001f600"},
    "a lone surrogate": {"a": "\ud800"},
    "scopes": {"scope": " ".join(f"{number:02x}" for number in range(2000))},
    "claims": {f"c{number}": number for number in range(900)},
    "names": {f"{number}" * 300: number for number in range(10)},
    "roles": {
        "realm_access": {"roles": ["a", "b"]},
        "resource_access": {"account": {"roles": []}},
        "groups": None,
    },
}


@pytest.fixture(scope="module")
def checks():
    return make_server(make_clock()).checks


def size_in_cache(token, payload):
    """Return the size that the cache counts for a new token."""
    entry = CacheEntry(token, 0, NOW + 300, 1e12, KeyValidity())
    TokenCache(64, make_clock().clock).keep(bytes(32), entry, payload)
    return entry.size


@pytest.mark.unmeasured
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_unpacked_is_what_was_packed_and_takes_no_more_than_is_said(checks, shape):
    issuer = Issuer(ISSUER, API)
    token = issuer.token(**SHAPES[shape]) if shape != "a lone surrogate" else "x" * 300
    text = b"" if shape == "a lone surrogate" else _payload(token)
    claims = {"iss": ISSUER, "aud": API, "exp": NOW + 300, **SHAPES[shape]}

    def made():
        content = (parse_object(text) if text else dict(claims)) or {}
        found = checks.check(
            {**content, "iss": ISSUER, "aud": API, "exp": NOW + 300, "iat": NOW},
            NOW,
            introspected=False,
        )
        assert isinstance(found, AccessToken)
        assert found.claims["iss"] == ISSUER
        return found

    first = made()
    packed = pack(first)
    again = unpack(packed + b"what follows")
    assert again == first
    assert list(again.claims) == list(first.claims)
    assert bytes_of(made) <= size_in_cache(first, text or json.dumps(claims).encode())
    assert bytes_of(lambda: unpack(packed).claims) <= size_of(again)


def _payload(token):
    from iiniit_guard.core.jose.encodings import decode_base64url

    return decode_base64url(token.split(".")[1].encode())


@pytest.mark.parametrize(
    ("payload", "containers", "parts"),
    [
        ('{"a":"1,2,3","b":2}', 1, 2),  # a comma in a text of a flat object does not count
        ('{"a":[1,2],"b":3}', 2, 4),
        ('{"a":{"b":1},"c":{}}', 3, 4),
        ('{"a":"[","b":2}', 2, 3),  # the bracket counts, although it is in a text
    ],
)
def test_the_size_of_a_new_token_depends_on_its_parts_and_its_text(payload, containers, parts):
    claims, scopes = parse_object(payload.encode()) or {}, frozenset({"a", "b"})
    for given in (Claims(claims), claims):
        size = size_in_cache(AccessToken("i", scopes=scopes, claims=given), payload.encode())
        assert size == 1024 + 2 * 160 + 400 * containers + 300 * parts + 4 * len(payload)


@pytest.mark.parametrize(
    "token",
    [
        AccessToken("i"),
        AccessToken("i", "s", "c", ("a", "b"), frozenset({"x", "y"}), 1.5, 2, "j"),
        AccessToken("i", confirmation=Claims({"jkt": "x"})),
        AccessToken("i", authorization_details=(Claims({"type": "x"}),)),
        AccessToken(
            "i",
            authorization_details=(Claims({"type": "x"}),),
            claims=Claims({"authorization_details": "another"}),
        ),
        AccessToken("i", claims={"plain": {"dict": [1]}}),
        AccessToken("i", claims=Claims({"a": freeze([{"b": [None, True]}])})),
    ],
    ids=[
        "nothing",
        "fields",
        "confirmation",
        "details",
        "details beside another claim",
        "a plain mapping",
        "nested",
    ],
)
def test_tokens_of_the_constructor_can_be_packed(token):
    again = unpack(pack(token))
    for name in AccessToken.__match_args__:
        if name != "claims":
            assert getattr(again, name) == getattr(token, name)
    assert again.claims == Claims(token.claims)
    assert size_of(again) >= size_of(AccessToken("i"))


def test_details_are_the_claim_itself(checks):
    claims = {"iss": ISSUER, "aud": API, "exp": NOW + 300, "authorization_details": [{"type": "x"}]}
    token = checks.check(claims, NOW, introspected=False)
    for each in (token, unpack(pack(token))):
        assert each.authorization_details == each.claims["authorization_details"]
