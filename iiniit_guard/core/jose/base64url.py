"""Base64url as RFC 7515 §2 requires: each octet string has one encoding, any other is rejected."""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from typing import Final

# Reject the characters of the standard alphabet. `!` is in neither alphabet.
_TO_STANDARD: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING: Final = (b"", b"", b"==", b"=")
# RFC 4648 §3.5: the last character of an incomplete quantum has 4 or 2 unused bits. If they were
# ignored, one token would have 16 spellings.
_LAST_CHARACTERS: Final = (b"", b"", b"AQgw", b"AEIMQUYcgkosw048")

_LENIENT: Final = bytes.maketrans(b"-_", b"+/")
_FOREIGN: Final = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
)


def decode_base64url(segment: bytes) -> bytes | None:
    """Decode one segment of a JWS, or one member of a JWK.

    Returns:
        None for padding, for characters outside the alphabet (also those of the standard alphabet),
        for unused bits that are not zero, and for a length that no octet string encodes to.

    Spec: RFC 7515 §2, RFC 4648 §3.3, §3.5, §5.
    """
    length = len(segment)
    remainder = length & 3
    if remainder and segment[-1] not in _LAST_CHARACTERS[remainder]:
        return None
    try:
        octets = a2b_base64(segment.translate(_TO_STANDARD) + _PADDING[remainder])
    except Error:
        return None
    # The decoder skips characters outside the alphabet, and takes two thirds of the time of its
    # strict mode. Each character encodes six bits, so the result is too short if any character was
    # skipped.
    return octets if len(octets) == length * 3 >> 2 else None


def decode_leniently(segment: bytes) -> bytes:
    """Decode `segment` like the most tolerant decoder.

    The result shows what other readers may decode. It must never be used to accept a token.
    """
    kept = segment.translate(_LENIENT).translate(None, _FOREIGN)
    kept = kept[: len(kept) - (len(kept) % 4 == 1)]
    return a2b_base64(kept + _PADDING[len(kept) & 3])


def encode_base64url(octets: bytes) -> bytes:
    """Encode without padding."""
    return b2a_base64(octets, newline=False).rstrip(b"=").translate(bytes.maketrans(b"+/", b"-_"))
