"""Format numbers, times and text for the status page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from time import gmtime, strftime
from typing import Final

_LONGEST: Final = 400
_SPACES: Final = "\u00a0\u202f"  # the page writes them between a number and its unit

MEANINGS: Final[Mapping[str, str]] = {
    "no_token": "the request has no credentials",
    "several_credentials": "the request has more than one credential",
    "malformed_header": "the Authorization field is not a bearer token",
    "token_too_long": "longer than max_token_bytes",
    "token_in_query": "the token is in the query of the URL",
    "malformed_token": "a malformed JWT, or an opaque token without introspection",
    "unsupported_algorithm": "signed with an algorithm that is not accepted",
    "unsupported_critical": "the header has a critical parameter (crit) that is not supported",
    "wrong_type": "an ID token, a refresh token or another kind of token",
    "not_verified": "the token could not be verified; the events name the reason",
    "unknown_issuer": "the issuer is not trusted",
    "unknown_key": "signed with a key that the issuer does not publish",
    "bad_signature": "the signature matches no key of the issuer",
    "expired": "the token has expired",
    "not_yet_valid": "the token is not valid yet",
    "issued_in_future": "issued in the future, by the clock of this host",
    "wrong_audience": "issued for another API",
    "malformed_claim": "a claim is missing or malformed",
    "inactive": "the issuer reports it as inactive",
    "unsupported_token_type": "the issuer does not introspect this kind of token",
    "revoked": "the token was revoked",
    "revoked_by_status_list": "the status list reports it as revoked or suspended",
    "foreign_status_list": "it names a status list of an origin that is not accepted",
    "unsupported_confirmation": "bound to a key of its client, but not proven",
    "no_certificate": "bound to a client certificate that was not presented",
    "wrong_certificate": "bound to another client certificate",
    "malformed_certificate": "the client certificate could not be read",
    "unbound_token": "not bound to a key of its client, but sent as DPoP, or bound_tokens is set",
    "no_proof": "sent as DPoP without a proof",
    "several_proofs": "sent with more than one proof",
    "malformed_proof": "the DPoP proof is malformed",
    "wrong_proof_target": "the DPoP proof is for another method or URI; see public_url",
    "wrong_proof_token": "the DPoP proof is for another token",
    "wrong_proof_key": "the token is bound to another key than that of the DPoP proof",
    "bad_proof_signature": "the signature of the DPoP proof is not valid",
    "stale_proof": "the DPoP proof is too old, or the clock of the client is wrong",
    "replayed_proof": "the DPoP proof was used before",
    "proof_nonce_required": "the DPoP proof has no fresh nonce; the client repeats the request",
    "too_many_proofs": "one key sends too many DPoP proofs: answered 429",
    "proof_store_unavailable": "the DPoP proof could not be recorded: answered 503",
    "refused_by_validator": "refused by a validator of the application",
    "unknown_credential": "another credential that the application does not accept",
    "missing_scope": "valid, but without a required scope",
    "missing_authorization_details": "valid, but without required authorization details",
    "actor_required": "valid, but without the required actor (act)",
    "actor_forbidden": "valid, but of an actor (act) that is not allowed",
    "insufficient_authentication": "the authentication is too weak or too old",
    "no_rule": "no rule matches this method and path",
    "ambiguous_path": "the path can be read in two ways",
    "method_override": "the request overrides its method",
    "unknown_original": "the gateway did not pass the original request correctly",
    "untrusted_peer": "the caller is not the gateway",
    "foreign_origin": "sent by a page of an origin that is not allowed",
    "header_mismatch": "the MCP headers are missing or contradict the message",
    "malformed_message": "the body is not one MCP message",
    "issuer_unavailable": "the issuer was not available: answered 503, with Retry-After",
}
"""Refusal reason → explanation on the status page."""


def shown(text: object) -> str:
    """Return any text escaped as HTML.

    Characters that are not printable or change the text direction are replaced by their
    hexadecimal escapes. Long text is truncated.
    """
    whole = str(text)
    cut = whole if len(whole) <= _LONGEST else f"{whole[:_LONGEST]}…"
    return escape(
        "".join(
            sign if sign.isprintable() or sign in _SPACES else f"\\u{ord(sign):04x}" for sign in cut
        )
    )


def count(number: float) -> str:
    """Return a number as text. Numbers from one million on have three significant digits."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if number >= size:
            return f"{number / size:.3g}\u202f{unit}"
    return f"{number:,.0f}"


def things(number: int, one: str, many: str | None = None) -> str:
    """Return a number and its noun, in singular or plural."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def percent(share: float | None) -> str:
    """Return a share as a percentage. Only exact values are shown as 0 % or 100 %."""
    if share is None:
        return "—"
    rounded = f"{share * 100:.1f}"
    if rounded == "100.0" and share < 1:
        rounded = "99.9"
    if rounded == "0.0" and share > 0:
        rounded = "0.1"
    return f"{rounded.removesuffix('.0')}\u202f%"


def within(seconds: float | None) -> str:
    """Return the upper bound of a latency bucket as text, or a dash for None."""
    if seconds is None:
        return "—"
    for size, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= size * 0.9995:
            return f"{seconds / size:.3g}\u202f{unit}"
    return f"{seconds * 1e6:.3g}\u202fµs"


def at_most(seconds: float | None) -> str:
    """Return the upper bound of a latency bucket with `≤`, or a dash for None."""
    return within(seconds) if seconds is None else f"≤\u202f{within(seconds)}"


def lasting(seconds: float) -> str:
    """Return a duration as text, in at most two units."""
    whole = max(0, int(seconds))
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{whole} s"


def clock(minute: int) -> str:
    """Return the time of day (UTC) of a minute, which is counted since the epoch."""
    return strftime("%H:%M", gmtime(minute * 60))


def moment(seconds: float) -> str:
    """Return the date and time of day (UTC) of a time in seconds since the epoch."""
    return strftime("%Y-%m-%d %H:%M", gmtime(seconds))
