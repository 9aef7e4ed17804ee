"""JSON that can mean one thing only: UTF-8 without BOM, no name twice, no NaN, bounded depth."""

from __future__ import annotations

import re
from collections.abc import Callable
from json import JSONDecoder
from typing import Any, Final, NoReturn, TypeAlias, cast

Scan: TypeAlias = Callable[[str, int], tuple[Any, int]]

MAX_DEPTH: Final = 32
"""Objects and arrays inside each other, the outermost counted. Claims need five."""

_WHITESPACE: Final = " \t\n\r"  # RFC 8259 §2
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # the last quote is optional: else an open string costs n² steps
_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(members)
    if len(built) != len(members):
        raise ValueError("a name is repeated")  # RFC 7515 §4, RFC 7519 §4: two readers would see two tokens
    return built


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


# `scan_once` is what `raw_decode` calls; it raises StopIteration where there is no value at all.
_scan: Final[Scan] = cast("Any", JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)).scan_once
_scan_with_constants: Final[Scan] = cast("Any", JSONDecoder(object_pairs_hook=_unique)).scan_once


def parse_object(data: bytes, scan: Scan = _scan) -> dict[str, Any] | None:
    """Parse a JSON object that a stranger sent.

    Args:
        data: As it came.
        scan: Reads one value.

    Returns:
        None for what is not JSON, not an object, not UTF-8 or begins with a BOM, for a name that is repeated at any depth, NaN and
        Infinity, more than `MAX_DEPTH` levels, a string with a lone surrogate, and an integer too long for the interpreter.
        A number beyond the range of a float is infinite: whoever reads one must look.

    Spec: RFC 8259 §4, §6, §8, §9; RFC 7515 §4, RFC 7519 §4.
    """
    try:
        text = data.decode().strip(_WHITESPACE)
        # As in `is_too_deep`, whose call a flat object, which most are, is spared. (In text one character is found in a quarter of the
        # time that it takes in bytes.) Before parsing: the C parser recurses, and an application may have raised the recursion limit.
        if (text.rfind("{") > 0 or "[" in text) and is_too_deep(data):
            return None
        parsed, end = scan(text, 0)
    except (ValueError, StopIteration):  # JSONDecodeError, UnicodeDecodeError and the interpreter's limit for digits are ValueErrors
        return None
    if end != len(text) or type(parsed) is not dict:
        return None
    # Only an escape makes one, since the bytes were UTF-8. Two characters take thirty times as long to find as one.
    if "\\" in text and ("\\ud" in text or "\\uD" in text) and _has_lone_surrogate(parsed):
        return None
    return parsed


def is_object_with_constants(data: bytes) -> bool:
    """Tell whether nothing but NaN or Infinity may keep `data` from being an object that `parse_object` accepts."""
    return parse_object(data, _scan_with_constants) is not None


def is_too_deep(data: bytes) -> bool:
    """Tell whether brackets outside strings go deeper than `MAX_DEPTH`, or do not pair. The time is linear in the length."""
    if data.count(b"{") + data.count(b"[") <= MAX_DEPTH:
        return False
    skeleton = _STRING.sub(b"", data).translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        skeleton = skeleton.replace(b"[]", b"")  # takes away the innermost level of every branch
    return skeleton != b""


def _has_lone_surrogate(value: Any) -> bool:
    """Tell whether a string or a name in `value` cannot be written as UTF-8: it would raise wherever it is sent or hashed."""
    if isinstance(value, str):
        return any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return any(_has_lone_surrogate(name) or _has_lone_surrogate(inner) for name, inner in value.items())
    return isinstance(value, list) and any(_has_lone_surrogate(inner) for inner in value)
