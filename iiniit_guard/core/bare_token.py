"""Verification of a token without a request, for `Guard.verify`."""

from __future__ import annotations

from hashlib import sha256

from iiniit_guard.core.errors import TokenRefused
from iiniit_guard.core.http.bearer import token_problem
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.flow import Flow, Unreachable
from iiniit_guard.core.model.problem import Problem
from iiniit_guard.core.resource import ProtectedResource
from iiniit_guard.core.verify import verify
from iiniit_guard.errors import UsageError


def digest_of_bare(token: str, resource: ProtectedResource) -> bytes:
    """Return the key of a token in the caches. Its characters and length are not checked.

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
    # "?" replaces other characters. No cached token contains it, because it is not allowed.
    return sha256(token.encode("ascii", "replace")).digest()


def verify_bare(
    token: str, digest: bytes, resource: ProtectedResource, *, outdated: float | None = None
) -> Flow[AccessToken | Problem | Unreachable]:
    """Verify a token that is in no cache.

    Raises:
        TokenRefused: A character is not allowed, or the token is too long.
    """
    # A cached token was checked before it was cached.
    problem = token_problem(token, resource.settings.max_token_bytes)
    if problem is not None:
        raise TokenRefused(problem)
    return verify(token, digest, resource, outdated=outdated)
