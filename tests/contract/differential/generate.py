"""Keys, good claims and their random changes, and random queries."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from random import Random
from typing import Any, Final

from tests.contract.cases.jose_keys import P384, ec_jwk, ed_jwk, rsa_jwk

ISSUER: Final = "https://issuer.test"
AUDIENCE: Final = "https://api.test"
Claims = dict[str, Any]
TIMES: Final = (-1e9, -61, -31, -30, -6, -5, -4.5, -1, 0, 0.5, 1, 29, 30, 31, 61, 3600, 1e9)
ODD: Final = (
    None,
    True,
    False,
    0,
    1,
    -1,
    1.5,
    math.inf,
    1e400,
    "",
    "x",
    " ",
    "é",
    "a b",
    [],
    ["x"],
    [1],
    {},
    {"x": 1},
    2**70,
)
ODD_SCOPES: Final = (
    "a",
    "a b",
    "a  b ",
    " ",
    "",
    'a"b',
    "a\\b",
    "a\u00a0b",
    "é",
    ["a", "b"],
    ["a b"],
    [""],
    [1],
    "openid",
    "openid email a",
    "openid profile",
)


def good_claims(now: float) -> Claims:
    """Return the claims of a good token."""
    times = {"exp": now + 300, "iat": now - 10}
    return {
        "iss": ISSUER,
        "aud": AUDIENCE,
        **times,
        "sub": "alice",
        "client_id": "app",
        "jti": "1",
        "scope": "a b",
    }


def _set(name: str, *values: object) -> Callable[[Claims, Random, float], None]:
    def change(claims: Claims, random: Random, now: float) -> None:
        claims[name] = copy.deepcopy(random.choice(values))

    return change


def _time(name: str) -> Callable[[Claims, Random, float], None]:
    def change(claims: Claims, random: Random, now: float) -> None:
        claims[name] = now + random.choice(TIMES)

    return change


def _drop(claims: Claims, random: Random, now: float) -> None:
    claims.pop(random.choice(list(claims)), None)


def _scp(claims: Claims, random: Random, now: float) -> None:
    claims.pop("scope", None)
    claims["scp"] = random.choice(ODD_SCOPES)


def _odd(claims: Claims, random: Random, now: float) -> None:
    name = random.choice(
        [
            "iss",
            "aud",
            "exp",
            "nbf",
            "iat",
            "sub",
            "client_id",
            "azp",
            "jti",
            "scope",
            "scp",
            "cnf",
            "authorization_details",
        ]
    )
    claims[name] = copy.deepcopy(random.choice(ODD))


def _deep(claims: Claims, random: Random, now: float) -> None:
    value: Any = 1
    for _ in range(random.choice([5, 30, 31, 32])):
        value = [value] if random.random() < 0.5 else {"a": value}
    claims["deep"] = value


CHANGES: Final[dict[str, Callable[[Claims, Random, float], None]]] = {
    "exp": _time("exp"),
    "nbf": _time("nbf"),
    "iat": _time("iat"),
    "iss": _set(
        "iss", "https://issuer.test/", "https://ISSUER.test", "https://other.test", [ISSUER]
    ),
    "aud": _set(
        "aud",
        "https://other.test",
        [AUDIENCE],
        ["x", AUDIENCE],
        ["x"],
        [],
        [AUDIENCE, 1],
        AUDIENCE + "/",
        AUDIENCE.upper(),
    ),
    "scope": _set("scope", *ODD_SCOPES),
    "scp": _scp,
    "drop": _drop,
    "odd": _odd,
    "deep": _deep,
    "azp": _set("azp", "app2", 7),
    "cnf": _set("cnf", {"jkt": "x"}, {}, None, {"x5t#S256": "y"}),
    "details": _set(
        "authorization_details", [{"type": "a"}], [{"type": 1}], [{}], ["a"], {"type": "a"}, []
    ),
    "tenant": _set("tenant", "one", "two", ["one", "two"], ["two"], None, 1, True, 1.0, {"one": 1}),
    "roles": _set("roles", "x y", ["x", "y"], {"x": 1}, ["é", 1, "x"], None),
    "emoji": _set("name", "\U0001f600", "\u00e9", "\x00", "a\\"),
    "more": _set("more", "x" * 3000, 1e308, -0.0, [[], {}]),
}
OFTEN: Final = ("exp", "exp", "nbf", "nbf", "iat", "iat")
MARKS: Final[dict[str, Callable[[Claims, Random, float], None]]] = {
    "token_use": _set(
        "token_use",
        "access",
        "access_token",
        "id",
        "id_token",
        "refresh",
        "refresh_token",
        "vendor",
        1,
        None,
    ),
    "typ": _set("typ", "Bearer", "ID", "Refresh", "Offline", "Logout", "vendor", 1, None),
    "hash": lambda claims, random, now: claims.update(
        {random.choice(["at_hash", "c_hash", "s_hash"]): "x"}
    ),
    "nonce": _set("nonce", "x"),
    "kind": lambda claims, random, now: claims.update(
        {random.choice(["events", "token_introspection", "code"]): {"x": 1}}
    ),
}
BROKEN_JSON: Final[dict[str, Callable[[bytes, Random], bytes]]] = {
    "a name twice": lambda text, random: (
        text[:-1]
        + b","
        + random.choice([b'"exp":9e9', b'"alg":"none"', b'"a":1,"a":1', b'"x":{"b":1,"b":2}'])
        + b"}"
    ),
    "NaN": lambda text, random: (
        text[:-1] + b',"n":' + random.choice([b"NaN", b"Infinity", b"-Infinity", b"1e400"]) + b"}"
    ),
    "BOM": lambda text, random: b"\xef\xbb\xbf" + text,
    "UTF-16": lambda text, random: text.decode().encode("utf-16"),
    "behind": lambda text, random: (
        text + random.choice([b" ", b"\n", b"x", b"{}", b"\x00", b"\x0b"])
    ),
    "octet": lambda text, random: (
        text[:-1]
        + b',"x":"'
        + random.choice([b"\xff", b"\xed\xa0\x80", b"\x01", b"\xc3\xa9"])
        + b'"}'
    ),
    "surrogate": lambda text, random: (
        text[:-1]
        + b',"x":"'
        + random.choice(
            [
                b"\\ud800",
                b"\\ud83d\\ude00",
                b"\\ude00",
                b"\\\\ud800",
                b"\\ud83d\\\\ude00",
                b"\\uDBFF\\uDFFF\\udc00",
            ]
        )
        + b'"}'
    ),
    "comma": lambda text, random: text[:-1] + b",}",
    "array": lambda text, random: b"[" + text + b"]",
    "digits": lambda text, random: text[:-1] + b',"x":' + b"9" * random.choice([4300, 4301]) + b"}",
}


KEYS: Final = [
    rsa_jwk(kid="rsa"),
    ec_jwk(kid="p256", use="sig"),
    ed_jwk(kid="ed", alg="EdDSA"),
    ec_jwk(P384, kid="p384", alg="ES384", key_ops=["verify"]),
]


"""Changes that have more values worth trying than others."""


QUERY_PIECES: Final = (
    b"&",
    b";",
    b"=",
    b"%",
    b"+",
    b"%20",
    b"%26",
    b"%3b",
    b"access_token",
    b"access%5Ftoken",
    b"%2561ccess_token",
    b"a",
    b"_",
    b"x",
)


def make_query(random: Random) -> bytes:
    """Return a query, empty in most cases."""
    return (
        b"".join(random.choices(QUERY_PIECES, k=random.randrange(8)))
        if random.random() < 0.2
        else b""
    )
