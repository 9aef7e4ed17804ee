"""The exception and the response that carry a refusal through Flask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, cast

from flask import Request, Response, request
from werkzeug.exceptions import HTTPException

from iiniit_guard.core.model.decision import Response as GuardResponse

HOST: Final = "flask"


class _Proxy(Protocol):
    def _get_current_object(self) -> Request:
        """Return the object behind the proxy."""
        ...


# Each attribute access through the proxy takes 0.6 µs, as long as the hash of a token. Therefore
# the callers get the object behind the proxy once for each request.
current_request: Final[Callable[[], Request]] = cast("_Proxy", request)._get_current_object


class Refused(HTTPException):
    """A refusal. It has no code, so Flask returns `response` without calling an error handler."""

    code: int | None = None


def response_to(decision: GuardResponse) -> Response:
    """Return a Flask response with exactly the status, header fields and body of `decision`."""
    response = Response(decision.body, decision.status)
    response.headers.clear()  # Flask adds a Content-Type
    response.headers.extend(decision.headers)
    return response


def raise_refusal(response: Response | None) -> None:
    """Raise the refusal of a request; do nothing if there is none.

    Raises:
        Refused: `response` is the refusal.
    """
    if response is not None:
        raise Refused(response=response) from None
