"""Random tokens and introspection answers: good ones with up to three named changes."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import math
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from tests.contract.cases.jose_keys import (
    P384,
    PUBLIC,
    b64,
    ec_jwk,
    ed_jwk,
    make_signature,
    rsa_jwk,
)

ISSUER: Final = "https://issuer.test"
AUDIENCE: Final = "https://api.test"
Claims = dict[str, Any]

KEYS: Final = [
    rsa_jwk(kid="rsa"),
    ec_jwk(kid="p256", use="sig"),
    ed_jwk(kid="ed", alg="EdDSA"),
    ec_jwk(P384, kid="p384", alg="ES384", key_ops=["verify"]),
]
SIGNERS: Final = (
    ("ES256", "p256"),
    ("ES256", "p256"),
    ("EdDSA", "ed"),
    ("Ed25519", "ed"),
    ("ES384", "p384"),
    ("RS256", "rsa"),
    ("PS256", "rsa"),
)
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
"""Changes that have more values worth trying than others."""
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
EMPTY: Final[dict[str, Callable[[Claims, Random, float], None]]] = {
    "empty": lambda claims, random, now: claims.update({random.choice(["sub", "client_id"]): ""})
}

HEADER_CHANGES: Final[tuple[dict[str, Any], ...]] = (
    *(
        {"alg": alg}
        for alg in (
            "none",
            "None",
            "HS256",
            "ES256K",
            "RS512",
            "ES256",
            "EdDSA",
            "",
            None,
            1,
            ["ES256"],
        )
    ),
    *({"kid": kid} for kid in ("other", "", None, 1, "x" * 1025, "rsa", "p256", "../x")),
    *(
        {"typ": typ}
        for typ in (
            "at+jwt",
            "AT+JWT",
            "application/at+jwt",
            "JWT",
            "jwt",
            "application/jwt",
            "id+jwt",
            "logout+jwt",
            None,
            1,
            "",
        )
    ),
    *(
        {name: value}
        for name in ("crit", "zip", "b64")
        for value in (["exp"], True, False, "DEF", None)
    ),
    {"jwk": PUBLIC["ES256"]},
    {"jku": "https://evil.test/jwks"},
    {"x5c": ["AAAA"]},
    {"x": "y" * 7000},
    {"cty": "JWT"},
)
BROKEN: Final[dict[str, Callable[[str, Random], str]]] = {
    "padding": lambda part, random: part + random.choice(["=", "=="]),
    "alphabet": lambda part, random: part.replace("-", "+").replace("_", "/"),
    "white space": lambda part, random: (
        part[:4] + random.choice(["\n", " ", "\t", "~", "."]) + part[4:]
    ),
    "unused bits": lambda part, random: (
        part[:-1]
        + random.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    ),
    "cut": lambda part, random: part[: random.randrange(len(part) + 1)],
    "flipped": lambda part, random: flip(part, random),
    "emptied": lambda part, random: "",
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


def flip(part: str, random: Random) -> str:
    """Change one character."""
    if not part:
        return "A"
    place = random.randrange(len(part))
    return part[:place] + ("B" if part[place] == "A" else "A") + part[place + 1 :]


def make_token(
    random: Random, now: float, *, strict: bool, more_claims: Mapping[str, Any] | None = None
) -> tuple[str, list[str]]:
    """Return a token and the names of its changes."""
    claims, names = {**good_claims(now), **(more_claims or {})}, []
    alg, kid = random.choice(SIGNERS)
    header: dict[str, Any] = {
        "alg": alg,
        "kid": kid,
        "typ": "at+jwt" if strict or random.random() < 0.5 else "JWT",
    }
    more = EMPTY if strict else MARKS
    changes = {**CHANGES, **more}
    for _ in range(random.choice([0, 0, 1, 1, 1, 2, 3])):
        name = random.choice([*changes, *more, *OFTEN])
        changes[name](claims, random, now)
        names.append(name)
    if random.random() < 0.2:
        header.update(random.choice(HEADER_CHANGES))
        names.append("header")
    if random.random() < 0.1:
        header.pop(random.choice(list(header)))
        names.append("header member dropped")
    texts = [json.dumps(header).encode(), json.dumps(claims).encode()]
    if random.random() < 0.1:
        how, which = random.choice(list(BROKEN_JSON)), random.randrange(2)
        texts[which] = BROKEN_JSON[how](texts[which], random)
        names.append(f"{how} in part {which}")
    signing_input = ".".join(map(b64, texts))
    parts = [
        *signing_input.split("."),
        b64(_sign(random, alg, header, signing_input.encode(), names)),
    ]
    if random.random() < 0.15:
        how, which = random.choice(list(BROKEN)), random.randrange(3)
        parts[which] = BROKEN[how](parts[which], random)
        names.append(f"{how} in part {which}")
    if random.random() < 0.03:
        names.append("parts")
        parts = random.choice(
            [parts[:2], parts[:1], [*parts, ""], [*parts, "x"], ["", *parts], [*parts, "x", "y"]]
        )
    return ".".join(parts), names


def _sign(
    random: Random, alg: str, header: dict[str, Any], signed: bytes, names: list[str]
) -> bytes:
    if header.get("alg") == "HS256":  # RFC 8725 §2.1: the public key as a secret
        names.append("confusion")
        return hmac.digest(json.dumps(PUBLIC["RS256"]).encode(), signed, hashlib.sha256)
    if random.random() < 0.05:
        names.append("another key")
        return make_signature("ES384" if alg != "ES384" else "ES256", signed)
    return make_signature(alg, signed)


def make_answer(
    random: Random, now: float, *, more_claims: Mapping[str, Any] | None = None
) -> tuple[int, str, bytes, list[str]]:
    """Return status, media type and body of an introspection answer, and the names of
    its changes.
    """
    answer, names = (
        {"active": True, **good_claims(now), **(more_claims or {}), "token_type": "Bearer"},
        [],
    )
    choices = {**CHANGES, **{name: MARKS[name] for name in ("token_use", "typ", "hash", "nonce")}}
    for _ in range(random.choice([0, 0, 1, 1, 1, 2, 3])):
        name = random.choice([*choices, *OFTEN])
        choices[name](answer, random, now)
        names.append(name)
    if random.random() < 0.1:
        answer["active"] = random.choice([False, False, None, "true", 1, 0, []])
        names.append("active")
    if random.random() < 0.1:
        answer["token_type"] = random.choice(
            [
                "bearer",
                "access_token",
                "DPoP",
                "urn:ietf:params:oauth:token-type:access_token",
                1,
                None,
            ]
        )
        names.append("token_type")
    body = json.dumps(answer).encode()
    if random.random() < 0.1:
        name = random.choice(list(BROKEN_JSON))
        body = BROKEN_JSON[name](body, random)
        names.append(name)
    status = (
        random.choice([401, 403, 404, 400, 429, 500, 503, 201, 204])
        if random.random() < 0.05
        else 200
    )
    media_type = "application/json"
    if random.random() < 0.1:
        media_type = random.choice(
            [
                "application/json; charset=utf-8",
                "Application/JSON",
                "application/x+json",
                "text/html",
                "application/jwt",
            ]
        )
    return (
        status,
        media_type,
        body,
        [
            *names,
            *([str(status)] if status != 200 else []),
            *([media_type] if media_type != "application/json" else []),
        ],
    )


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
