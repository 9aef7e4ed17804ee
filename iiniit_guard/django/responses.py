"""Django responses for refusals and preflights, and the exception of a refusing decorator."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Final, TypeVar

from django.http import HttpResponse
from django.http.response import HttpResponseBase, ResponseHeaders

from iiniit_guard.adapting.refusal import add_headers, cors_headers, replace_headers
from iiniit_guard.core.model.decision import Response

if TYPE_CHECKING:
    _PermissionDenied = Exception  # Django is not annotated
else:
    from django.core.exceptions import PermissionDenied as _PermissionDenied

R = TypeVar("R")

NO_CONTENT: Final = Response(204, (), b"")


class RequestRefused(_PermissionDenied):
    """A decorator refused the request.

    The exception holds no refusal and no token, because error reports show exceptions. The
    middleware sends the refusal that the decorator recorded.
    """

    def __init__(self) -> None:
        super().__init__("iiniit_guard refused this request")


class _Replacement(HttpResponse):
    """A response that replaces another one. The server closes both, outside the event loop."""

    replaced: HttpResponseBase

    def close(self) -> None:
        try:
            self.replaced.close()
        finally:
            super().close()


class _AwaitableResponse(HttpResponse):
    """A response that Django may also await.

    A wrapper of the inner middleware may hide that Django calls this middleware asynchronously.
    """

    def __await__(self) -> Generator[object, None, HttpResponse]:
        yield from ()
        return self


def response_to(decision: Response) -> HttpResponse:
    """Return the Django response for `decision`."""
    response = _AwaitableResponse(decision.body, status=decision.status)
    del response.headers["Content-Type"]  # Django adds one; the refusal may have none
    for name, value in decision.headers:
        response.headers[name] = value
    return response


def replacement(decision: Response, replaced: object) -> HttpResponse:
    """Return the response for `decision` that replaces another response.

    The new response keeps header fields and cookies that other layers added. `replaced` is not
    modified, because a project may send one response object to several clients.
    """
    if not isinstance(replaced, HttpResponseBase):
        return response_to(decision)
    response = _Replacement(decision.body, status=decision.status)
    response.replaced = replaced
    del response.headers["Content-Type"]
    for name, value in replace_headers(decision, replaced.headers.items()):
        response.headers[name] = value
    response.cookies.update({name: morsel.copy() for name, morsel in replaced.cookies.items()})
    return response


def with_headers(response: R, added: tuple[tuple[str, str], ...]) -> R:
    """Return `response` with further header fields, see `Allow.headers`."""
    if isinstance(response, HttpResponseBase):
        for name, value in add_headers(added, response.headers.items()):
            response.headers[name] = value
    return response


def preflight_answer(replaced: object) -> HttpResponse:
    """Return the replacement for the response to a CORS preflight without a token.

    It keeps only the CORS fields and `Vary`. Other fields, cookies, the content and the status
    could disclose data that requires a token. A status of 200 without content is kept, because
    some CORS middleware sends it.

    Spec: Fetch standard, "CORS-preflight fetch": any ok status, and the content is not read.
    """
    if not isinstance(replaced, HttpResponseBase):
        return response_to(NO_CONTENT)
    is_plain = (
        replaced.status_code == 200 and isinstance(replaced, HttpResponse) and not replaced.content
    )
    response = _Replacement(status=200 if is_plain else 204)
    response.replaced = replaced
    response.headers = ResponseHeaders(dict(cors_headers(replaced.headers.items())))
    if is_plain:
        response.headers["Content-Length"] = "0"
    return response


def mark_public_response(response: R) -> R:
    """Return `response`. If it is a response, mark it as created by a `@public` view."""
    if isinstance(response, HttpResponseBase):
        # The mark is on the cookies object. A cache stores the cookies with the response, and
        # Django copies them to a 304 that it creates from the response.
        setattr(response.cookies, _MADE_BY_PUBLIC_VIEW, True)
    return response


def is_of_public_view(response: object) -> bool:
    """Return whether a `@public` view created `response`, also if a cache stored it since."""
    return (
        isinstance(response, HttpResponseBase)
        and getattr(response.cookies, _MADE_BY_PUBLIC_VIEW, False) is True
    )


_MADE_BY_PUBLIC_VIEW: Final = "_iiniit_guard_public"
