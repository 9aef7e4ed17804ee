"""An independent verifier: PyJWT's signatures, the RFCs, and the documented additional rules.

It imports nothing from the package and caches nothing; it need not be fast.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm, get_default_algorithms
from jwt.exceptions import PyJWTError

from tests.contract.differential import absent

LATEST: Final = 253_402_300_800  # documented: a time from the year 10000 on is malformed
OPENID_SCOPES: Final = {
    "openid",
    "profile",
    "email",
    "address",
    "phone",
    "offline_access",
    "allatclaims",
}
CURVES: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
RSA: Final = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
ALLOWED: Final = RSA | {"ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
_VERIFIERS: Final = get_default_algorithms()


@dataclass(frozen=True)
class Trust:
    """Settings of an issuer; `now` is in seconds since the epoch."""

    issuer: str
    audience: str
    profile: str = "generic"
    keys: Sequence[Mapping[str, Any]] = ()
    required: Mapping[str, Any] | None = None
    roles: str | None = None


class Refused(Exception):
    """The token is refused."""


class Unknown(Exception):
    """The authorization server sent no usable response."""


@dataclass(frozen=True)
class Facts:
    """The claims of a good token."""

    subject: str | None
    client_id: str | None
    scopes: frozenset[str]


def need(fact: object) -> None:
    """Raise Refused if `fact` is false."""
    if not fact:
        raise Refused


def check_query(query: bytes) -> None:
    """RFC 6750 §2.3, OAuth 2.1 §5.1: no token in the query; documented: names are read leniently,
    `;` separates too.
    """
    for pair in re.split(b"[&;]", query):
        need(unquote_to_bytes(pair.split(b"=")[0].replace(b"+", b" ")).strip() != b"access_token")


def verify_jwt(token: str, trust: Trust, now: float) -> Facts:
    """RFC 7515 §5.2, RFC 7519 §7.2, RFC 8725 §3, RFC 9068 §4."""
    need(len(token) <= 16_384)  # documented: max_token_bytes
    parts = token.split(".")
    need(len(parts) == 3)
    need(len(parts[0]) <= 8_192)  # documented: a longer JOSE header is malformed
    header, claims, signature = (
        parse_json(decode(parts[0])),
        parse_json(decode(parts[1])),
        decode(parts[2]),
    )
    alg, kid, typ = str(header.get("alg")), header.get("kid"), header.get("typ", "JWT")
    need(header.get("alg") == alg and alg in ALLOWED)  # RFC 8725 §3.1
    need(
        not {"crit", "zip"} & header.keys() and header.get("b64", True) is True
    )  # RFC 7515 §4.1.11, RFC 7797 §6
    need("kid" not in header or (isinstance(kid, str) and len(kid) <= 1024))
    need(isinstance(typ, str))
    short = typ.lower().removeprefix("application/") if typ.isascii() else typ
    need(
        short == "at+jwt" or (trust.profile == "generic" and short == "jwt")
    )  # RFC 9068 §4, RFC 8725 §3.11
    fitting = [
        key
        for key in trust.keys
        if ("kid" not in header or key.get("kid") == kid) and fits(key, alg)
    ]
    need(
        any(
            signed_by(key, alg, token.rpartition(".")[0].encode(), signature) for key in fitting[:4]
        )
    )  # documented: 4 keys
    need("iss" in claims and "exp" in claims and "aud" in claims)
    return check_claims(claims, trust, now, at_jwt=short == "at+jwt", introspected=False)


def read_answer(status: int, content_type: str, body: bytes, trust: Trust, now: float) -> Facts:
    """RFC 7662 §2.2; documented: every other answer than 200 with an object and a boolean `active`
    is an outage.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if status != 200 or not (
        media_type == "application/json" or re.fullmatch(r"application/.*\+json", media_type)
    ):
        raise Unknown
    try:
        answer = parse_json(body)
    except Refused:
        raise Unknown from None
    if not isinstance(answer.get("active"), bool):
        raise Unknown
    need(answer["active"])
    need("aud" in answer)  # documented: without insecure_accept_missing_audience
    word = answer.get("token_type", "Bearer")
    need(
        isinstance(word, str)
        and word.lower()
        in ("bearer", "access_token", "urn:ietf:params:oauth:token-type:access_token")
    )
    return check_claims(answer, trust, now, at_jwt=False, introspected=True)


