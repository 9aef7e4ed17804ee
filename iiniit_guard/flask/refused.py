"""How a refusal goes through Flask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from flask import Request, Response, request
from werkzeug.exceptions import HTTPException

from iiniit_guard.core.model.decision import Answer

HOST: Final = "flask"
# Each look through a proxy costs 0.6 µs, as much as the hash of a token: asked once a request, for the object behind it.
current_request: Final[Callable[[], Request]] = cast("Any", request)._get_current_object


class Refused(HTTPException):
    """A refusal on its way through Flask. It has no code, so Flask returns `response` without calling an error handler."""

    code = None


def response_to(decision: Answer) -> Response:
    """Return what the guard answers as Flask's response, with no other header fields."""
    response = Response(decision.body, decision.status)
    response.headers.clear()  # a type that Flask would add
    response.headers.extend(decision.headers)
    return response
