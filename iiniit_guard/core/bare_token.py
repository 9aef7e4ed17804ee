"""Verification of a token without a request, for `Guard.verify`."""

from __future__ import annotations

from iiniit_guard.core.resource import ProtectedResource
from iiniit_guard.errors import UsageError


def encode_bare(token: str, resource: ProtectedResource) -> bytes:
    """Return a token as bytes. The digest of them is its key in the caches.

    Its characters and length are not checked. "?" replaces a character that is not ASCII. No cached
    token contains it, because it is not allowed.

    Raises:
        UsageError: The token is not a string, or `issuer_resolver` or `validators` needs the
            request.
    """
    if not resource.token_alone_decides:
        raise UsageError(
            "issuer_resolver and validators need the request: use authenticate(request)"
        )
    if not isinstance(token, str):
        raise UsageError("the token must be a string, without its scheme")
    return token.encode("ascii", "replace")
