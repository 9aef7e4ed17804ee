"""An independent verifier of DPoP proofs, on joserfc: the twelve checks of RFC 9449 §4.3 in order.

It shares no code with the package, makes every check for every proof, and stores every proof.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote_to_bytes, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

ALGORITHMS: Final = ("ES256", "ES384", "Ed25519", "RS256")
_KINDS: Final[dict[str, Any]] = {"EC": ECKey, "OKP": OKPKey, "RSA": RSAKey}
_PUBLIC: Final = {"EC": {"crv", "x", "y"}, "OKP": {"crv", "x"}, "RSA": {"n", "e"}}
_UNRESERVED: Final = re.compile(rb"[A-Za-z0-9\-._~]")


class RefusedProof(Exception):
    """A check failed. The message names it."""


def need(condition: object, check: str) -> None:
    if not condition:
        raise RefusedProof(check)


def verify_proof(
    fields: Sequence[str],
    *,
    method: str,
    url: str,
    token: str,
    thumbprint: str,
    now: float,
    seen: set[tuple[str, str, str]],
    algorithms: Sequence[str] = ALGORITHMS,
) -> None:
    """Raise `RefusedProof` unless the request may use its token."""
    need(len(fields) == 1 and "," not in fields[0], "1: one field")
    parts = fields[0].strip(" \t").split(".")
    need(len(parts) == 3 and len(fields[0]) <= 8192, "2: a JWT")
    octets = [decode(part) for part in parts]
    header, claims = read(octets[0]), read(octets[1])
    for name in ("jti", "htu"):
        need(isinstance(claims.get(name), str), f"3: {name}")
    need(1 <= len(claims["jti"].encode()) <= 256, "3: length of jti")
    need(str(header.get("typ", "")).lower() in ("dpop+jwt", "application/dpop+jwt"), "4: typ")
    need(header.get("alg") in algorithms, "5: alg")
    need(not {"crit", "zip"} & header.keys(), "5: extensions")
    need(header.get("b64", True) is True, "5: b64")
    need(isinstance(header.get("kid", ""), str), "5: kid")
    key: Any = header.get("jwk")
    need(isinstance(key, dict), "6: jwk")
    kind = key.get("kty")
    need(isinstance(kind, str) and kind in _KINDS, "6: kty")
    need(not {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & key.keys(), "7: private")
    need(key.get("alg", header["alg"]) == header["alg"], "6: alg of jwk")
    operations = key.get("key_ops", ["verify"])
    need(key.get("use", "sig") == "sig" and isinstance(operations, list), "6: use")
    need("verify" in operations, "6: key_ops")
    need(isinstance(key.get("kid", ""), str), "6: kid")
    public = {"kty": kind, **{name: key[name] for name in _PUBLIC[kind] if name in key}}
    try:
        imported = _KINDS[kind].import_key(public)
        registry = jws.JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
        registry.max_header_length = registry.max_payload_length = 8192
        jws.deserialize_compact(fields[0].strip(" \t"), imported, [header["alg"]], registry)
        found = imported.thumbprint()
    except Exception as error:
        raise RefusedProof("6: signature") from error
    need(claims.get("htm") == method, "8: htm")
    need(normal(claims["htu"]) == normal(url), "9: htu")
    issued: Any = claims.get("iat")
    need(type(issued) in (int, float) and math.isfinite(issued), "3: iat")
    need(issued >= 0 and now - 60 <= issued <= now + 5, "11: iat")
    ends, begins = claims.get("exp", now + 1), claims.get("nbf", now)
    need(all(type(each) in (int, float) and each >= 0 for each in (ends, begins)), "exp and nbf")
    need(now < ends and begins <= now + 5, "exp and nbf")
    expected = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode()
    need(claims.get("ath") == expected.rstrip("="), "12: ath")
    need(found == thumbprint, "12: key")
    identity = (thumbprint, claims["jti"], str(normal(url)))
    need(identity not in seen, "11.1: replay")
    seen.add(identity)


def decode(part: str) -> bytes:
    """Decode one part; each octet string has exactly one encoding."""
    need(re.fullmatch(r"[A-Za-z0-9_-]+", part) and len(part) % 4 != 1, "2: base64url")
    octets = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    need(base64.urlsafe_b64encode(octets).decode().rstrip("=") == part, "2: unused bits")
    return octets


def read(octets: bytes) -> dict[str, Any]:
    """Parse a JSON object without repeated names."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        need(len({name for name, _ in pairs}) == len(pairs), "2: repeated name")
        return dict(pairs)

    def constant(_: str) -> None:
        raise RefusedProof("2: NaN")

    try:
        parsed = json.loads(
            octets.decode("utf-8"), object_pairs_hook=unique, parse_constant=constant
        )
    except ValueError as error:
        raise RefusedProof("2: JSON") from error
    need(isinstance(parsed, dict), "2: object")
    return dict(parsed)


def normal(url: str) -> tuple[object, ...] | None:
    """Return the parts of a URL that identify a resource, or None if it is not an absolute URL."""
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    if not re.fullmatch(r"[!$&-;=A-Z\[\]_a-z~@%]*", bare) or re.search(
        r"%(?![0-9A-Fa-f]{2})", bare
    ):
        return None
    parts = urlsplit(bare)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    if scheme not in ("http", "https") or "@" in parts.netloc or not parts.hostname:
        return None
    try:
        port = parts.port
    except ValueError:
        return None
    host = unquote_to_bytes(parts.hostname).decode("latin-1").lower()
    segments: list[bytes] = []
    raw = parts.path.encode().split(b"/")[1:] or [b""]
    plain = [re.sub(rb"%([0-9A-Fa-f]{2})", _unescape, segment) for segment in raw]
    for position, segment in enumerate(plain):
        last = position == len(plain) - 1
        if segment == b"..":
            segments = segments[:-1]
        elif segment != b".":
            segments.append(segment)
        if last and segment in (b".", b".."):
            segments.append(b"")
    default = {"http": 80, "https": 443}[scheme]
    return scheme, host, default if port is None else port, tuple(segments)


def _unescape(escape: re.Match[bytes]) -> bytes:
    octet = bytes([int(escape[1], 16)])
    return octet if _UNRESERVED.fullmatch(octet) else escape[0].upper()
