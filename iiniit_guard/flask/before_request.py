"""What the extension does with every request: it decides before the view runs, and sends what was refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, Response

from iiniit_guard.adapting.admission import PASS, Gate
from iiniit_guard.adapting.decorator_order import misplaced
from iiniit_guard.adapting.decorators import is_public, policies_of
from iiniit_guard.adapting.middleware import admit, recall_environ
from iiniit_guard.adapting.request_state import RefusalRecord, add_notes, record_refusal, with_notes
from iiniit_guard.adapting.wsgi_response import respond
from iiniit_guard.core.access_token import AccessToken, Principal
from iiniit_guard.core.decision import Allow, Answer, Refusal
from iiniit_guard.core.policy import ANY_TOKEN, Policy
from iiniit_guard.core.request import request_from_environ
from iiniit_guard.errors import UsageError
from iiniit_guard.flask.refused import HOST, Refused, current_request, response_to

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from iiniit_guard.guard import Guard

_ADMITTED_KEY: Final = "iiniit_guard.flask.admitted_view"
_ANY_VIEW: Final = object()
_NO_VIEW: Final = object()


def guarded_wsgi_app(inner: Callable[..., Iterable[bytes]], guard: Guard) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    """Return a WSGI application that runs `inner` and sends the refusal that a view or the guard records, whatever `inner` answers."""

    def wsgi_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # A copy: a view may hand its own environ to another guarded application, which has a token and a record of its own.
        record = RefusalRecord()
        noted = with_notes(environ, guard, None, None, record)
        noted[_ADMITTED_KEY] = None
        return respond(inner, noted, start_response, record)

    return wsgi_app


class BeforeRequest:
    """Decides about every request of one application before its view runs, and again if another view is about to run."""

    def __init__(self, app: Flask, guard: Guard, gate: Gate) -> None:
        self._app = app
        self._guard = guard
        self._gate = gate
        self._ensure_sync = app.ensure_sync
        self._looked = False
        self._marks: dict[str | None, tuple[object, bool, Policy | None]] = {}  # by endpoint: its view, and what that carries

    def __call__(self) -> Response | None:
        """Return the refusal of the current request, or None if it goes on; note which view may run for it."""
        if not self._looked:
            self._look(self._app.view_functions.values())
        asked = current_request()
        environ, endpoint = asked.environ, asked.endpoint
        view = self._app.view_functions.get(endpoint)  # type: ignore[arg-type]  # None where no route fits, and no view is called so
        is_open, wanted = self._marks_of(endpoint, view)
        if is_open:
            add_notes(environ, self._guard, None)
            environ[_ADMITTED_KEY] = view
            return None
        # The view's own policy decides at once, so that there is one event; its decorators look at further ones.
        said = recall_environ(self._guard, self._gate, environ, HOST, wanted or ANY_TOKEN)
        token: AccessToken | None
        principal: Principal | None
        if isinstance(said, AccessToken):
            token, principal, admitted = said, None, _ANY_VIEW
        else:
            read = request_from_environ(environ)
            # Checked again before a view runs, by `ensure_sync`.
            flask_answers = getattr(asked.url_rule, "provide_automatic_options", False) is True
            decision = admit(self._guard, self._gate, read, HOST, wanted, found=said, host_answers=flask_answers)
            if not isinstance(decision, Allow):
                return _recorded(environ, decision)
            token, principal, admitted = decision.token, decision.principal, _ANY_VIEW
            if token is None and principal is None:
                passes = flask_answers and self._gate.passes_as_preflight(read, host_answers=True)
                admitted = _NO_VIEW if passes or view is None else view
        # In the environ, not in flask.g: g belongs to the application context, which nested requests share. An application may
        # change its environ (PEP 3333), and the next request has another.
        add_notes(environ, self._guard, token, principal)
        environ[_ADMITTED_KEY] = admitted
        return None

    def _marks_of(self, endpoint: str | None, view: object) -> tuple[bool, Policy | None]:
        marks = self._marks.get(endpoint)
        if marks is None or marks[0] is not view:  # an application may put another view into its place
            policies = policies_of(view)
            marks = self._marks[endpoint] = (view, is_public(view), policies[0] if policies else None)
        return marks[1], marks[2]

    def ensure_sync(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Refuse a view that the guard did not admit, and return what `Flask.ensure_sync` returns: Flask runs every view through it.

        The application may choose another view after the guard decided, by `request.url_rule`, `request.method` or `view_functions`.

        Raises:
            Refused: The view needs a token, and the request has no good one.
        """
        try:
            may_be_refused = function is not self and current_request().environ.get(_ADMITTED_KEY) is not _ANY_VIEW
        except RuntimeError:  # no request, so no view
            may_be_refused = False
        response = self._refusal_of(function) if may_be_refused else None
        if response is not None:
            raise Refused(response=response) from None
        return self._ensure_sync(function)

    def _refusal_of(self, function: object) -> Response | None:
        """Return the refusal of a request that is about to run `function`, if that is a view which the guard did not admit."""
        asked = current_request()
        rule, environ = asked.url_rule, asked.environ
        if rule is None or function is not self._app.view_functions.get(rule.endpoint):
            return None
        admitted = environ.get(_ADMITTED_KEY)
        if admitted is None:  # the application did not call its before_request functions
            response = self()
            if response is not None:
                return response
            admitted = environ[_ADMITTED_KEY]
        if admitted is _ANY_VIEW or admitted is function:
            return None
        is_open, wanted = self._marks_of(rule.endpoint, function)
        return None if is_open else self._ask_again(environ, wanted)

    def _ask_again(self, environ: dict[str, Any], wanted: Policy | None) -> Response | None:
        """Decide about a request that passed without a token because another view, or none, was to run.

        A public path is public for the view that Flask found for it.
        """
        gate, read = self._gate, request_from_environ(environ)
        asked = gate.policy_for(read)
        if asked == PASS:
            if gate.enforce == "declared" or gate.passes_as_preflight(read):
                return None
            asked = gate.policy
        if wanted is not None and gate.rules is None:
            asked = wanted
        decision = self._guard.authenticate(read, asked, host=HOST)
        if not isinstance(decision, Allow):
            return _recorded(environ, decision)
        add_notes(environ, self._guard, decision.token, decision.principal)
        environ[_ADMITTED_KEY] = _ANY_VIEW
        return None

    def _look(self, views: Iterable[object]) -> None:
        names = misplaced(views)
        if names:
            raise UsageError(f"the guard's decorator stands above the route decorator, so it guards nothing: {', '.join(names)}")
        self._looked = True


def _recorded(environ: dict[str, Any], answer: Answer) -> Response:
    """Return the response for a refusal, which is recorded so that nothing replaces it, or for the resource's own metadata."""
    if isinstance(answer, Refusal):
        record_refusal(environ, answer)
    return response_to(answer)
