"""The body of a refusal: a problem document, or what a function of the application returns.

Spec: RFC 9457 (problem document), RFC 9110 §8.3.1 (media type).
"""

from __future__ import annotations

import inspect
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from iiniit_guard.core.model.log_line import write_line
from iiniit_guard.core.model.problem import Reason

TITLES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    413: "Content Too Large",
    429: "Too Many Requests",
    503: "Service Unavailable",
}
_TOKEN: Final = r"[!#$%&'+\-.^_`|~0-9A-Za-z]+"
_MEDIA_TYPE: Final = re.compile(
    rf"{_TOKEN}/{_TOKEN}(?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}|\"[ !#-\[\]-~]*\"))*"
)
_PROBLEM_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class PublicRefusal:
    """The fields of a refusal that the client may see.

    Attributes:
        status: The HTTP status: 400, 401, 403, 413, 429 or 503.
        title: The title of the status, such as `Unauthorized`.
        reason: The stable reason.
        description: One sentence that may be shown to users.
        error: The code of RFC 6750, or `temporarily_unavailable`; None without a code.
        retry_after_seconds: The value of `Retry-After`; None without this field.
    """

    status: int
    title: str
    reason: Reason
    description: str
    error: str | None = None
    retry_after_seconds: int | None = None


ErrorBody: TypeAlias = Callable[[PublicRefusal], object]
"""Called with each refusal; returns the media type and the body, a `str` and `bytes`."""

Content: TypeAlias = tuple[str, bytes]
"""A media type and a body."""


def problem_document(refusal: PublicRefusal) -> Content:
    """Return the problem document of a refusal (RFC 9457 §3)."""
    code = refusal.error
    document = {} if code is None else {"error": code, "error_description": refusal.description}
    members = {
        "type": "about:blank",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.description,
        "reason": refusal.reason,
        **document,
    }
    return _PROBLEM_TYPE, json.dumps(members).encode()


class ErrorBodyWriter:
    """Writer of the bodies of all refusals of one guard.

    Args:
        function: The setting `error_body`; None means that every body is a problem document.
    """

    def __init__(self, function: ErrorBody | None = None) -> None:
        self._function = function
        self._reported: set[str] = set()

    def content_of(self, refusal: PublicRefusal) -> Content:
        """Return the body of a refusal and its media type.

        A function that fails, or returns anything else, must not change the refusal. The body is
        then a problem document.
        """
        if self._function is None:
            return problem_document(refusal)
        try:
            made = self._function(refusal)
        except Exception as error:  # noqa: BLE001 - the refusal must be sent nevertheless
            return self._without(refusal, f"the function raised {type(error).__qualname__}")
        content = _checked(made)
        return content or self._without(refusal, "the function must return (media type, bytes)")

    def _without(self, refusal: PublicRefusal, fault: str) -> Content:
        # Clients decide how many requests are refused, so each fault is logged once.
        if fault not in self._reported:
            self._reported.add(fault)
            line = "error_body: %s; the guard sends its own body instead"
            write_line(logging.ERROR, line, fault)
        return problem_document(refusal)


def _checked(made: object) -> Content | None:
    """Return the content that a function returned, or None if it is unusable."""
    if inspect.iscoroutine(made):
        made.close()  # otherwise Python warns that it was never awaited
    if not isinstance(made, tuple) or len(made) != 2:
        return None
    media_type, body = made
    if not isinstance(media_type, str) or _MEDIA_TYPE.fullmatch(media_type) is None:
        return None
    return (str(media_type), bytes(body)) if isinstance(body, bytes) else None
