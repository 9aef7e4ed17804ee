"""What a JWT that nobody has verified says of itself: good enough to refuse it, never to accept it."""

from __future__ import annotations

import json
from typing import Final

from iiniit_guard.core.jose.base64url import decode_leniently
from iiniit_guard.core.jose.strict_json import is_too_deep

_decode_tolerantly: Final = json.JSONDecoder(strict=False).raw_decode


def names_confirmation(token: str) -> bool:
    """Return whether anybody could read `token` as a JWT that is bound to a key (`cnf`, RFC 7800 §3.1), whatever signs it.

    It is read as tolerantly as can be. An authorization server may sign with an algorithm that is not allowed here, or write JSON that
    `parse_jws` refuses: the token is bound all the same.

    Args:
        token: As it came. An encrypted token shows nothing.
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
    except ValueError:  # not JSON to us; another reader may find the name, also where its letters are escaped
        return "cnf" in text or "\\u00" in text
