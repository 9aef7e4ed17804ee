"""The methods of a Flask application that the extension replaces.

With them the guard decides before code of the application runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from flask import Flask, Response
from werkzeug.wsgi import ClosingIterator

from iiniit_guard.adapting.request_state import with_notes
from iiniit_guard.adapting.types import Handler
from iiniit_guard.adapting.wsgi_response import respond
from iiniit_guard.flask.before_request import BeforeRequest
from iiniit_guard.flask.checked_views import CheckedView, CheckedViews, ViewCheck
from iiniit_guard.flask.parts import GUARDED_PARTS, Parts
from iiniit_guard.flask.record import ADMISSION_KEY, ANY_VIEW, AdmissionRecord
from iiniit_guard.flask.refused import current_request, raise_refusal

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# An override of any of these methods could run a view for OPTIONS instead of Flask's own response.
_ANSWERING: Final = (
    "wsgi_app",
    "full_dispatch_request",
    "dispatch_request",
    "make_default_options_response",
)
# Any other attribute may replace a method that makes the body of the response.
_PLAIN_ATTRIBUTES: Final = [*vars(Response())]


class GuardedMethods:
    """The replacements of methods of `app`. They call the original methods.

    Args:
        app: The application.
        parts: The guarded parts of the application.
    """

    def __init__(self, app: Flask, parts: Parts) -> None:
        self._app = app
        self.parts = parts
        app.extensions[GUARDED_PARTS] = parts
        self._engine = parts.first.engine
        self._before = BeforeRequest(app, parts, self._flask_answers_options)
        self._check = ViewCheck(self._before)
        self.original_wsgi_app: WSGIApplication = app.wsgi_app
        self._full_dispatch_request: Callable[..., Response] = app.full_dispatch_request
        self._preprocess_request: Handler = app.preprocess_request
        self._finalize_request: Callable[..., Response] = app.finalize_request
        self._ensure_sync = app.ensure_sync
        self._watched: Handler | None = None
        # If so, no other code runs between Flask's response and `respond`.
        self._is_flasks_wsgi_app = getattr(app.wsgi_app, "__func__", None) is Flask.wsgi_app
        # Flask lets applications override these methods; mypy rejects the assignments.
        app.wsgi_app = self.wsgi_app  # type: ignore[method-assign]
        self._replacement: Callable[..., Response] = self.full_dispatch_request
        app.full_dispatch_request = self._replacement  # type: ignore[method-assign]
        app.preprocess_request = self.preprocess_request  # type: ignore[method-assign,assignment]
        app.ensure_sync = self.ensure_sync  # type: ignore[method-assign,assignment]
        self._watch_dispatch()

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Run the application and return its response, or the refusal that was recorded."""
        # The application gets a copy of the environ. A view may pass its environ to another guarded
        # application, which has a token and a record of its own.
        record = AdmissionRecord(environ, self._before)
        noted = with_notes(environ, self._engine, None, None, record)
        noted[ADMISSION_KEY] = record
        return respond(self.original_wsgi_app, noted, start_response, record)

    def full_dispatch_request(self, *args: object) -> Response:
        """Decide about the request, then call the original method.

        The decision comes before receivers of `request_started`, functions of
        `url_value_preprocessor` and `before_request`, and error handlers.
        """
        asked = current_request()
        response = self._before.decide(asked)
        if response is not None:
            return self._finalize_request(*args, response)
        record: AdmissionRecord = asked.environ[ADMISSION_KEY]
        if record.admitted is not ANY_VIEW:
            self._watch_dispatch()
        answer: Response = self._full_dispatch_request(*args)
        record.plain_body = ClosingIterator if self._is_plain(answer) else None
        return answer

    def _is_plain(self, answer: Response) -> bool:
        """Return whether no code of the application runs while the server sends the response."""
        if type(answer) is not Response:
            return False
        kind = type(answer.response)
        return (
            (kind is list or kind is tuple)
            and [*answer.__dict__] == _PLAIN_ATTRIBUTES
            and self._is_flasks_wsgi_app
            and self._app.full_dispatch_request is self._replacement
        )

    def preprocess_request(self, *args: object) -> object:
        """Decide if an application calls this method without `full_dispatch_request`."""
        record = current_request().environ.get(ADMISSION_KEY)
        if record is None or record.admitted is None:
            response = self._check.refusal_of_undecided()
            if response is not None:
                return response
        return self._preprocess_request(*args)

    def ensure_sync(self, function: Handler) -> Handler:
        """Check that the guard admitted `function` if it is a view, then call the original method.

        Flask runs every view through this method. The application may select another view after
        the decision by changing `request.url_rule`, `request.method` or `view_functions`.

        Raises:
            Refused: The view needs a token, and the request has no valid one.
        """
        try:
            record = current_request().environ.get(ADMISSION_KEY)
        except RuntimeError:  # without a request, `function` is not a view
            return self._ensure_sync(function)
        if record is None or record.admitted is not ANY_VIEW:
            if isinstance(function, CheckedView):
                function = function.checked()
            raise_refusal(self._check.refusal_of(function))
        return self._ensure_sync(function)

    def _flask_answers_options(self) -> bool:
        replaced = vars(self._app).keys() & {"dispatch_request", "make_default_options_response"}
        return (
            not replaced
            and getattr(self._full_dispatch_request, "__func__", None)
            is Flask.full_dispatch_request
            and all(getattr(type(self._app), name) is getattr(Flask, name) for name in _ANSWERING)
        )

    def _watch_dispatch(self) -> None:
        """Check views at their lookup if the application overrides `dispatch_request`.

        Such a method may not call `ensure_sync`.
        """
        inner: Handler = self._app.dispatch_request
        if inner is self._watched or getattr(inner, "__func__", None) is Flask.dispatch_request:
            return

        def dispatch_request(*args: object) -> object:
            raise_refusal(self._check.refusal_of_undecided())
            return inner(*args)

        self._watched = dispatch_request
        self._app.dispatch_request = dispatch_request  # type: ignore[method-assign,assignment]
        self._app.view_functions = CheckedViews(self._app.view_functions, self._check)