def check_claims(
    claims: Mapping[str, Any], trust: Trust, now: float, *, at_jwt: bool, introspected: bool
) -> Facts:
    """Check the claims by RFC 7519 §4.1, RFC 9068 §2.2 and RFC 7662 §2.2, and the kind of the
    token.
    """
    claims = absent.claims_of(claims, introspected=introspected)
    need(claims.get("iss", trust.issuer) == trust.issuer)
    audience = claims["aud"]
    audiences = [audience] if isinstance(audience, str) else audience
    need(
        isinstance(audiences, list)
        and all(isinstance(one, str) for one in audiences)
        and trust.audience in audiences
    )
    # documented: leeways of 5 s and 30 s
    for name, latest in (("exp", None), ("nbf", now + 30), ("iat", now + 30)):
        if name in claims:
            value = claims[name]
            need(type(value) in (int, float) and 0 <= value < LATEST)
            need(now < value + 5 if latest is None else value <= latest)
    need(all(isinstance(claims.get(name, ""), str) for name in ("sub", "client_id", "azp", "jti")))
    named = absent.identifiers(claims)
    need(all(one is None or isinstance(one, str) for one in named))
    if trust.profile == "rfc9068" and not introspected:
        need({"sub", "jti", "iat", "client_id"} <= claims.keys())
        need(
            claims["sub"] and claims["client_id"] and claims["jti"]
        )  # documented: an empty text counts as absent
    need("cnf" not in claims)  # RFC 7800 §3.1: a bound token must not pass as a bearer token
    details = claims.get("authorization_details", [])
    need(
        isinstance(details, list)
        and all(isinstance(one, dict) and isinstance(one.get("type"), str) for one in details)
    )
    for name, wanted in (trust.required or {}).items():
        held = claims[name] if isinstance(claims.get(name), list) else [claims.get(name)]
        need(any(type(one) is type(wanted) and one == wanted for one in held))
    scopes = scopes_of(claims, trust, strict=trust.profile == "rfc9068" and not introspected)
    check_kind(claims, scopes, at_jwt=at_jwt, introspected=introspected)
    return Facts(claims.get("sub"), named[0], frozenset(scopes))


def check_kind(
    claims: Mapping[str, Any], scopes: set[str], *, at_jwt: bool, introspected: bool
) -> None:
    """Check the kind of a token by its marks (documented)."""
    need(
        isinstance(claims.get("token_use", ""), str)
    )  # documented: a value that is not a string is not a mark
    need(claims.get("typ") not in ("ID", "Refresh", "Offline", "Logout"))
    need(claims.get("token_use") not in ("id", "id_token", "refresh", "refresh_token"))
    if introspected:  # only explicit marks count
        return
    need(not {"events", "token_introspection", "code"} & claims.keys())
    strong = (
        at_jwt
        or claims.get("token_use") in ("access", "access_token")
        or claims.get("typ") in ("Bearer", "DPoP")
    )
    need(strong or not {"at_hash", "c_hash", "s_hash"} & claims.keys())
    need(strong or "nonce" not in claims or scopes - OPENID_SCOPES)


def scopes_of(claims: Mapping[str, Any], trust: Trust, *, strict: bool) -> set[str]:
    """RFC 6749 §3.3, RFC 9068 §2.2.3; documented: `scp` where there is no `scope`, and lists, but
    not in JWTs under rfc9068.
    """
    value = claims.get("scope", "") if strict or "scope" in claims else claims.get("scp", "")
    need(isinstance(value, str) or (isinstance(value, list) and not strict))
    words = [word for word in value.split(" ") if word] if isinstance(value, str) else value
    grammar = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
    need(all(isinstance(word, str) and grammar.fullmatch(word) for word in words))
    roles = claims.get(trust.roles, []) if trust.roles else []
    words = [
        *words,
        *(roles.split(" ") if isinstance(roles, str) else roles if isinstance(roles, list) else []),
    ]
    return {word for word in words if isinstance(word, str) and grammar.fullmatch(word)}


def decode(segment: str) -> bytes:
    """RFC 7515 §2: base64url with one spelling for each octet string, which encoding it again
    shows.
    """
    try:
        octets = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        raise Refused from None
    need(base64.urlsafe_b64encode(octets).rstrip(b"=").decode() == segment)
    return octets


def parse_json(octets: bytes) -> dict[str, Any]:
    """RFC 8259; RFC 7519 §4: no name twice; documented: no NaN, no BOM, 32 levels at most, no lone
    surrogates.
    """

    def unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
        need(len({name for name, _ in members}) == len(members))
        return dict(members)

    def constant(_: str) -> None:
        raise Refused

    try:
        parsed = json.loads(
            octets.decode("utf-8"), object_pairs_hook=unique, parse_constant=constant
        )
        json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise Refused from None
    need(isinstance(parsed, dict) and depth(parsed) <= 32)
    return parsed  # type: ignore[no-any-return]  # a dictionary, as the line before says


def depth(value: object) -> int:
    """Count levels."""
    inner = (
        list(value.values())
        if isinstance(value, dict)
        else value
        if isinstance(value, list)
        else None
    )
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def fits(key: Mapping[str, Any], alg: str) -> bool:
    """RFC 7518 §3.1, RFC 8037 §3.1, RFC 7517 §4: whether a JWK may verify signatures
    under `alg`.
    """
    key = absent.key_of(key)
    if (
        key.get("use", "sig") != "sig"
        or "verify" not in key.get("key_ops", ["verify"])
        or "d" in key
        or "k" in key
    ):
        return False
    if key["kty"] == "OKP":
        return alg in ("EdDSA", "Ed25519") and key.get("alg", alg) in ("EdDSA", "Ed25519")
    return key.get("alg", alg) == alg and (
        alg in RSA if key["kty"] == "RSA" else CURVES.get(key.get("crv", "")) == alg
    )


def signed_by(key: Mapping[str, Any], alg: str, signed: bytes, signature: bytes) -> bool:
    """RFC 7515 §5.2, by PyJWT."""
    readers: dict[str, Any] = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}
    try:
        return bool(signature) and bool(
            _VERIFIERS["EdDSA" if alg == "Ed25519" else alg].verify(
                signed, readers[key["kty"]].from_jwk(dict(key)), signature
            )
        )
    except (PyJWTError, ValueError):
        return False
