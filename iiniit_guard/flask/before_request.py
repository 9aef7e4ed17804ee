"""The decision about every request, before code of the application or another view runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from flask import Flask, Request, Response

from iiniit_guard.adapting.decorator_order import require_order
from iiniit_guard.adapting.decorators import HandlerMarks
from iiniit_guard.adapting.middleware import admit, admit_again, begin_environ
from iiniit_guard.adapting.request_state import add_notes, record_refusal
from iiniit_guard.core.decide import Unfinished
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow, Refusal
from iiniit_guard.core.model.decision import Response as GuardResponse
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from iiniit_guard.core.model.request import environ_path, request_from_environ
from iiniit_guard.flask.parts import Part, Parts
from iiniit_guard.flask.record import ADMISSION_KEY, ANY_VIEW, NO_VIEW, AdmissionRecord
from iiniit_guard.flask.refused import HOST, response_to

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from iiniit_guard.engine import Engine


class BeforeRequest:
    """The decisions about the requests of one application.

    Args:
        app: The application.
        parts: The guarded parts of the application.
        flask_dispatches: Returns whether Flask itself answers OPTIONS, so that no view can run.
    """

    def __init__(self, app: Flask, parts: Parts, flask_dispatches: Callable[[], bool]) -> None:
        self._app = app
        self.parts = parts
        self._flask_dispatches = flask_dispatches
        self._is_checked = False
        self._marks = HandlerMarks()

    def decide(self, asked: Request) -> Response | None:
        """Return the refusal of `asked`, or None if it passes, and store which view may run."""
        environ, rule = asked.environ, asked.url_rule
        endpoint = None if rule is None else rule.endpoint
        if not self._is_checked:
            require_order(dict.values(self._views()))
            self._is_checked = True
        record = environ.get(ADMISSION_KEY)
        if record is None:  # from `app.test_request_context`
            record = environ[ADMISSION_KEY] = AdmissionRecord(environ, self)
        view = dict.get(self._app.view_functions, endpoint)  # type: ignore[misc]  # the endpoint is None if no route matches
        parts = self.parts
        part = record.part = parts.whole or parts.of(endpoint)
        if part is None:
            return self._pass_outside(asked, record, view)
        is_open, requirement = self._marks.of(endpoint, view)
        if is_open:
            add_notes(environ, part.engine, None)
            record.admitted = view
            return None
        # Check the outermost policy here, for one event. Decorators check the other policies.
        begun = begin_environ(part.engine, part.admission, environ, HOST, requirement or ANY_TOKEN)
        if not isinstance(begun, AccessToken):
            return self._decide_fully(asked, record, part, view, requirement, begun)
        # Not in flask.g: nested requests share the application context, to which g belongs.
        add_notes(environ, part.engine, begun)
        record.has_token = True
        record.admitted = ANY_VIEW if parts.whole else self._admitted_with_token(view)
        return None

    def _pass_outside(
        self, asked: Request, record: AdmissionRecord, view: object
    ) -> Response | None:
        """Admit a request to no guarded part, unless it requests the metadata."""
        add_notes(asked.environ, self.parts.first.engine, None)
        record.admitted = NO_VIEW if view is None else view
        part = self.parts.with_metadata(environ_path(asked.environ))
        if part is None:
            return None
        answer = part.engine.metadata_response(request_from_environ(asked.environ))
        return None if answer is None else response_to(answer)

    def _admitted_with_token(self, view: object) -> object:
        # Another part may have another guard, so a token admits to the views of its own part only.
        if self.parts.whole is not None:
            return ANY_VIEW
        return NO_VIEW if view is None else view

    def _decide_fully(
        self,
        asked: Request,
        record: AdmissionRecord,
        part: Part,
        view: object,
        requirement: Policy | None,
        begun: Unfinished | None,
    ) -> Response | None:
        engine, admission, read = part.engine, part.admission, request_from_environ(asked.environ)
        # The view that runs is checked again, so this prediction cannot admit another one.
        is_flasks = getattr(asked.url_rule, "provide_automatic_options", False) is True
        answers = is_flasks and self._flask_dispatches()
        decision = (
            admit(engine, admission, read, HOST, requirement, host_answers=answers)
            if begun is None
            else engine.finish(begun, requirement or admission.policy)
        )
        if isinstance(decision, Allow):
            has_token = decision.token is not None or decision.principal is not None
            passes = answers and not has_token
            passes = passes and admission.passes_as_preflight(read, host_answers=True)
            found = NO_VIEW if passes or view is None else view
            record.admitted = self._admitted_with_token(view) if has_token else found
        return self._store(asked.environ, record, engine, decision)

    def decide_late(self, record: AdmissionRecord, environ: WSGIEnvironment) -> None:
        """Decide about a request whose response starts before Flask dispatches it.

        Middleware inside the extension, the session interface and URL converters run before the
        route is known. Therefore the policy for the path applies, without that of a view.
        """
        part = self.parts.whole
        if part is None:  # no view of a blueprint has run
            record.admitted = NO_VIEW
            return
        decision = admit(part.engine, part.admission, request_from_environ(environ), HOST)
        if isinstance(decision, Refusal):
            record.refusal = decision
            return
        record.admitted = NO_VIEW
        record.has_token = isinstance(decision, Allow) and decision.token is not None
        record.start_watch()

    def decide_again(
        self, environ: WSGIEnvironment, endpoint: str, view: object
    ) -> Response | None:
        """Return the refusal of a request if `view`, of `endpoint`, was not admitted for it."""
        is_open, requirement = self._marks.of(endpoint, view)
        part = self.parts.of(endpoint)
        if is_open or part is None:
            return None
        read = request_from_environ(environ)
        decision = admit_again(part.engine, part.admission, read, HOST, requirement)
        if decision is None:
            return None
        record: AdmissionRecord = environ[ADMISSION_KEY]
        refused = self._store(environ, record, part.engine, decision)
        if refused is None:
            record.admitted, record.part = self._admitted_with_token(view), part
        return refused

    def view_of(self, endpoint: str | None) -> object:
        """Return the view of `endpoint`; None if there is none."""
        return dict.get(self._views(), endpoint)

    def _views(self) -> dict[str | None, object]:
        # The methods of `dict` are called, because `CheckedViews` overrides them.
        return cast("dict[str | None, object]", self._app.view_functions)

    def _store(
        self,
        environ: WSGIEnvironment,
        record: AdmissionRecord,
        engine: Engine,
        decision: Allow | GuardResponse,
    ) -> Response | None:
        """Store a decision, and return the refusal or the metadata of the resource, if any."""
        if isinstance(decision, Allow):
            add_notes(environ, engine, decision.token, decision.principal)
            record.added = decision.headers or record.added
            record.has_token = decision.token is not None
            return None
        if isinstance(decision, Refusal):
            record_refusal(environ, decision)
            # The environ holds another record if a middleware inside the extension guards too.
            record.refusal = record.refusal or decision
        else:
            record.admitted = NO_VIEW
        return response_to(decision)
