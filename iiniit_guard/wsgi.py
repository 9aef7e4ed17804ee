"""Guard a WSGI application (PEP 3333) without touching its code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from iiniit_guard.adapting.admission import Enforce, Gate, Preflights, Rules, make_gate
from iiniit_guard.adapting.middleware import admit, checked_guard, recall_environ
from iiniit_guard.adapting.request_state import record_refusal, with_notes
from iiniit_guard.adapting.wsgi_response import ResponseRecord, respond
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow, Refusal
from iiniit_guard.core.model.request import request_from_environ

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from iiniit_guard.guard import Guard

_HOST: Final = "wsgi"


class GuardMiddleware:
    """Let a request reach `app` only with a valid access token.

    Args:
        app: The application to guard. It finds the token in `environ["iiniit_guard.access_token"]` (None where there is none).
        guard: Decides. It stays the caller's: close it when the process ends.
        public: Whole decoded paths that pass unasked; `/x/*` means everything below `/x/`.
        rules: A policy by method and path (`iiniit_guard.rules`); what they do not name is refused.
        enforce: `all`, or `declared` to let decorated handlers alone ask for a token.
        optional_token: Let requests without credentials pass; bad credentials are still refused.
        preflights: `auto` and `guard` ask CORS preflights for a token like any other request, because `app` may answer OPTIONS like GET.
            `pass` lets them reach `app` without a token, unless a rule names OPTIONS for the path.

    Raises:
        SettingsError: With every fault of the arguments.
    """

    def __init__(
        self,
        app: WSGIApplication,
        guard: Guard,
        *,
        public: Iterable[str] = (),
        rules: Rules | None = None,
        enforce: Enforce = "all",
        optional_token: bool = False,
        preflights: Preflights = "auto",
    ) -> None:
        self.app = app
        self.guard: Guard = checked_guard(guard)
        self.gate: Gate = make_gate(public, rules=rules, enforce=enforce, optional_token=optional_token, preflights=preflights)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Refuse the request, or let `app` answer it. A refusal that a handler of `app` records replaces its response."""
        token, principal = recall_environ(self.guard, self.gate, environ, _HOST), None
        if not isinstance(token, AccessToken):
            decision = admit(self.guard, self.gate, request_from_environ(environ), _HOST, begun=token)
            if not isinstance(decision, Allow):
                if isinstance(decision, Refusal):
                    record_refusal(environ, decision)  # for a guard around this one
                start_response(decision.status_line, list(decision.headers))
                return [decision.body]
            token, principal = decision.token, decision.principal
        # A copy: the holder of the caller's environ (a cascade that tries another application next, an outer guard's handler)
        # must not find what this guard noted for its own application.
        record = ResponseRecord()
        return respond(self.app, with_notes(environ, self.guard, token, principal, record), start_response, record)
