"""The Flask extension that guards an application."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from flask import Flask

from iiniit_guard.adapting.admission import Admission, Enforce, Preflights, Rules, make_admission
from iiniit_guard.adapting.middleware import engine_of
from iiniit_guard.errors import UsageError
from iiniit_guard.flask.methods import GuardedMethods

if TYPE_CHECKING:
    from iiniit_guard.guard import Guard

_EXTENSION: Final = "iiniit_guard"


class IiniitGuard:
    """Extension that lets a request reach a Flask application only with a valid access token.

    Static files and 404 responses also require a token. One extension may guard several
    applications. It never closes the guard: call `guard.close()` when the process ends.

    Args:
        app: The application; None to call `init_app` later.
        guard: The guard that checks the credentials; None to pass it to `init_app`.
        public: Complete decoded paths that pass without a token. `/x/*` matches every path below
            `/x/`.
        rules: Policies by method and path (`iiniit_guard.rules`). Requests that no rule matches are
            refused.
        enforce: `all` requires a token for every request. `declared` requires one only in decorated
            views.
        optional_token: Whether requests without credentials pass. Invalid credentials are refused
            in any case.
        preflights: `auto` lets a CORS preflight pass without a token only if Flask answers OPTIONS
            itself and no view runs. `pass` lets every preflight pass unless a rule names OPTIONS
            for the path; a view that lists OPTIONS among its methods then runs. `guard` treats
            preflights like any request.

    Raises:
        SettingsError: An argument is invalid. The exception lists every fault.
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
        self.admission: Admission = make_admission(
            public,
            rules=rules,
            enforce=enforce,
            optional_token=optional_token,
            preflights=preflights,
        )
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, guard: Guard | None = None) -> None:
        """Guard `app`.

        The guard decides before receivers of `request_started` and functions of the application run
        for a request. The extension replaces methods of `app`:

        - `wsgi_app`, so that a refusal replaces any response of the application;
        - `full_dispatch_request` and `preprocess_request`, to make the decision;
        - `ensure_sync`, so that only the view that the guard admitted runs.

        If the class of the application overrides `dispatch_request`, the extension also replaces
        `view_functions` to check which views run.

        Args:
            app: The application.
            guard: The guard that checks the credentials; None means that of the constructor.

        Raises:
            UsageError: There is no guard, or `app` already has an `IiniitGuard`.
        """
        engine = engine_of(guard or self.guard)
        if _EXTENSION in app.extensions:
            raise UsageError("this application already has an IiniitGuard")
        app.extensions[_EXTENSION] = self
        GuardedMethods(app, engine, self.admission)
