"""JSON Web Signatures: splitting a token, checking the JOSE header, verifying the signature."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from iiniit_guard.core.jose.encodings import (
    ConstantError,
    decode_base64url,
    decode_leniently,
    is_too_deep,
    load_object,
    parse_object,
)
from iiniit_guard.core.model.json_types import JsonObject
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason

if TYPE_CHECKING:
    from iiniit_guard.core.jose.public_key import VerificationKey

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
"""All algorithms that settings can allow. A verifier of these signatures cannot create them.

Spec: RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2.
"""

MAX_KEY_ID_CHARACTERS: Final = 1024
MAX_HEADERS: Final = 4096
"""Maximum number of cached headers in a process."""
MAX_HEADERS_OF_ISSUER: Final = 16
"""Maximum number of cached headers of one issuer."""

MAX_HEADER_BYTES: Final = 8192
"""Maximum length of an encoded JOSE header. An ignored chain of three certificates (`x5c`) fits."""

_MAX_KNOWN_HEADER_BYTES: Final = 1024
_MAX_BROKEN_HEADER_BYTES: Final = 1024
"""Maximum length of an invalid header that is parsed again to find `alg`.

A longer invalid header is malformed if it begins like an object.
"""


_MALFORMED: Final = PROBLEMS[Reason.MALFORMED_TOKEN].about(check="header")
WRONG_PARTS: Final = PROBLEMS[Reason.MALFORMED_TOKEN].about(topic="encrypted_token", check="format")
"""The problem of a token for which `has_jws_parts` returns False."""
_MALFORMED_PAYLOAD: Final = PROBLEMS[Reason.MALFORMED_TOKEN].about(check="payload")
_MALFORMED_CLAIM: Final = PROBLEMS[Reason.MALFORMED_CLAIM].about(check="payload")
_UNKNOWN_ALGORITHM: Final = PROBLEMS[Reason.UNSUPPORTED_ALGORITHM].about(check="header")
_UNSUPPORTED_ALGORITHM: Final = PROBLEMS[Reason.UNSUPPORTED_ALGORITHM].about(check="algorithm")
_UNSUPPORTED_CRITICAL: Final = PROBLEMS[Reason.UNSUPPORTED_CRITICAL]
_WRONG_TYPE: Final = PROBLEMS[Reason.WRONG_TYPE].about(check="header")

_DOT: Final = ord(".")  # a search for bytes in bytes raises and catches an exception first
_decode_tolerantly: Final = json.JSONDecoder(strict=False).raw_decode


@dataclass(frozen=True, slots=True)
class JoseHeader:
    """The members of a JOSE header that the guard uses.

    `jku`, `jwk`, `x5u` and `x5c` are ignored: a token must not supply its own key (RFC 8725 §3.10).

    Attributes:
        alg: One of `ALGORITHMS`, compared case-sensitively.
        kid: At most 1,024 characters; None if the header has none.
        typ: In lower case, without the `application/` that RFC 7515 §4.1.9 lets a sender omit; None
            if there is none.
        encoded: As received, base64url.
    """

    alg: str
    kid: str | None = field(default=None, repr=False)
    typ: str | None = field(default=None, repr=False)
    encoded: bytes = field(default=b"", repr=False, compare=False)


@dataclass(slots=True, eq=False)  # faster to create and to read than a frozen one
class Jws:
    """A well-formed token whose signature is not verified yet. Its `repr` shows only the header.

    Attributes:
        header: The checked JOSE header.
        claims: The payload, unverified.
        signing_input: The signed octets (RFC 7515 §2).
        signature: The decoded signature.
        payload: The decoded payload.
    """

    header: JoseHeader
    claims: JsonObject = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    payload: bytes = field(default=b"", repr=False)


# An issuer's tokens share a few headers. Only headers of tokens with a valid signature are added,
# so a caller without such a token can neither fill nor flush this table.
_known_headers: dict[bytes, JoseHeader] = {}


def read_header(token: bytes) -> JoseHeader | Problem | None:
    """Read the JOSE header of a token that any reader could parse as a JWS, valid or not.

    The guard verifies or refuses such a token. An introspection endpoint may parse more tolerantly,
    and so return `active` for a token that was revoked under another spelling. Therefore an invalid
    header is decoded once more, as tolerantly as possible, and leading dots are skipped.

    Returns:
        The header. A problem, if the header is invalid, or is longer than `MAX_HEADER_BYTES` in a
        token of three parts. None, if the token is opaque. The caller checks the number of parts.

    Spec: RFC 7516 §9: a JWE has five parts and the header parameter `enc`, and is not a JWS.
    """
    known = _known_headers.get(token.partition(b".")[0])
    if known is not None:
        return known
    encoded = token.lstrip(b".").partition(b".")[0]
    is_jwe = token.count(b".") == 4 and not token.startswith(b".")
    canonical = decode_base64url(encoded) if len(encoded) <= MAX_HEADER_BYTES else None
    octets = decode_leniently(encoded) if canonical is None else canonical
    if b"{" not in octets:  # no encoding of JSON can show an object; most opaque tokens end here
        return None
    members = None if canonical is None else parse_object(canonical)
    if members is not None and not (is_jwe and "enc" in members):
        return check_header(members, encoded) if "alg" in members else None
    text = octets.decode(json.detect_encoding(octets), "replace").lstrip()
    if not text.startswith("{"):
        return None
    if len(encoded) > _MAX_BROKEN_HEADER_BYTES and has_jws_parts(token):
        return _MALFORMED
    try:
        header = {} if is_too_deep(text.encode()) else _decode_tolerantly(text)[0]
    except ValueError:
        header = {}
    if is_jwe and "enc" in header:
        return None
    return _MALFORMED if "alg" in header or (not header and '"alg"' in text) else None


def has_jws_parts(token: bytes) -> bool:
    """Return whether `token` has the three parts of a JWS (RFC 7515 §7.1) and a header."""
    return token.count(b".") == 2 and not token.startswith(b".")


def is_canonical(token: bytes) -> bool:
    """Return whether each part of `token` is canonical base64url (RFC 7515 §2).

    The algorithm of the token does not matter. Base64url allows one spelling for each octet string.
    A tolerant introspection endpoint accepts other spellings of the same token, and may return
    `active` for a token that was revoked under the first spelling.
    """
    return all(decode_base64url(part) is not None for part in token.split(b"."))


def parse_jws(
    token: bytes, algorithms: frozenset[str], header: JoseHeader | Problem | None = None
) -> Jws | Problem:
    """Split a token and parse its parts. The signature is not verified.

    Args:
        token: As received. The caller has limited its length.
        algorithms: The allowed algorithms. `EdDSA` and `Ed25519` are two names, each allowed by
            itself (RFC 9864 §2.2).
        header: The result of `read_header`, if the caller has called it, so that a header is parsed
            only once.

    Returns:
        The token or a problem. Its reason is `unsupported_algorithm` also for an unsigned token
        with `none`, `unsupported_critical` for `crit`, `zip` and a `b64` other than true,
        `wrong_type` for a `typ` that is not a string, `malformed_claim` for NaN or Infinity in the
        payload, otherwise `malformed_token`.

    Spec: RFC 7515 §3.1, §5.2; RFC 7519 §7.2; RFC 8725 §3.1, §3.2.
    """
    signing_input, _, encoded_signature = token.rpartition(b".")
    encoded_header, dot, encoded_claims = signing_input.partition(b".")
    if not encoded_header or not dot or _DOT in encoded_claims:
        return WRONG_PARTS
    header = header or _known_headers.get(encoded_header) or _parse_header(encoded_header)
    if not isinstance(header, JoseHeader):
        return header
    if header.alg not in algorithms:
        return _UNSUPPORTED_ALGORITHM
    payload, signature = decode_base64url(encoded_claims), decode_base64url(encoded_signature)
    if payload is None or not signature:
        return _MALFORMED_PAYLOAD
    try:
        claims = load_object(payload)
    except ValueError as fault:
        return _MALFORMED_CLAIM if isinstance(fault, ConstantError) else _MALFORMED_PAYLOAD
    return Jws(header, claims, signing_input, signature, payload)


def names_confirmation(token: str) -> bool:
    """Return whether any reader could find `cnf` (RFC 7800 §3.1) in `token`.

    Such a token is bound to a key. It is parsed as tolerantly as possible: an authorization server
    may sign with an algorithm that is not allowed here, or write JSON that `parse_jws` refuses. The
    token is bound to the key nevertheless.

    Args:
        token: As received. The claims of an encrypted token cannot be read.
    """
    parts = token.split(".", 2)
    if len(parts) < 3:
        return False
    octets = decode_leniently(parts[1].encode("ascii", "ignore"))
    text = octets.decode(json.detect_encoding(octets), "replace").lstrip()
    if not text.startswith("{") or ("cnf" not in text and "\\" not in text):
        return False
    try:
        return is_too_deep(text.encode()) or "cnf" in _decode_tolerantly(text)[0]
    # Not valid JSON here. Another reader may find the name, also if its letters are escaped.
    except ValueError:
        return "cnf" in text or "\\u00" in text


def verify_signature(jws: Jws, key: VerificationKey) -> bool:
    """Verify the signature of `jws` with `key`, by the algorithm of both; return the result.

    Spec: RFC 7515 §5.2; RFC 8725 §3.1: a key is used with one algorithm.
    """
    return key.alg == jws.header.alg and key.verifies(jws.signing_input, jws.signature)


def remember_header(header: JoseHeader, own: deque[bytes]) -> None:
    """Cache the header of a token with a valid signature, for `read_header`.

    Args:
        header: The header.
        own: The cached headers of the same issuer, oldest first. An issuer with a new header for
            each token evicts only its own headers.
    """
    encoded = header.encoded
    if encoded in _known_headers or len(encoded) > _MAX_KNOWN_HEADER_BYTES:
        return
    if len(own) >= MAX_HEADERS_OF_ISSUER:
        _known_headers.pop(own.popleft(), None)
    if len(_known_headers) >= MAX_HEADERS:
        _known_headers.clear()
    own.append(encoded)
    _known_headers[encoded] = header


def _parse_header(encoded: bytes) -> JoseHeader | Problem:
    decoded = decode_base64url(encoded) if len(encoded) <= MAX_HEADER_BYTES else None
    members = None if decoded is None else parse_object(decoded)
    return _MALFORMED if members is None else check_header(members, encoded)


def check_header(members: JsonObject, encoded: bytes) -> JoseHeader | Problem:
    """Return the checked JOSE header with these members, or the problem of its token."""
    alg = members.get("alg")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        return _UNKNOWN_ALGORITHM
    # The guard supports no extension, so RFC 7515 §4.1.11 refuses any crit. b64 and zip change the
    # signed content even without crit (RFC 7797 §6; decompression bombs: CVE-2024-33664).
    if "crit" in members or "zip" in members or members.get("b64", True) is not True:
        return _UNSUPPORTED_CRITICAL
    kid, typ = members.get("kid"), members.get("typ")
    if "kid" in members and (not isinstance(kid, str) or len(kid) > MAX_KEY_ID_CHARACTERS):
        return _MALFORMED
    if "typ" not in members:
        return JoseHeader(alg, kid, None, encoded)
    return JoseHeader(alg, kid, _media_type(typ), encoded) if isinstance(typ, str) else _WRONG_TYPE


def _media_type(typ: str) -> str:
    folded = typ.lower() if typ.isascii() else typ  # lower() turns the Kelvin sign into a k
    short = folded.removeprefix("application/")
    return folded if "/" in short else short
