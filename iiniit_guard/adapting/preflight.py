"""CORS preflights, which browsers send without credentials before a request to another origin."""

from __future__ import annotations

from typing import Final

from iiniit_guard.core.model.method_override import OVERRIDE_HEADERS, folded
from iiniit_guard.core.model.request import Request

_NOTHING: Final = frozenset({(b"content-length", b"0"), (b"cookie", b"")})
_OF_A_PREFLIGHT: Final = frozenset({b"origin", b"access-control-request-method"})
_NOT_OF_A_PREFLIGHT: Final = frozenset(
    {
        *(b"authorization", b"cookie", b"content-length", b"transfer-encoding"),
        # No browser sends a method override with a preflight. An application that honours it would
        # run another method without a token.
        *OVERRIDE_HEADERS,
    }
)


def is_preflight(request: Request) -> bool:
    """Return whether `request` is a CORS preflight as browsers send it: without any credentials.

    Spec: Fetch standard, CORS-preflight fetch: OPTIONS, `Origin`, `Access-Control-Request-Method`,
        no credentials, no body.
    """
    if request.method != "OPTIONS":
        return False
    # A length of 0 means no body. An empty Cookie, which Django's test client sends, is not a
    # credential.
    names = {name for name, value in request.headers if (name, value) not in _NOTHING}
    if not names >= _OF_A_PREFLIGHT or not _NOT_OF_A_PREFLIGHT.isdisjoint(map(folded, names)):
        return False
    return not any(request.reserved_names)
