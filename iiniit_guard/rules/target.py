"""Whether a path means the same to every reader, and what a raw request target says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from iiniit_guard.core.model.path_ambiguity import has_ambiguous_segments, is_ambiguous_text

_ESCAPE: Final = re.compile("%[0-9A-Fa-f]{2}")
# RFC 9112 §3.2.1 origin-form. Wider than RFC 3986's pchar, since browsers send | and others unescaped; no # (httptools cuts there, others
# do not), no ; and \, no raw byte beyond ASCII (read as UTF-8 here, as latin-1 there), no malformed escape.
_ORIGIN_FORM: Final = re.compile(r"/(?:[!\"$&-:<-\[\]-~]++|%[0-9A-Fa-f]{2})*+")


@dataclass(frozen=True, slots=True)
class Target:
    """A raw request target that can be read in one way, but for encoded slashes.

    Attributes:
        path: Decoded; an encoded slash has become a slash, as WSGI and ASGI servers hand it over.
        kept: Decoded but for encoded slashes, which read `%2F`; None where there is none.
        query: Undecoded, without `?`.
    """

    path: str
    kept: str | None
    query: bytes


def is_ambiguous(path: str) -> bool:
    """Tell whether two readers could take `path` (decoded) for two different paths."""
    # An escape that survived decoding, some decode again.
    return not path.startswith("/") or _ESCAPE.search(path) is not None or is_ambiguous_text(path)


def read_target(raw: str) -> Target | None:
    """Read the target of a request line.

    Args:
        raw: Undecoded; bytes beyond ASCII as latin-1.

    Returns:
        None where it is ambiguous, not in origin-form, malformed, or not UTF-8.

    Spec: RFC 9112 §3.2.1, RFC 3986 §2.1.
    """
    path, _, query = raw.partition("?")
    if not _ORIGIN_FORM.fullmatch(path):
        return None
    encoded_query = query.encode("latin-1", "replace")
    if "%" not in path:  # then no character is left that could be ambiguous
        return None if has_ambiguous_segments(path) else Target(path, None, encoded_query)
    try:
        decoded = unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return None
    if is_ambiguous(decoded):
        return None
    escaped = path.replace("%2f", "%2F").replace("%2F", "%252F")
    kept = None if len(escaped) == len(path) else unquote_to_bytes(escaped).decode()
    return Target(decoded, kept, encoded_query)


def raw_target(native: object) -> str | None:
    """Give the undecoded target that a server left in an ASGI scope or a WSGI environ; None where it left none.

    It is looked at for what decoding hides (`%2f`, absolute-form), never matched: a mount shortens the path, not the target.
    """
    if not isinstance(native, Mapping):
        return None
    names: Mapping[str, Any] = native
    raw = names.get("raw_path") or names.get("RAW_URI") or names.get("REQUEST_URI")
    return raw.decode("latin-1") if isinstance(raw, bytes) else raw or None
