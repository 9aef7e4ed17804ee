"""The form of a resource URI that every reader interprets alike."""

from __future__ import annotations

import re
from typing import Final

from iiniit_guard.core.model.path_ambiguity import is_ambiguous_text

# RFC 3986 §6.2.2.1: scheme and host in lower case are the normal form.
_URI: Final = re.compile(r"[a-z][a-z0-9+.\-]*:(?://[^/?#A-Z%\\]*(?=[/?#]|\Z))?(?P<path>[!-~]*)")
_ESCAPE: Final = re.compile("%(..)?", re.DOTALL)
# Only characters that a path cannot contain unencoded have an escape in the normal form (RFC 3986
# §6.2.2.2). An encoded slash, backslash or percent sign is a delimiter to some readers.
_NEEDLESS: Final = re.compile(r"[A-Za-z0-9\-._~/\\%]")
_HEX: Final = re.compile("[0-9A-F]{2}")


def is_plain_uri(uri: str) -> bool:
    """Return whether no reader would change `uri` before it uses it.

    Otherwise a rule for `file:///private/*` would not see `file:///public/../private/key`.
    """
    found = _URI.fullmatch(uri)
    if found is None:
        return False
    path = found["path"].partition("#")[0].partition("?")[0]
    return not is_ambiguous_text(path) and all(
        _is_needed(digits) for digits in _ESCAPE.findall(path)
    )


def _is_needed(digits: str) -> bool:
    return _HEX.fullmatch(digits) is not None and _NEEDLESS.fullmatch(chr(int(digits, 16))) is None
