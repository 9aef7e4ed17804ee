"""The header fields of a refusal that replaces another response."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from iiniit_guard.core.model.decision import Response

DROPPED: Final[dict[str, tuple[str, ...]]] = {
    "describes the content (RFC 9110 §8, §14.3; RFC 9530, RFC 9421, RFC 8288)": (
        *(
            "content-*",
            "etag",
            "last-modified",
            "accept-ranges",
            "digest",
            "repr-digest",
            "signature",
            "signature-input",
            "link",
        ),
        *("sourcemap", "x-sourcemap", "use-as-dictionary"),
    ),
    (
        "frames the message (RFC 9110 §6.5, §7.6.1; RFC 9112 §6), or is the status of a CGI "
        "response (RFC 3875 §6.3.3)"
    ): (
        *(
            "connection",
            "keep-alive",
            "proxy-connection",
            "upgrade",
            "sec-websocket-*",
            "trailer",
            "transfer-encoding",
            "status",
        ),
    ),
    "belongs to the refusal alone (RFC 9110 §10.2.3, §11; RFC 7615, RFC 9449)": (
        *(
            "retry-after",
            "www-authenticate",
            "proxy-authenticate",
            "authentication-info",
            "proxy-authentication-info",
            "dpop-nonce",
        ),
    ),
    "redirects: a client, a script of the page, or a gateway by an internal location": (
        *(
            "location",
            "*-location",
            "refresh",
            "*-refresh",
            "*-redirect",
            "*-rewrite",
            "fly-replay*",
            "x-middleware-*",
        ),
    ),
    (
        "makes a server or gateway send a file or another resource in place of the body, or "
        "treat the response in its own way"
    ): (
        *(
            "x-accel-*",
            "x-sendfile*",
            "*-sendfile",
            "*-send-file",
            "x-lighttpd-*",
            "x-reproxy-*",
            "x-litespeed-*",
            "x-lsadc-*",
        ),
        *("x-appengine-*", "x-envoy-*", "x-passenger-*", "x-offload-*", "x-sse-*", "grip-*"),
    ),
    (
        "lets a cache store the response, or is a key of the stored one (RFC 9111, RFC 9211, "
        "RFC 9213, RFC 9875)"
    ): (
        *(
            "cache-*",
            "*-cache-control",
            "age",
            "expires",
            "pragma",
            "warning",
            "no-vary-search",
            "surrogate-*",
            "cdn-*",
            "edge-*",
        ),
        *(
            "netlify-*",
            "fastly-*",
            "x-fastly-*",
            "x-akamai-*",
            "x-vercel-*",
            "x-varnish-*",
            "xkey",
            "x-cache-*",
        ),
        *("*-cache-tag", "*-cache-tags", "*-ttl", "x-esi", "x-do-esi"),
    ),
}
"""By reason, the fields of a replaced response that are not sent; `*` matches any characters."""

KEPT: Final = ("content-security-policy*",)
"""Fields that are sent although a pattern of `DROPPED` matches them."""


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(pattern).replace(r"\*", ".*") for pattern in patterns))


_DROPPED: Final = _any_of(pattern for patterns in DROPPED.values() for pattern in patterns)
_KEPT: Final = _any_of(KEPT)
# RFC 9110 §5.1. A server or gateway might normalize an invalid name to one of the names above.
_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+")
# Each is a list. The members of the refusal and those that other layers added both apply.
_LISTS: Final = frozenset({"vary", "access-control-expose-headers"})


def replace_headers(
    refusal: Response, replaced: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Return the header fields of `refusal`, followed by those kept from the replaced response.

    Fields that `DROPPED` matches are removed, and so are fields that the refusal has itself. All
    other fields are kept: CORS and security fields, cookies, request identifiers.

    Args:
        refusal: The refusal to send.
        replaced: The (name, value) pairs of the response that the application started. Names are
            compared without case.
    """
    own = {name.lower() for name, _ in refusal.headers}
    added = [(name, value, name.lower()) for name, value in replaced]
    kept = [
        (name, value)
        for name, value, folded in added
        if folded not in own and folded not in _LISTS and _stays(folded)
    ]
    lists = {folded: [value for _, value, name in added if name == folded] for folded in _LISTS}
    fields = [
        (name, ", ".join(_members([value, *lists.pop(name.lower(), ())])))
        for name, value in refusal.headers
        if name.lower() in _LISTS
    ]
    rest = [
        (folded, ", ".join(_members(values))) for folded, values in sorted(lists.items()) if values
    ]
    return [
        *((name, value) for name, value in refusal.headers if name.lower() not in _LISTS),
        *fields,
        *rest,
        *kept,
    ]


def add_headers(
    added: Iterable[tuple[str, str]], present: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Return the header fields of a response with further ones.

    Args:
        added: The fields to add. They replace fields of the same name, and extend lists.
        present: The fields of the response.
    """
    fields, further = list(present), list(added)
    names = {name.lower() for name, _ in further}
    kept = [(name, value) for name, value in fields if name.lower() not in names]
    for name, value in further:
        same = [other for known, other in fields if known.lower() == name.lower()]
        is_list = name.lower() in _LISTS
        kept.append((name, ", ".join(_members([*same, value])) if is_list else value))
    return kept


def cors_headers(replaced: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the CORS fields and `Vary` of a response, for a preflight without a token."""
    return [(name, value) for name, value in replaced if name.lower() in _OF_CORS]


_OF_CORS: Final = frozenset(
    {
        "vary",
        "access-control-max-age",
        *(f"access-control-allow-{part}" for part in ("origin", "credentials", "headers")),
        *(f"access-control-allow-{part}" for part in ("methods", "private-network")),
        "access-control-expose-headers",
    }
)


def _stays(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and (
        _DROPPED.fullmatch(name) is None or _KEPT.fullmatch(name) is not None
    )


def _members(values: Iterable[str]) -> list[str]:
    """Return the distinct members of list fields, in order. Members are compared without case."""
    members: dict[str, str] = {}
    for value in values:
        for member in value.split(","):
            if member.strip():
                members.setdefault(member.strip().lower(), member.strip())
    return list(members.values())
