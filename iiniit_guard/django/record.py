"""The record of why a request was admitted, which decides what may run and be returned for it."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from iiniit_guard.adapting.decorators import is_public, policies_of
from iiniit_guard.adapting.loop_watcher import LoopWatcher
from iiniit_guard.adapting.request_state import RefusalRecord, record_refusal
from iiniit_guard.adapting.types import Handler
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow, Refusal, Response
from iiniit_guard.django.pages import with_page
from iiniit_guard.django.responses import (
    NO_CONTENT,
    is_of_public_view,
    preflight_answer,
    replacement,
    response_to,
    with_headers,
)
from iiniit_guard.django.state import state_of
from iiniit_guard.django.streams import guard_stream


def refused(request: HttpRequest, decision: Response) -> HttpResponse:
    """Return the response for `decision`; store a refusal for an outer guard middleware."""
    if isinstance(decision, Refusal):
        record_refusal(state_of(request), decision)
    return response_to(decision)


class AdmissionRecord(RefusalRecord):
    """The record of one pass of a request through the middleware.

    Inner middleware may change the request. Therefore a decision applies only to the path and
    method for which it was made, and the middleware decides again for another path or method.

    Args:
        request: The admitted request.
        unasked: The attribute.

    Attributes:
        unasked: Whether the request was admitted without a decision, because its path resolves to
            a `@public` view.
        preflight_only: Whether the request was admitted only because it is a CORS preflight.
        public_view_ran: Whether the last view that Django found is `@public`, so that its response
            may be returned.
        csrf_exempt: Whether the middleware verified a credential that makes a CSRF token needless.
    """

    def __init__(self, request: HttpRequest, *, unasked: bool) -> None:
        # Python reads an attribute of the object faster than a default of its class.
        self.refusal: Refusal | None = None
        self.added: tuple[tuple[str, str], ...] = ()
        self.instead_of_401: Callable[[], Refusal | None] | None = None
        self._path: str = request.path_info
        self._method: str | None = request.method
        self.unasked: bool = unasked
        self.public_view_ran: bool = False
        self.preflight_only: bool = False
        self.csrf_exempt: bool = False

    def decide_again(self, request: HttpRequest, preflight_only: bool) -> None:
        """Store a new decision for the current path and method of `request`."""
        self._path, self._method = request.path_info, request.method
        self.unasked = False
        self.csrf_exempt = False
        self.preflight_only = preflight_only

    def covers(self, request: HttpRequest, view: Handler) -> bool:
        """Return whether Django may run `view` without a further decision."""
        self.public_view_ran = is_public(view)
        return self.public_view_ran or (not self.unasked and self._is_same(request))

    def in_place_of(self, view: Handler) -> HttpResponse | None:
        """Return a response in place of `view` if it would run for a preflight without a token."""
        if self.public_view_ran or policies_of(view):
            return None
        return response_to(NO_CONTENT)

    def covers_response(self, request: HttpRequest, response: object) -> bool:
        """Return whether the middleware may return `response` without a further decision."""
        if self.refusal is not None or self.public_view_ran:
            return True
        return self._is_same(request) and (not self.unasked or is_of_public_view(response))

    def finish(
        self,
        request: HttpRequest,
        response: object,
        decision: AccessToken | Allow | Response | None,
        has_token: bool,
        watcher: LoopWatcher,
    ) -> HttpResponse:
        """Return a refusal, a response with only the CORS fields of `response`, or `response`.

        Args:
            request: The request.
            response: The response of inner middleware or of the view.
            decision: The further decision; None if none was needed.
            has_token: Whether a decorator verified a credential.
            watcher: Watches the token of a streaming response.
        """
        if self.instead_of_401 is not None and getattr(response, "status_code", None) == 401:
            decision = self.instead_of_401() or decision
        if self.refusal is None and isinstance(decision, Refusal):
            self.add(decision)  # also for an outer guard middleware
        answer = self.refusal or decision
        if isinstance(answer, Response):
            return replacement(with_page(answer, self), response)
        if self.preflight_only and not self.public_view_ran and not has_token:
            return preflight_answer(response)
        if getattr(response, "streaming", False):
            guard_stream(request, response, self, watcher)
        return with_headers(response, self.added) if self.added else response

    def _is_same(self, request: HttpRequest) -> bool:
        same: bool = request.path_info == self._path and request.method == self._method
        return same
