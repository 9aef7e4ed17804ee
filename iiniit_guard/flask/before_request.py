"""The decision about every request, before code of the application runs.

The decision is made again before a view runs that was not admitted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, Request, Response

from iiniit_guard.adapting.admission import PASS, Admission
from iiniit_guard.adapting.decorator_order import find_misordered
from iiniit_guard.adapting.decorators import is_public, policies_of
from iiniit_guard.adapting.middleware import admit, begin_environ
from iiniit_guard.adapting.request_state import add_notes, record_refusal
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow, Refusal
from iiniit_guard.core.model.decision import Response as GuardResponse
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from iiniit_guard.core.model.request import request_from_environ
from iiniit_guard.errors import UsageError
from iiniit_guard.flask.record import ADMISSION_KEY, ANY_VIEW, NO_VIEW, AdmissionRecord
from iiniit_guard.flask.refused import HOST, current_request, response_to

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from iiniit_guard.engine import Engine


class BeforeRequest:
    """The decisions about the requests of one application.

    Args:
        app: The application.
        engine: Checks credentials.
        admission: Decides which requests need a token.
        flask_dispatches: Returns whether Flask's own code answers OPTIONS, so that no view can run
            instead.
    """

    def __init__(
        self, app: Flask, engine: Engine, admission: Admission, flask_dispatches: Callable[[], bool]
    ) -> None:
        self._app = app
        self._engine = engine
        self._admission = admission
        self._flask_dispatches = flask_dispatches
        self._looked = False
        # By endpoint: its view, whether the view is public, and the policy of the view.
        self._marks: dict[str | None, tuple[object, bool, Policy | None]] = {}

    def decide(self, asked: Request) -> Response | None:
        """Return the refusal of `asked`, or None if it passes, and store which view may run."""
        if not self._looked:
            self._look(self._app)
        environ, endpoint, views = (
            asked.environ,
            asked.endpoint,
            cast("dict[Any, Any]", self._app.view_functions),
        )
        record = environ.get(ADMISSION_KEY)
        # The request did not pass through the WSGI application: `app.test_request_context`.
        if record is None:
            record = environ[ADMISSION_KEY] = AdmissionRecord(environ, self)
        # The endpoint is None if no route matches. Call `dict.get`, which `CheckedViews` overrides.
        view = dict.get(views, endpoint)
        is_open, requirement = self._marks_of(endpoint, view)
        if is_open:
            add_notes(environ, self._engine, None)
            record.admitted = view
            return None
        # Check the policy of the outermost decorator here, so that there is one event. The
        # decorators of the view check the other policies.
        begun = begin_environ(
            self._engine, self._admission, environ, HOST, requirement or ANY_TOKEN
        )
        if isinstance(begun, AccessToken):
            # Store the token in the environ, not in flask.g: nested requests share the application
            # context, to which g belongs. An application may modify its environ (PEP 3333), and
            # every request has an environ of its own.
            add_notes(environ, self._engine, begun)
            record.admitted = ANY_VIEW
            return None
        read = request_from_environ(environ)
        # The view that runs is checked again, so this prediction cannot admit another one.
        flask_answers = (
            getattr(asked.url_rule, "provide_automatic_options", False) is True
            and self._flask_dispatches()
        )
        decision = admit(
            self._engine,
            self._admission,
            read,
            HOST,
            requirement,
            begun=begun,
            host_answers=flask_answers,
        )
        if not isinstance(decision, Allow):
            return _recorded(environ, record, decision)
        add_notes(environ, self._engine, decision.token, decision.principal)
        if decision.token is not None or decision.principal is not None:
            record.admitted = ANY_VIEW
        else:
            passes = flask_answers and self._admission.passes_as_preflight(read, host_answers=True)
            record.admitted = NO_VIEW if passes or view is None else view
        return None

    def decide_late(self, record: AdmissionRecord, environ: WSGIEnvironment) -> None:
        """Decide about a request whose response starts before Flask dispatches it.

        Middleware between the extension and Flask, the session interface and URL converters run
        before the route is known. Therefore the policy for the path that the client sent applies,
        without that of a view.
        """
        decision = admit(self._engine, self._admission, request_from_environ(environ), HOST)
        if isinstance(decision, Refusal):
            record.refusal = decision
        else:
            record.admitted = NO_VIEW

    def admits(self, view: object) -> bool:
        """Return whether `view` is admitted for the current request; True without a request."""
        try:
            record = current_request().environ.get(ADMISSION_KEY)
        except RuntimeError:
            return True
        return record is not None and (record.admitted is ANY_VIEW or record.admitted is view)

    def refusal_of(self, function: object) -> Response | None:
        """Return the refusal of the current request if `function` is its view, not yet admitted."""
        rule = current_request().url_rule
        if rule is None or function is not dict.get(
            cast("dict[Any, Any]", self._app.view_functions), rule.endpoint
        ):
            return None
        return self.refusal_of_view(rule.endpoint, function)

    def refusal_of_view(self, endpoint: str, view: object) -> Response | None:
        """Return the refusal of the current request if `view`, of `endpoint`, was not admitted."""
        response = self.refusal_of_undecided()
        if response is not None or self.admits(view):
            return response
        is_open, requirement = self._marks_of(endpoint, view)
        return None if is_open else self._ask_again(current_request().environ, requirement)

    def refusal_of_undecided(self) -> Response | None:
        """Decide about the current request, unless a decision was made, and return its refusal."""
        asked = current_request()
        record = asked.environ.get(ADMISSION_KEY)
        return self.decide(asked) if record is None or record.admitted is None else None

    def _marks_of(self, endpoint: str | None, view: object) -> tuple[bool, Policy | None]:
        marks = self._marks.get(endpoint)
        if marks is None or marks[0] is not view:  # an application may replace a view
            policies = policies_of(view)
            marks = self._marks[endpoint] = (
                view,
                is_public(view),
                policies[0] if policies else None,
            )
        return marks[1], marks[2]

    def _ask_again(self, environ: dict[str, Any], requirement: Policy | None) -> Response | None:
        """Decide about a request that passed without a token for another view, or for no view.

        A public path is public only for the view that Flask found for it.
        """
        admission, read = self._admission, request_from_environ(environ)
        asked = admission.policy_for(read)
        if asked == PASS:
            if admission.enforce == "declared" or admission.passes_as_preflight(read):
                return None
            asked = admission.policy
        if requirement is not None and admission.rules is None:
            asked = requirement
        decision = self._engine.authenticate(read, asked, host=HOST)
        if not isinstance(decision, Allow):
            return _recorded(environ, environ[ADMISSION_KEY], decision)
        add_notes(environ, self._engine, decision.token, decision.principal)
        environ[ADMISSION_KEY].admitted = ANY_VIEW
        return None

    def _look(self, app: Flask) -> None:
        names = find_misordered(dict.values(cast("dict[Any, Any]", app.view_functions)))
        if names:
            raise UsageError(
                "the guard's decorator is above the route decorator and has no effect; "
                f"move it below: {', '.join(names)}"
            )
        self._looked = True


def _recorded(environ: dict[str, Any], record: AdmissionRecord, answer: GuardResponse) -> Response:
    """Return the response for a refusal or for the metadata of the resource.

    A refusal is recorded, so that no other response replaces it.
    """
    if isinstance(answer, Refusal):
        record_refusal(environ, answer)
        # The environ holds another record if a middleware between the extension and Flask guards
        # the application too.
        record.refusal = record.refusal or answer
    else:
        record.admitted = NO_VIEW
    return response_to(answer)
