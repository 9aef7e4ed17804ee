"""The Flask extension that guards an application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Unpack

from flask import Flask

from iiniit_guard.adapting.admission import Admission, AdmissionKeywords, make_admission
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
        settings: See `AdmissionKeywords`. With `preflights="auto"`, a CORS preflight passes only if
            Flask answers OPTIONS itself and no view runs. With `pass`, a view that lists OPTIONS
            among its methods runs.

    Raises:
        SettingsError: An argument is invalid. The exception lists every fault.
    """

    def __init__(
        self,
        app: Flask | None = None,
        guard: Guard | None = None,
        **settings: Unpack[AdmissionKeywords],
    ) -> None:
        self.guard = guard
        self.admission: Admission = make_admission(**settings)
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
