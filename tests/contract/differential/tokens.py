"""Random tokens: good ones with up to three named changes."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from tests.contract.cases.jose_keys import (
    PUBLIC,
    b64,
    make_signature,
)
from tests.contract.differential.generate import BROKEN_JSON, CHANGES, MARKS, good_claims

Claims = dict[str, Any]
SIGNERS: Final = (
    ("ES256", "p256"),
    ("ES256", "p256"),
    ("EdDSA", "ed"),
    ("Ed25519", "ed"),
    ("ES384", "p384"),
    ("RS256", "rsa"),
    ("PS256", "rsa"),
)
OFTEN: Final = ("exp", "exp", "nbf", "nbf", "iat", "iat")
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
