"""Guard a Flask application: every request by `IiniitGuard`, handlers by decorators."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from iiniit_guard.adapting.admission import Enforce, Gate, Preflights, Rules, make_gate
from iiniit_guard.adapting.decorator_order import function_of, misplaced, remember_wrapped
from iiniit_guard.adapting.decorators import decide, is_permitted, is_public, mark_guarded, mark_public, policies_of
from iiniit_guard.adapting.middleware import admit, checked_guard, recall_environ
from iiniit_guard.adapting.request_state import add_notes, noted_token
from iiniit_guard.core.access_token import AccessToken
from iiniit_guard.core.decision import Allow, Answer
from iiniit_guard.core.policy import ANY_TOKEN, Policy, make_policy, scope_policy
from iiniit_guard.core.request import request_from_environ
from iiniit_guard.errors import UsageError, needs_extra

with needs_extra("flask", "iiniit_guard.flask"):
    from flask import Flask, Request, Response, current_app, request
    from flask.views import View

if TYPE_CHECKING:
    from iiniit_guard.guard import Guard

__all__ = ["IiniitGuard", "access_token", "public", "require_any_scope", "require_scope", "require_token"]

F = TypeVar("F", bound=Callable[..., Any])

_HOST: Final = "flask"
_EXTENSION: Final = "iiniit_guard"
# Each look through a proxy costs 0.6 µs, as much as the hash of a token: asked once a request, for the object behind it.
_current_request: Final[Callable[[], Request]] = cast("Any", request)._get_current_object


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
        preflights: `pass` lets CORS preflights through, without a token, unless a rule names OPTIONS for the path. Flask answers them
            by itself; an undecorated view that lists OPTIONS among its methods runs. `guard` treats them like any request.

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
        preflights: Preflights = "pass",
    ) -> None:
        self.guard = guard
        self.gate: Gate = make_gate(public, rules=rules, enforce=enforce, optional_token=optional_token, preflights=preflights)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, guard: Guard | None = None) -> None:
        """Guard `app`, in front of every `before_request` function that it has so far.

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
        app.before_request_funcs.setdefault(None, []).insert(0, _Door(app, guard, self.gate))


class _Door:
    """What one application asks of every request, before its view."""

    def __init__(self, app: Flask, guard: Guard, gate: Gate) -> None:
        self._app = app
        self._guard = guard
        self._gate = gate
        self._looked = False
        self._marks: dict[str | None, tuple[object, bool, Policy | None]] = {}  # by endpoint: its view, and what that carries

    def __call__(self) -> Response | None:
        if not self._looked:
            self._look(self._app.view_functions.values())
        asked = _current_request()
        environ, endpoint = asked.environ, asked.endpoint
        view = self._app.view_functions.get(endpoint)  # type: ignore[arg-type]  # None where no route fits, and no view is called so
        marks = self._marks.get(endpoint)
        if marks is None or marks[0] is not view:  # an application may put another view into its place
            policies = policies_of(view)
            marks = self._marks[endpoint] = (view, is_public(view), policies[0] if policies else None)
        if marks[1]:
            token, principal = None, None
        else:
            # The view's own policy decides at once, so that there is one event; its decorators look at further ones.
            wanted = marks[2]
            said = recall_environ(self._guard, self._gate, environ, _HOST, wanted or ANY_TOKEN)
            if not isinstance(said, AccessToken):
                decision = admit(self._guard, self._gate, request_from_environ(environ), _HOST, wanted, found=said)
                if not isinstance(decision, Allow):
                    return _response(decision)
                token, principal = decision.token, decision.principal
            else:
                token, principal = said, None
        # In the environ, not in flask.g: g belongs to the application context, which nested requests share. An application may
        # change its environ (PEP 3333), and the next request has another.
        add_notes(environ, self._guard, token, principal)
        return None

    def _look(self, views: Iterable[object]) -> None:
        names = misplaced(views)
        if names:
            raise UsageError(f"the guard's decorator stands above the route decorator, so it guards nothing: {', '.join(names)}")
        self._looked = True


def require_scope(*scopes: str, acr_values: str | Iterable[str] = (), max_age: int | None = None) -> Callable[[F], F]:
    """Let a view run only for a token that has all of `scopes`.

    It decorates functions and methods, async ones too, and `View` classes, below the route decorator.

    Args:
        *scopes: Wanted, all of them.
        acr_values: Acceptable authentication context classes, best first (RFC 9470).
        max_age: Seconds that may have passed since the subject's authentication (RFC 9470).

    Raises:
        UsageError: An argument is unusable, or what is decorated is no view.
    """
    return _guarded(scope_policy(scopes, "all", acr_values, max_age))


def require_any_scope(*scopes: str, acr_values: str | Iterable[str] = (), max_age: int | None = None) -> Callable[[F], F]:
    """Let a view run only for a token that has at least one of `scopes`; a challenge names the first. See `require_scope`."""
    return _guarded(scope_policy(scopes, "any", acr_values, max_age))


def require_token(*, acr_values: str | Iterable[str] = (), max_age: int | None = None) -> Callable[[F], F]:
    """Let a view run only for a valid token, whatever its scopes. See `require_scope`."""
    return _guarded(make_policy(acr_values=acr_values, max_age=max_age))


def public(view: F) -> F:
    """Let a view run without its request's credentials being looked at. It stands below the route decorator.

    Raises:
        UsageError: The view is guarded, or what is decorated is no view.
    """
    return _wrap(view, mark_public, None)


def access_token() -> AccessToken:
    """Give the access token of the current request.

    Raises:
        UsageError: There is none. Where that may happen, look into `request.environ["iiniit_guard.access_token"]`.
    """
    return noted_token(_current_request().environ)


def _guarded(policy: Policy) -> Callable[[F], F]:
    def decorate(view: F) -> F:
        return _wrap(view, lambda wrapper: mark_guarded(wrapper, policy), policy)

    return decorate


def _wrap(view: F, mark: Callable[[Callable[..., Any]], Callable[..., Any]], policy: Policy | None) -> F:
    if isinstance(view, type) and issubclass(view, View):
        _wrap_class(view, public if policy is None else _guarded(policy))
        return view
    if not inspect.isfunction(function_of(view)):
        raise UsageError(f"only functions and View classes can be decorated, not a {type(view).__name__}: decorate the view itself")

    asynchronous = inspect.iscoroutinefunction(function_of(view))

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if policy is not None:
            environ = _current_request().environ
            if not is_permitted(environ, policy):
                decision = decide(environ, lambda: request_from_environ(environ), policy, _HOST)
                if not isinstance(decision, Allow):
                    return _response(decision)
        # Flask is synchronous outside its views: the loop that an async view gets is its own, and begins here.
        return current_app.ensure_sync(view)(*args, **kwargs) if asynchronous else view(*args, **kwargs)

    marked = mark(wrapper)
    remember_wrapped(view, marked)
    return cast("F", marked)


def _wrap_class(view: type[View], decorate: Callable[[Any], Any]) -> None:
    # as_view() makes the function that is registered. `decorators` would do, but a subclass that has some of its own replaces those.
    make = cast("Any", view.as_view).__func__

    @wraps(make)
    def as_view(cls: type[View], *args: Any, **kwargs: Any) -> Any:
        return decorate(make(cls, *args, **kwargs))

    view.as_view = classmethod(as_view)  # type: ignore[assignment,method-assign]  # what mypy calls a method of a class is one


def _response(decision: Answer) -> Response:
    response = Response(decision.body, decision.status)
    response.headers.clear()  # a type that Flask would add
    response.headers.extend(decision.headers)
    return response
