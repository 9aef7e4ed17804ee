"""A Token Status List: the statuses of many tokens, from a JWT that their issuer signed.

Every fault of a list is an outage, not a fault of the token: the issuer does not do what is agreed.

Spec: draft-ietf-oauth-status-list-20 §4, §5.1, §8.2, §8.3.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Final

from iiniit_guard.core.issuer.issuer_signature import SigningIssuer, signer_of
from iiniit_guard.core.issuer.metadata import retry_after
from iiniit_guard.core.jose.encodings import decode_base64url
from iiniit_guard.core.jose.jws import Jws, parse_jws
from iiniit_guard.core.model.access_token import is_time
from iiniit_guard.core.model.diagnosis import listed
from iiniit_guard.core.model.flow import Checkpoint, Flow, HttpResponse, Unreachable
from iiniit_guard.core.model.problem import Problem, Reason

if TYPE_CHECKING:
    from iiniit_guard.core.cache.entry import KeyValidity
    from iiniit_guard.core.model.clock import Moment
    from iiniit_guard.core.model.json_types import Json, JsonObject

TYPE: Final = "statuslist+jwt"
MEDIA_TYPE: Final = f"application/{TYPE}"
VALID: Final = 0
NAMES: Final = {1: "INVALID", 2: "SUSPENDED"}
"""The registered statuses except VALID (§7.1)."""
MAX_LIST_BYTES: Final = 4 * 1024 * 1024
"""Maximum size of a decompressed list: 33 million tokens with one bit each."""
SHORTEST_SECONDS: Final = 1.0
"""How long a list is used at least if it has not expired, and the least time between two fetches of
one list."""
_CHUNK_BYTES: Final = 1024 * 1024
_BITS: Final = (1, 2, 4, 8)
_WORDS: Final = {
    Reason.UNSUPPORTED_ALGORITHM: "its signature algorithm is not in algorithms",
    Reason.UNSUPPORTED_CRITICAL: "it has a header parameter that is not supported",
}


@dataclass(frozen=True, slots=True)
class StatusList:
    """A verified status list.

    Attributes:
        bits: Bits of one status: 1, 2, 4 or 8.
        octets: The statuses, not compressed.
        issued_at: `iat` of this list, or of an earlier one if that was later.
        ends: When the list must not be used any more, by either clock.
        validity: The validity of the key that signed the list.
    """

    bits: int
    octets: bytes = field(repr=False)
    issued_at: float
    ends: Moment
    validity: KeyValidity = field(repr=False)

    def status_at(self, index: int) -> int | None:
        """Return the status of the token with this index; None if the list is too short.

        The bits of a byte count from the least significant one (§4.1).
        """
        octet, place = divmod(index, 8 // self.bits)
        if octet >= len(self.octets):
            return None
        return self.octets[octet] >> place * self.bits & (1 << self.bits) - 1


def read_status_list(
    reply: HttpResponse,
    uri: str,
    server: SigningIssuer,
    sent: Moment,
    held: StatusList | None = None,
) -> Flow[tuple[StatusList, float] | Unreachable]:
    """Verify a response that must be a status list.

    Args:
        reply: The response.
        uri: The URL of the list, exactly as the token names it.
        server: The issuer of the token, whose keys must have signed the list.
        sent: When the request was sent.
        held: The list before this one. A list that was issued before it is refused.

    Returns:
        The list and its lifetime in seconds, or why the response is not usable.
    """
    outcome = yield from _read(reply, uri, server, sent, held)
    if isinstance(outcome, Unreachable):
        return outcome.about(url=uri, status=reply.status)
    return outcome


def _read(
    reply: HttpResponse,
    uri: str,
    server: SigningIssuer,
    sent: Moment,
    held: StatusList | None,
) -> Flow[tuple[StatusList, float] | Unreachable]:
    if not 200 <= reply.status < 300:  # §8.2. A redirect could lead to any server.
        return Unreachable("answer", f"status list: status {reply.status}", retry_after(reply))
    content_type = (reply.header("content-type") or "").partition(";")[0].strip().lower()
    if content_type != MEDIA_TYPE:
        return _fault(f"the response is not {MEDIA_TYPE}")
    jws = parse_jws(reply.body.strip(), server.algorithms)
    if isinstance(jws, Problem):
        return _fault(_WORDS.get(jws.reason, "the response is not a signed JWT"))
    if jws.header.typ != TYPE:  # §5.1; RFC 8725 §3.11: no other JWT of the issuer is a list
        return _fault(f"typ of the list is not {TYPE}")
    signer = yield from signer_of(jws, server)
    if isinstance(signer, Unreachable):
        return signer
    if signer is None:
        return _fault("the signature of the list matches no key of the issuer")
    lifetime = _check_claims(jws, uri, server, sent, held)
    if isinstance(lifetime, Unreachable):
        return lifetime
    content = _content(jws.claims)
    if isinstance(content, Unreachable):
        return content
    bits, compressed = content
    octets = yield from decompress(compressed)
    if octets is None:
        return _fault(f"lst is not one zlib stream of at most {MAX_LIST_BYTES} bytes")
    ends = sent._replace(wall=sent.wall + lifetime, monotonic=sent.monotonic + lifetime)
    # Otherwise each of a series of lists could be older than the one before, within the leeway.
    latest = max(jws.claims["iat"], 0 if held is None else held.issued_at)
    return StatusList(bits, octets, latest, ends, signer), lifetime


def _check_claims(
    jws: Jws, uri: str, server: SigningIssuer, sent: Moment, held: StatusList | None
) -> float | Unreachable:
    """Check the claims about the list, and return its lifetime in seconds from `sent` on."""
    claims, settings = jws.claims, server.settings
    if claims.get("sub") != uri:  # §8.3: a list of other tokens, with other statuses
        return _fault("sub is not the URL of the list").about(
            received=listed((claims.get("sub"),)), expected=uri
        )
    if "iss" in claims and claims["iss"] != settings.issuer:
        return _fault("iss of the list is not the issuer").about(
            received=listed((claims["iss"],)), expected=settings.issuer
        )
    if "aud" in claims and not _names_one(claims["aud"], settings.audiences):  # RFC 7519 §4.1.3
        return _fault("aud of the list does not name this API")
    latest = server.clock.wall() + settings.clock_leeway_seconds
    issued = claims.get("iat")
    if not is_time(issued) or issued > latest:
        return _fault("iat of the list is missing, or in the future")
    if held is not None and issued < held.issued_at - settings.clock_leeway_seconds:
        return _fault("the list was issued before the last one")
    if "nbf" in claims and not (is_time(claims["nbf"]) and claims["nbf"] <= latest):
        return _fault("the list is not valid yet")
    lifetime = settings.status_list_max_age_seconds
    if server.clock.age(sent) >= lifetime:
        return _fault("fetching it took longer than status_list_max_age_seconds")
    if "ttl" in claims:
        if not _is_positive(claims["ttl"]):
            return _fault("ttl is not a number above 0")
        # A shorter ttl would make each request a call to the issuer.
        lifetime = min(lifetime, max(claims["ttl"], SHORTEST_SECONDS))
    if "exp" in claims:
        # No leeway: §13.7 an expired list MUST NOT be relied upon.
        if not is_time(claims["exp"]) or claims["exp"] <= server.clock.wall():
            return _fault("the list has expired")
        lifetime = min(lifetime, claims["exp"] - sent.wall)
    return lifetime


def _content(claims: JsonObject) -> tuple[int, bytes] | Unreachable:
    """Return the bits of one status, and the compressed list (§4.2)."""
    content = claims.get("status_list")
    if not isinstance(content, dict):
        return _fault("the object status_list is missing")
    bits, encoded = content.get("bits"), content.get("lst")
    if type(bits) is not int or bits not in _BITS:  # true equals 1
        return _fault("bits is not 1, 2, 4 or 8")
    compressed = (
        decode_base64url(encoded.encode("ascii"))
        if isinstance(encoded, str) and encoded.isascii()
        else None
    )
    return _fault("lst is not base64url") if compressed is None else (bits, compressed)


def decompress(compressed: bytes) -> Flow[bytes | None]:
    """Decompress a list, in steps between which other tasks run.

    Returns:
        None if `compressed` is anything but one complete zlib stream (RFC 1950), or if the result
        has more than `MAX_LIST_BYTES`. No more than that is ever decompressed.
    """
    stream, pieces, left = zlib.decompressobj(), [], MAX_LIST_BYTES + 1
    while left > 0 and not stream.eof:
        try:
            piece = stream.decompress(compressed, min(_CHUNK_BYTES, left))
        except zlib.error:
            return None
        if not piece and not stream.eof:  # cut off
            return None
        pieces.append(piece)
        left -= len(piece)
        compressed = stream.unconsumed_tail
        if not stream.eof:
            yield Checkpoint()
    return b"".join(pieces) if stream.eof and left > 0 and not stream.unused_data else None


def _names_one(audience: Json, accepted: tuple[str, ...]) -> bool:
    values = audience if isinstance(audience, list) else [audience]
    return any(isinstance(each, str) and each in accepted for each in values)


def _is_positive(value: Json) -> bool:
    return type(value) in (int, float) and 0 < value < inf


def _fault(detail: str) -> Unreachable:
    return Unreachable("answer", f"status list: {detail}")
