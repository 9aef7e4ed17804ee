"""The Django response of a refusal, also in place of another response, and the exception by which a decorator ends its view."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from io import IOBase
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.core.files import File
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from iiniit_guard.adapting.refusal import replace_headers

if TYPE_CHECKING:
    from iiniit_guard.adapting.request_state import RefusalRecord
    from iiniit_guard.core.decision import Answer


class RequestRefused(PermissionDenied):
    """A decorator refused the request.

    It carries no refusal and no token, since error reports show exceptions. The middleware sends the refusal that the decorator recorded.
    """

    def __init__(self) -> None:
        super().__init__("iiniit_guard refused this request")


class _Replacement(HttpResponse):
    """A refusal in place of another response, which is closed with it: by the server, outside the event loop."""

    replaced: HttpResponseBase

    def close(self) -> None:
        try:
            self.replaced.close()
        finally:
            super().close()


class _AwaitableResponse(HttpResponse):
    """A response that Django may also await: what wraps the middleware below may hide that Django calls this one asynchronously."""

    def __await__(self) -> Generator[object, None, HttpResponse]:
        yield from ()
        return self


def response_to(decision: Answer) -> HttpResponse:
    """Return the response that carries out a refusal."""
    response = _AwaitableResponse(decision.body, status=decision.status)
    del response.headers["Content-Type"]  # Django's own, in case the refusal has none
    for name, value in decision.headers:
        response.headers[name] = value
    return response


def replacement(decision: Answer, replaced: object) -> HttpResponse:
    """Return the response that carries out a refusal in place of another one.

    It keeps the header fields and cookies that other layers added. `replaced` itself is not changed, since a project may send one response
    object to several clients.
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


def abort_when_refused(response: HttpResponseBase, record: RefusalRecord) -> None:
    """Let a streaming response end with an exception at the first chunk after a refusal is recorded, so that the server aborts it."""
    if isinstance(getattr(response, "file_to_stream", None), (IOBase, File)):
        return  # no handler runs while it is read, and the server may send it by itself (wsgi.file_wrapper)
    content = response.streaming_content
    response.streaming_content = _allowed_async(content, record) if response.is_async else _allowed(content, record)


def _allowed(content: Iterator[bytes], record: RefusalRecord) -> Iterator[bytes]:
    for chunk in content:
        if record.refusal is not None:
            raise RequestRefused from None
        yield chunk
    if record.refusal is not None:
        raise RequestRefused from None


async def _allowed_async(content: AsyncIterator[bytes], record: RefusalRecord) -> AsyncIterator[bytes]:
    async for chunk in content:
        if record.refusal is not None:
            raise RequestRefused from None
        yield chunk
    if record.refusal is not None:
        raise RequestRefused from None
