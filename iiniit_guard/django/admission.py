"""What the middleware let one request in for, and what may therefore run and go up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from iiniit_guard.adapting.decorators import is_public, policies_of
from iiniit_guard.adapting.request_state import RefusalRecord
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow, Answer, Refusal
from iiniit_guard.django.responses import NO_CONTENT, abort_when_refused, is_of_public_view, preflight_answer, replacement, response_to


class Admission:
    """The record of one request at the middleware.

    Middleware below may change the request, so nothing here is read from the request again: what was decided stays decided for the path and
    the method that it was decided for, and another path or method is decided anew.

    Args:
        request: The request that was let in.
        record: Where decorators of this request record a refusal.
        unasked: Whether it was let in without a decision, because its path leads to a `@public` view.
        preflight_only: Whether it was let in for no other reason than that it is a CORS preflight.

    Attributes:
        public_view_ran: Whether the last view that Django found is `@public`, so that its response may go up.
    """

    __slots__ = ("_method", "_path", "preflight_only", "public_view_ran", "record", "unasked")

    def __init__(self, request: HttpRequest, record: RefusalRecord, unasked: bool, preflight_only: bool) -> None:
        self._path: str = request.path_info
        self._method: str | None = request.method
        self.record = record
        self.unasked = unasked
        self.preflight_only = preflight_only
        self.public_view_ran = False

    def decide_again(self, request: HttpRequest, preflight_only: bool) -> None:
        """Store what was decided for the path and the method that `request` has now."""
        self._path, self._method = request.path_info, request.method
        self.unasked = False
        self.preflight_only = preflight_only

    def covers(self, request: HttpRequest, view: Callable[..., Any]) -> bool:
        """Return whether `view`, which Django is about to run, needs no further decision."""
        self.public_view_ran = is_public(view)
        return self.public_view_ran or not (self.unasked or self._is_elsewhere(request))

    def in_place_of(self, view: Callable[..., Any]) -> HttpResponse | None:
        """Return the answer to a preflight in place of a view that would run without a token, or None."""
        if not self.preflight_only or self.public_view_ran or policies_of(view):
            return None
        return response_to(NO_CONTENT)

    def covers_response(self, request: HttpRequest, response: object) -> bool:
        """Return whether a response from below needs no further decision."""
        if self.record.refusal is not None or self.public_view_ran:
            return True
        return not self._is_elsewhere(request) and (not self.unasked or is_of_public_view(response))

    def finish(self, response: HttpResponse, decision: AccessToken | Allow | Answer | None, has_token: bool) -> HttpResponse:
        """Return the response that goes up: a refusal in place of `response`, the CORS fields of it, or `response`.

        Args:
            response: What came from below.
            decision: The further decision, where one was needed.
            has_token: Whether a decorator below found a good credential.
        """
        if self.record.refusal is None and isinstance(decision, Refusal):
            self.record.add(decision)  # for a middleware around this one, too
        answer = self.record.refusal or decision
        if isinstance(answer, Answer):
            return replacement(answer, response)
        if self.preflight_only and not self.public_view_ran and not has_token:
            return preflight_answer(response)
        if getattr(response, "streaming", False):
            abort_when_refused(response, self.record)
        return response

    def _is_elsewhere(self, request: HttpRequest) -> bool:
        changed: bool = request.path_info != self._path or request.method != self._method
        return changed
