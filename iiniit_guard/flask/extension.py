"""The extension that guards a Flask application."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from flask import Flask

from iiniit_guard.adapting.admission import Enforce, Gate, Preflights, Rules, make_gate
from iiniit_guard.adapting.middleware import checked_guard
from iiniit_guard.errors import UsageError
from iiniit_guard.flask.before_request import BeforeRequest, guarded_wsgi_app

if TYPE_CHECKING:
    from iiniit_guard.guard import Guard

_EXTENSION: Final = "iiniit_guard"


class IiniitGuard:
    """Let a request reach a Flask application's views only with a valid access token, its static files and 404 included.

    One object may guard several applications. It never closes the guard: call `guard.close()` when the process ends.

    Args:
        app: The application; None to call `init_app` later.
        guard: Decides.
        public: Whole decoded paths that pass unasked; `/x/*` means everything below `/x/`.
        rules: A policy by method and path (`iiniit_guard.rules`); what they do not name is refused.
        enforce: `all`, or `declared` to let decorated views alone ask for a token.
        optional_token: Let requests without credentials pass; bad credentials are still refused.
        preflights: `auto` lets a CORS preflight pass without a token only where Flask answers OPTIONS by itself and no view runs. `pass`
            lets every preflight pass unless a rule names OPTIONS for the path; a view that lists OPTIONS among its methods then runs.
            `guard` treats preflights like any request.

    Raises:
        SettingsError: With every fault of the arguments.
    """

    def __init__(
        self,
        app: Flask | None = None,
        guard: Guard | None = None,
        *,
        public: Iterable[str] = (),
        rules: Rules | None = None,
        enforce: Enforce = "all",
        optional_token: bool = False,
        preflights: Preflights = "auto",
    ) -> None:
        self.guard = guard
        self.gate: Gate = make_gate(public, rules=rules, enforce=enforce, optional_token=optional_token, preflights=preflights)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, guard: Guard | None = None) -> None:
        """Guard `app`, in front of every `before_request` function that it has so far.

        The extension also wraps `app.wsgi_app`, so that a refusal replaces whatever response the application makes of it, and
        `app.ensure_sync`, so that no view runs in place of the one that the guard decided about.

        Args:
            app: The application.
            guard: Decides; None means the constructor's.

        Raises:
            UsageError: There is no guard, or `app` is guarded already.
        """
        guard = checked_guard(guard or self.guard)
        if _EXTENSION in app.extensions:
            raise UsageError("this application has an IiniitGuard already")
        app.extensions[_EXTENSION] = self
        # Others could answer before us, or act; Flask itself offers no place at the front.
        door = BeforeRequest(app, guard, self.gate)
        app.before_request_funcs.setdefault(None, []).insert(0, door)
        app.ensure_sync = door.ensure_sync  # type: ignore[method-assign,assignment]  # Flask lets applications override it
        app.wsgi_app = guarded_wsgi_app(app.wsgi_app, guard)  # type: ignore[method-assign,assignment]  # as Flask documents
