"""Guard a WSGI application (PEP 3333) without changes to its code."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Final, Unpack

from iiniit_guard.adapting.admission import (
    Admission,
    AdmissionKeywords,
    engine_of,
    make_admission,
)
from iiniit_guard.adapting.decorators import decide
from iiniit_guard.adapting.middleware import admit, begin_environ
from iiniit_guard.adapting.request_state import record_refusal, with_notes
from iiniit_guard.adapting.response_record import ResponseRecord
from iiniit_guard.adapting.token_watch import WatchSettings
from iiniit_guard.adapting.wsgi_response import respond
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow, Decision, Refusal
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.request import request_from_environ

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from iiniit_guard.guard import Guard

__all__ = ["GuardMiddleware", "authorize"]

_HOST: Final = "wsgi"


class GuardMiddleware:
    """Middleware that lets a request reach `app` only with a valid access token.

    Args:
        app: The application to guard. It can read the token from
            `environ["iiniit_guard.access_token"]`, which is None if there is no token.
        guard: The guard that checks the credentials. The middleware does not close it; the caller
            closes it when the process ends.
        settings: See `AdmissionKeywords`. With `preflights="auto"`, CORS preflights require a token
            like any other request, because `app` may handle OPTIONS like GET.

    Raises:
        SettingsError: An argument is invalid. The exception lists every fault.
    """

    def __init__(
        self, app: WSGIApplication, guard: Guard, **settings: Unpack[AdmissionKeywords]
    ) -> None:
        self.app = app
        self.guard: Guard = guard
        self._engine = engine_of(guard)
        self.admission: Admission = make_admission(**settings)
        self._watching = WatchSettings(self._engine, self.admission, _HOST, request_from_environ)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Refuse the request, or pass it to `app`.

        If a handler of `app` records a refusal, the refusal replaces the response of `app`.
        """
        token, principal = begin_environ(self._engine, self.admission, environ, _HOST), None
        record = ResponseRecord(environ)
        if not isinstance(token, AccessToken):
            engine, admission = self._engine, self.admission
            decision = (
                admit(engine, admission, request_from_environ(environ), _HOST)
                if token is None
                else engine.finish(token, admission.policy)
            )
            if not isinstance(decision, Allow):
                if isinstance(decision, Refusal):
                    record_refusal(environ, decision)  # for a guard around this one
                start_response(decision.status_line, list(decision.headers))
                return [decision.body]
            token, principal = decision.token, decision.principal
            record.added = decision.headers
        # The application gets a copy. The owner of the original environ (a cascade that tries
        # another application next, a handler of an outer guard) must not find the result of this
        # guard.
        record.admitted, record.watching = self.app, self._watching
        if token is None:
            record.has_token = False
        return respond(
            self.app,
            with_notes(environ, self._engine, token, principal, record),
            start_response,
            record,
        )


def authorize(environ: WSGIEnvironment, policy: Policy, *, host: str = _HOST) -> Decision:
    """Decide whether a handler behind `GuardMiddleware` may run; block on I/O, if needed.

    Frameworks without decorators of their own call this function. If the decision is not `Allow`,
    the handler must not run. The middleware then sends the refusal in place of the response.

    Args:
        environ: The environ that the middleware passed to the application, or a copy of it.
        policy: What the handler requires.
        host: The name of the framework, for events.

    Raises:
        UsageError: No middleware ran.
    """
    return decide(environ, partial(request_from_environ, environ), policy, host)
