"""The exemption from Django's CSRF check for requests that no browser sends by itself.

A cross-site form or script without a CORS preflight cannot set `Authorization`, and a request
without `Cookie` has no session. Such a request needs no CSRF token.
"""

from __future__ import annotations

from django.http import HttpRequest

from iiniit_guard.adapting.credential_place import came_in_authorization
from iiniit_guard.adapting.types import Handler
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow, Response
from iiniit_guard.django.state import read_request
from iiniit_guard.engine import Engine

# RFC 9110 §9.2.1. Django does not check these methods.
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_DONE = "csrf_processing_done"


def is_exempt(
    engine: Engine, request: HttpRequest, decision: AccessToken | Allow | Response | None
) -> bool:
    """Return whether `request` needs no CSRF token.

    The middleware must have verified a bearer token from `Authorization`, and the request must not
    have a `Cookie` field. A token from the query or from another field does not count: a form may
    contain the attacker's own token, and a proxy may fill the field from a cookie.

    Args:
        engine: The engine of the middleware.
        request: The request as the middleware received it.
        decision: The decision that admits the request; None if its view is `@public`.
    """
    token = decision.token if isinstance(decision, Allow) else decision
    if request.method in _SAFE_METHODS or not isinstance(token, AccessToken):
        return False
    read = read_request(request)
    # Django's test client sends an empty Cookie, which carries nothing.
    return not any(read.header_values(b"cookie")) and came_in_authorization(engine, read)


def skip_check(request: HttpRequest, view: Handler) -> None:
    """Make the CSRF middleware below the guard skip its check of `request`.

    Every other check of the same request remains: `@csrf_protect` and the session authentication of
    Django REST framework read the flag after the middleware. `CsrfViewMiddleware` itself ignores a
    view that is marked `csrf_exempt`, so it gets no flag.
    """
    if not getattr(view, "csrf_exempt", False):
        setattr(request, _DONE, _TrueOnce())


class _TrueOnce:
    """A flag that is true for its first reader, which is the CSRF middleware."""

    __slots__ = ("_is_left",)

    def __init__(self) -> None:
        self._is_left = True

    def __bool__(self) -> bool:
        is_left, self._is_left = self._is_left, False
        return is_left
