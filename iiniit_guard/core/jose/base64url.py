"""Base64url as RFC 7515 §2 wants it: one spelling for each octet string, every other one refused."""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from typing import Final

_TO_STANDARD: Final = bytes.maketrans(b"-_+/=", b"+/!!!")  # what only the standard alphabet has must not pass: ! is in neither
_PADDING: Final = (b"", b"", b"==", b"=")
# RFC 4648 §3.5: the last character of an incomplete quantum has 4 or 2 unused bits; were they free, one token had 16 spellings.
_LAST_CHARACTERS: Final = (b"", b"", b"AQgw", b"AEIMQUYcgkosw048")

_LENIENT: Final = bytes.maketrans(b"-_", b"+/")
_FOREIGN: Final = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))


def decode_base64url(segment: bytes) -> bytes | None:
    """Decode one segment of a JWS, or one member of a JWK.

    Returns:
        None for padding, foreign characters (also those of the standard alphabet), unused bits that are not zero, and a length
        that no octet string encodes to.

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
    # The decoder passes over foreign characters, in two thirds of the time of its strict mode. Each character stands for six bits, so
    # whatever it passed over is missing from the octets.
    return octets if len(octets) == length * 3 >> 2 else None


def decode_leniently(segment: bytes) -> bytes:
    """Decode `segment` as the most tolerant of decoders would: to see what others may take it for, never to accept it."""
    kept = segment.translate(_LENIENT).translate(None, _FOREIGN)
    kept = kept[: len(kept) - (len(kept) % 4 == 1)]
    return a2b_base64(kept + _PADDING[len(kept) & 3])


def encode_base64url(octets: bytes) -> bytes:
    """Encode without padding."""
    return b2a_base64(octets, newline=False).rstrip(b"=").translate(bytes.maketrans(b"+/", b"-_"))
