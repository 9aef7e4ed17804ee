"""Checks for ambiguous paths, and the parsing of raw request targets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from iiniit_guard.core.model.path_ambiguity import has_ambiguous_segments, is_ambiguous_text
from iiniit_guard.rules.rule import Members

_ESCAPE: Final = re.compile("%[0-9A-Fa-f]{2}")
# RFC 9112 §3.2.1 origin-form. Wider than RFC 3986's pchar, because browsers send | and others
# unescaped. It excludes # (httptools cuts there, other servers do not), ; and \, bytes beyond ASCII
# (read as UTF-8 by some servers, as latin-1 by others), and malformed escapes.
_ORIGIN_FORM: Final = re.compile(r"/(?:[!\"$&-:<-\[\]-~]++|%[0-9A-Fa-f]{2})*+")


# RFC 3986 §3.3: the characters of a segment that need no escape. A router that does not decode
# (Express, Sanic) runs the handler of `/<name>` for `/%6De`, not that of `/me`.
_NEEDLESS: Final = re.compile(
    "%(?=2[146-9A-Ea-e]|3[0-9ADad]|[46][1-9A-Fa-f]|40|[57][0-9Aa]|5[Ff]|7[Ee])"
)


class Reading(NamedTuple):
    """What one reader makes of a target.

    Attributes:
        path: An encoded slash has become a slash, as in WSGI and ASGI servers.
        kept: With encoded slashes, which are written `%2F`; None if there are none.
    """

    path: str
    kept: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """A raw request target that is unambiguous except for encoded slashes and needless escapes.

    Attributes:
        readings: The decoded path first. If the target has escapes of characters that need none,
            the path with only those escapes follows.
        query: Undecoded, without `?`.
    """

    readings: tuple[Reading, ...]
    query: bytes


def is_ambiguous(path: str) -> bool:
    """Return whether two readers could interpret the decoded `path` as two different paths."""
    # Some readers decode an escape that remains after decoding.
    return not path.startswith("/") or _ESCAPE.search(path) is not None or is_ambiguous_text(path)


def read_target(raw: str) -> Target | None:
    """Parse the target of a request line.

    Args:
        raw: Undecoded; bytes beyond ASCII as latin-1.

    Returns:
        None if it is ambiguous, not in origin-form, malformed, or not UTF-8.

    Spec: RFC 9112 §3.2.1, RFC 3986 §2.1.
    """
    path, _, query = raw.partition("?")
    if not _ORIGIN_FORM.fullmatch(path):
        return None
    encoded_query = query.encode("latin-1", "replace")
    if "%" not in path:  # without escapes, no ambiguous character is possible
        if has_ambiguous_segments(path):
            return None
        return Target((Reading(path, None),), encoded_query)
    try:
        decoded = _decoded(path)
    except UnicodeDecodeError:
        return None
    if is_ambiguous(decoded.path):
        return None
    literal = _NEEDLESS.sub("%25", path)
    if len(literal) == len(path):
        return Target((decoded,), encoded_query)
    return Target((decoded, _decoded(literal)), encoded_query)


def _decoded(path: str) -> Reading:
    """Decode an undecoded path.

    Raises:
        UnicodeDecodeError: The path is not UTF-8.
    """
    escaped = path.replace("%2f", "%2F").replace("%2F", "%252F")
    kept = None if len(escaped) == len(path) else unquote_to_bytes(escaped).decode()
    return Reading(unquote_to_bytes(path).decode(), kept)


def raw_target(native: object) -> str | None:
    """Return the undecoded target from an ASGI scope or a WSGI environ; None if it has none.

    The target is only searched for what decoding hides (`%2f`, absolute-form). It is never matched:
    a mount shortens the path, but not the target.
    """
    if not isinstance(native, Mapping):
        return None
    names: Members = native
    raw = names.get("raw_path") or names.get("RAW_URI") or names.get("REQUEST_URI")
    return raw.decode("latin-1") if isinstance(raw, bytes) else raw or None
