"""The guard's result in a Django request, and the `Request` that the guard reads."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from django.http import HttpRequest

from iiniit_guard.adapting.asgi_exchange import begin_scope
from iiniit_guard.adapting.middleware import begin_environ, is_exception
from iiniit_guard.adapting.request_state import (
    ENGINE_KEY,
    PRINCIPAL_KEY,
    RECORD_KEY,
    TOKEN_KEY,
    RefusalRecord,
    add_notes,
    with_notes,
)
from iiniit_guard.adapting.types import State
from iiniit_guard.core.decide import Unfinished
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.request import Request, request_from_environ, request_from_scope

if TYPE_CHECKING:
    from iiniit_guard.adapting.admission import Admission
    from iiniit_guard.core.model.access_token import AccessToken
    from iiniit_guard.engine import Engine


HOST: Final = "django"


def state_of(request: HttpRequest) -> State:
    """Return the ASGI scope or WSGI environ of `request`."""
    scope: State | None = getattr(request, "scope", None)
    return request.META if scope is None else scope


def note(
    request: HttpRequest,
    engine: Engine,
    found: AccessToken | Allow | None,
    record: RefusalRecord | None = None,
) -> None:
    """Store the result of the middleware for decorators and views.

    An ASGI scope is copied, as the ASGI specification requires. A WSGI environ is modified, as
    PEP 3333 permits.

    Args:
        request: The request in which the result is stored.
        engine: The engine of the middleware.
        found: The decision; None if the request passed without one.
        record: A new record, in which decorators store a refusal during one pass of the
            middleware; None keeps the existing record. An existing record becomes the outer record
            of the new one, because an outer guard middleware needs the refusal too. In the record
            of an earlier pass, the refusal has no effect.
    """
    principal = None
    if isinstance(found, Allow):
        if found.headers:
            (record or state_of(request)[RECORD_KEY]).added = found.headers
        principal, found = found.principal, found.token
    token = found
    if hasattr(request, "scope"):
        known = request.scope.get(RECORD_KEY) if request.scope.get(ENGINE_KEY) is engine else None
        request.scope = with_notes(request.scope, engine, token, principal, record or known)
    else:
        add_notes(request.META, engine, token, principal, record)
    request.access_token = token


def has_credential(request: HttpRequest, engine: Engine) -> bool:
    """Return whether `engine` stored a token or another credential in `request`."""
    state = state_of(request)
    return state.get(ENGINE_KEY) is engine and bool(
        state.get(TOKEN_KEY) or state.get(PRINCIPAL_KEY)
    )


def show_token(request: HttpRequest) -> None:
    """Set `request.access_token`; None if there is no token."""
    request.access_token = state_of(request).get(TOKEN_KEY)


def show_outer_token(request: HttpRequest) -> None:
    """Set `request.access_token` if a middleware around the whole project stored the token."""
    if not hasattr(request, "access_token"):
        show_token(request)


def read_request(request: HttpRequest) -> Request:
    """Return the `Request` that the guard reads.

    Under ASGI the header fields come from the scope, because Django's `META` joins repeated fields
    and drops names with underscores.
    """
    scope: State | None = getattr(request, "scope", None)
    read = (
        request_from_environ(request.META)
        if scope is None
        else request_from_scope(_readable(scope))
    )
    # Django routes by path_info and method, and other middleware may have changed either.
    if read.path != request.path_info or read.method != request.method:
        return replace(read, path=request.path_info, method=request.method)
    return read


def begin_request(
    engine: Engine, admission: Admission, request: HttpRequest
) -> AccessToken | Unfinished | None:
    """Decide about a request on the fast path, without I/O; see `begin_environ`."""
    # Use Django's path_info, because middleware may have changed it.
    if (admission.has_public_paths or engine.metadata_path is not None) and is_exception(
        engine, admission, request.path_info
    ):
        return None
    scope, method = getattr(request, "scope", None), request.method
    begun: AccessToken | Unfinished | None
    if scope is None:
        environ = request.META
        if environ.get("REQUEST_METHOD") != method:
            return None
        begun = begin_environ(engine, admission, environ, HOST)
    elif scope.get("method") != method:
        return None
    else:
        begun = begin_scope(engine, admission, _readable(scope), HOST)
    if type(begun) is Unfinished:
        # The log names the path that Django routes, as for a request without a token.
        begun.presented.read_routed = partial(read_request, request)
    return begun


def _readable(scope: State) -> State:
    # Django's AsyncClient creates a scope with a query string of type str.
    query = scope.get("query_string")
    if isinstance(query, str):
        return {**scope, "query_string": query.encode("latin-1", "replace")}
    return scope
