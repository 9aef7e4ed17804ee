"""Claims of an unverified JWT. They may be used to refuse the token, never to accept it."""

from __future__ import annotations

import json
from typing import Final

from iiniit_guard.core.jose.base64url import decode_leniently
from iiniit_guard.core.jose.strict_json import is_too_deep

_decode_tolerantly: Final = json.JSONDecoder(strict=False).raw_decode


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
