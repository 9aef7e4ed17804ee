"""The Flask extension that guards an application."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Unpack, cast

from flask import Blueprint, Flask
from flask.blueprints import BlueprintSetupState

from iiniit_guard.adapting.admission import Admission, AdmissionKeywords, engine_of, make_admission
from iiniit_guard.adapting.configuration import OF_THE_MIDDLEWARE, make_guarded
from iiniit_guard.adapting.types import Keywords
from iiniit_guard.errors import UsageError
from iiniit_guard.flask.configuration import settings_from_config
from iiniit_guard.flask.methods import GuardedMethods
from iiniit_guard.flask.parts import Part, Parts

if TYPE_CHECKING:
    from iiniit_guard.engine import Engine
    from iiniit_guard.guard import Guard

_EXTENSION: Final = "iiniit_guard"
_PARTS: Final = "iiniit_guard.parts"
_MADE: Final = "iiniit_guard.made"
_SETTING: Final = "IINIIT_GUARD"


class IiniitGuard:
    """Extension that lets a request reach a Flask application only with a valid access token.

    Static files and 404 responses also require a token. One extension may guard several
    applications. It never closes the guard: call `guard.close()` when the process ends.

    With a blueprint in place of the application, the extension guards only the views of the
    blueprint and of those nested in it. The rest of the application works as without the guard.

    Args:
        app: The application or the blueprint; None to call `init_app` later.
        guard: The guard that checks the credentials; None to pass it to `init_app`, or to create it
            from `app.config`.
        settings: See `AdmissionKeywords`. With `preflights="auto"`, a CORS preflight passes only if
            Flask answers OPTIONS itself and no view runs. With `pass`, a view that lists OPTIONS
            among its methods runs.

    Raises:
        SettingsError: An argument is invalid. The exception lists every fault.
    """

    def __init__(
        self,
        app: Flask | Blueprint | None = None,
        guard: Guard | None = None,
        **settings: Unpack[AdmissionKeywords],
    ) -> None:
        self.guard = guard
        self.admission: Admission = make_admission(**settings)
        self._settings: Keywords = {**settings}
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask | Blueprint, guard: Guard | None = None) -> None:
        """Guard `app`.

        The guard decides before receivers of `request_started` and functions of the application run
        for a request. The extension replaces methods of the application:

        - `wsgi_app`, so that a refusal replaces any response of the application;
        - `full_dispatch_request` and `preprocess_request`, to make the decision;
        - `ensure_sync`, so that only the view that the guard admitted runs.

        If the class of the application overrides `dispatch_request`, the extension also replaces
        `view_functions` to check which views run.

        Without a guard, the settings come from `app.config`: `IINIIT_GUARD_ISSUER`,
        `IINIIT_GUARD_AUDIENCE`, … under the names of the keywords, or `IINIIT_GUARD`, a `Guard` or
        a dict. Strings are parsed like environment variables. The settings include the arguments of
        the extension, unless these were passed.

        Args:
            app: The application. Or a blueprint before it is registered: the extension guards it in
                every application that registers it.
            guard: The guard that checks the credentials; None means that of the constructor.

        Raises:
            SettingsError: A setting in `app.config` is invalid.
            UsageError: There is no guard, `app` already has an `IiniitGuard`, or the blueprint is
                registered already.
        """
        if isinstance(app, Flask):
            self._guard_application(app, guard)
            return
        if getattr(app, "_got_registered_once", False):
            raise UsageError(
                f"the blueprint {app.name} is registered already; guard it before "
                "register_blueprint"
            )
        app.record(partial(self._guard_blueprint, guard))

    def _guard_application(self, app: Flask, guard: Guard | None) -> None:
        if _EXTENSION in app.extensions:
            raise UsageError("the application already has an IiniitGuard; create only one")
        GuardedMethods(app, Parts(Part(*self._guarded(app, guard))))
        app.extensions[_EXTENSION] = self

    def _guard_blueprint(self, guard: Guard | None, state: BlueprintSetupState) -> None:
        app = cast("Flask", state.app)
        name = f"{state.name_prefix}.{state.name}".lstrip(".")
        part = Part(*self._guarded(app, guard), name)
        parts: Parts | None = app.extensions.get(_PARTS)
        if parts is not None:
            parts.add(part)
            return
        if _EXTENSION in app.extensions:
            raise UsageError(
                f"the IiniitGuard of the application guards the blueprint {name} too; remove one"
            )
        parts = app.extensions[_PARTS] = Parts(part)
        GuardedMethods(app, parts)
        app.extensions[_EXTENSION] = self

    def _guarded(self, app: Flask, guard: Guard | None) -> tuple[Engine, Admission]:
        given = guard or self.guard
        configured = _configured(app) if given is None else None
        if not configured:
            return engine_of(given), self.admission
        made, admission = make_guarded(_SETTING, {**configured, **self._settings})
        app.extensions[_MADE] = made
        return engine_of(made), admission


def _configured(app: Flask) -> Keywords:
    """Return the settings in `app.config`; empty if there are none.

    The guard that was made from them serves all blueprints of the application.
    """
    whole = app.config.get(_SETTING)
    found = {
        **(whole if isinstance(whole, dict) else {} if whole is None else {"guard": whole}),
        **settings_from_config(app.config),
    }
    if _MADE not in app.extensions:
        return found
    ours = {name: value for name, value in found.items() if name in OF_THE_MIDDLEWARE}
    return {**ours, "guard": app.extensions[_MADE]}
