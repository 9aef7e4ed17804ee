"""The two encodings of JOSE, read strictly: base64url and JSON.

Base64url as RFC 7515 §2 requires: each octet string has one encoding, any other is rejected.
Unambiguous JSON: UTF-8 without BOM, no repeated names, no NaN, limited depth.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Callable
from json import JSONDecoder
from threading import get_ident
from typing import Any, Final, TypeAlias, cast

from iiniit_guard.core.model.json_types import JsonObject

# Reject the characters of the standard alphabet. `!` is in neither alphabet.
_TO_STANDARD: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING: Final = (b"", b"", b"==", b"=")
# RFC 4648 §3.5: the last character of an incomplete quantum has 4 or 2 unused bits. If they were
# ignored, one token would have 16 spellings.
_LAST_CHARACTERS: Final = (b"", b"", b"AQgw", b"AEIMQUYcgkosw048")

_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_LENIENT: Final = bytes.maketrans(b"-_", b"+/")
_FOREIGN: Final = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
)

Scan: TypeAlias = Callable[[str, int], tuple[Any, int]]

MAX_DEPTH: Final = 32
"""Maximum number of nested objects and arrays, including the outermost. Claims need five."""

# Upper bounds, in bytes of memory: of an object or array, of a member (with its name) or element,
# and of each byte of text. They include the rounding of the allocator and the reference to a part.
CONTAINER_BYTES: Final = 400
_PART_BYTES: Final = 300
TEXT_WIDTH: Final = 4
_BRACKET: Final = ord("[")  # a number: `b"[" in data` raises and catches an exception first

# Maximum length of a member of a JWK. The longest accepted modulus has 2,731 characters.
_MAX_MEMBER_CHARACTERS: Final = 4096

_WHITESPACE: Final = " \t\n\r"  # RFC 8259 §2
_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_NO_STRUCTURE: Final = bytes(set(range(256)) - set(b'[]{}"'))
_PAIR: Final = r"\\u[dD][89abAB]..\\u[dD][c-fC-F].."
_PAIRS: Final = re.compile(f"{_PAIR}(?:{_PAIR})*+", re.DOTALL)
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def _unique(members: list[tuple[str, Any]]) -> JsonObject:
    if not members:
        return {}
    built = dict(members)
    if len(built) != len(members):
        # RFC 7515 §4, RFC 7519 §4: two readers could read different values
        raise ValueError("a member name is repeated")
    return built


class ConstantError(ValueError):
    """The text is valid JSON except for NaN or Infinity."""


# Threads whose parser has found NaN or Infinity. The parser continues, because the reason is
# different if the text has another fault too.
_met_constant: Final[set[int]] = set()


def _note_constant(_: str) -> None:
    _met_constant.add(get_ident())


# `raw_decode` calls `scan_once`, which raises StopIteration if there is no value.
_scan: Final[Scan] = cast(
    "Any", JSONDecoder(object_pairs_hook=_unique, parse_constant=_note_constant)
).scan_once


def parse_object(data: bytes) -> JsonObject | None:
    """Parse a JSON object that a client or an issuer sent.

    Returns:
        None if `load_object` raises an exception.
    """
    try:
        return load_object(data)
    except ValueError:
        return None


def load_object(data: bytes) -> JsonObject:
    """Parse a JSON object that a client or an issuer sent.

    Args:
        data: As received. The caller has limited its length; the time is linear in it.

    Returns:
        The object. A number beyond the range of a float is infinite: the caller must check each
        number that it compares.

    Raises:
        ConstantError: The only fault is NaN or Infinity.
        ValueError: The data is not JSON, not an object or not UTF-8, begins with a BOM, repeats a
            name at any depth, has more than `MAX_DEPTH` levels, a string with a lone surrogate, or
            an integer too long for the interpreter.

    Spec: RFC 8259 §4, §6, §8, §9; RFC 7515 §4, RFC 7519 §4.
    """
    text = data.decode().strip(_WHITESPACE)
    # Most objects are flat, and few others have more than `MAX_DEPTH` brackets, so the call is
    # rare. (Finding a character in text takes a quarter of the time that it takes in bytes.) The
    # depth is checked before parsing, because the C parser recurses, and an application may have
    # raised the recursion limit.
    if (
        (text.rfind("{") > 0 or "[" in text)
        and text.count("{") + text.count("[") > MAX_DEPTH
        and is_too_deep(data)
    ):
        raise ValueError("nested too deeply")
    constant = False
    try:
        parsed, end = _scan(text, 0)
    except StopIteration:
        raise ValueError("not JSON") from None
    finally:
        if _met_constant and get_ident() in _met_constant:
            constant = True
            _met_constant.discard(get_ident())
    if end != len(text) or type(parsed) is not dict:
        raise ValueError("not a JSON object")
    # The bytes were UTF-8, so only an escape can produce a lone surrogate.
    if "\\" in text and _has_lone_surrogate(text):
        raise ValueError("a lone surrogate")
    if constant:
        raise ConstantError("NaN and Infinity are not JSON")
    return parsed


def is_too_deep(data: bytes) -> bool:
    """Return whether brackets outside strings are nested deeper than `MAX_DEPTH`, or not closed.

    A few brackets that are not closed are not reported. The time is linear.
    """
    if data.count(b"{") + data.count(b"[") <= MAX_DEPTH:
        return False
    # Remove escaped backslashes first. A backslash that remains before a quote escapes the quote.
    skeleton = (
        data.replace(b"\\\\", b"")
        .replace(b'\\"', b"")
        .translate(_BRACKETS, _NO_STRUCTURE)
        .replace(b'""', b"")
    )
    if b'"' in skeleton:  # brackets inside strings
        skeleton = b"".join(skeleton.split(b'"')[::2])
    # If one bracket opens directly inside another, two opening brackets are adjacent. (Runs are
    # counted by halves.)
    if 2 * skeleton.count(b"[[") < MAX_DEPTH:
        return False
    for _ in range(MAX_DEPTH):
        before = len(skeleton)
        skeleton = skeleton.replace(b"[]", b"")  # the innermost level of every branch
        # A round that removes less than this leaves a run of brackets too long to pair within
        # `MAX_DEPTH` levels. (If no run is longer, one pair stands for at most 2 * MAX_DEPTH
        # brackets.) So all rounds together cost little more than the first ones.
        if (before - len(skeleton) + 2) * MAX_DEPTH < before:
            break
    return skeleton != b""


def parsed_bytes(data: bytes, members: int) -> int:
    """Return an upper bound of the bytes that a parsed object uses, without measuring any object.

    Args:
        data: The text of the object, in JSON.
        members: The number of members of the object, without the members of inner objects.
    """
    containers, parts = 1, members
    if data.rfind(b"{") > 0 or _BRACKET in data:  # the object is not flat
        # In JSON, a comma follows each member and element except the last one of its container.
        containers = data.count(b"{") + data.count(b"[")
        parts = data.count(b",") + containers
    return CONTAINER_BYTES * containers + _PART_BYTES * parts + TEXT_WIDTH * len(data)


def _has_lone_surrogate(text: str) -> bool:
    """Return whether a string in valid JSON has half of a surrogate pair.

    Such a string cannot be encoded as UTF-8 in order to send or hash it.
    """
    escapes = text.replace("\\\\", "")  # every remaining backslash begins an escape
    return (
        _SURROGATE.search(escapes) is not None
        and _SURROGATE.search(_PAIRS.sub("", escapes)) is not None
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
    return b2a_base64(octets, newline=False).rstrip(b"=").translate(_TO_URL)


def decode_member(jwk: JsonObject, name: str) -> bytes:
    """Decode a member of a JWK.

    Returns:
        The octets; empty if the member is missing, malformed or longer than any accepted number.
    """
    value = jwk.get(name)
    if not isinstance(value, str) or len(value) > _MAX_MEMBER_CHARACTERS:
        return b""
    return decode_base64url(value.encode("ascii", "replace")) or b""


def encode_number(number: int, size: int = 0) -> str:
    """Encode a number as a member of a JWK (RFC 7518 §2, §6.2.1.2).

    Args:
        number: A positive number.
        size: The number of octets; 0 means as many as the number needs.
    """
    return encode_base64url(number.to_bytes(size or (number.bit_length() + 7) // 8, "big")).decode()
