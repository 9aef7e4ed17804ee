"""Where a Django request keeps what the guard found, and the `Request` that the guard reads."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

from iiniit_guard.adapting.asgi_exchange import recall_scope
from iiniit_guard.adapting.middleware import is_exception, recall_environ
from iiniit_guard.adapting.request_state import GUARD_KEY, PRINCIPAL_KEY, RECORD_KEY, TOKEN_KEY, RefusalRecord, add_notes, with_notes
from iiniit_guard.core.decide import Unfinished
from iiniit_guard.core.model.request import Request, request_from_environ, request_from_scope

if TYPE_CHECKING:
    from iiniit_guard.adapting.admission import Gate
    from iiniit_guard.core.model.access_token import AccessToken, Principal
    from iiniit_guard.guard import Guard


def state_of(request: HttpRequest) -> MutableMapping[str, Any]:
    """Give the ASGI scope or WSGI environ behind `request`."""
    scope: MutableMapping[str, Any] | None = getattr(request, "scope", None)
    return request.META if scope is None else scope


def new_record(request: HttpRequest) -> RefusalRecord:
    """Return the record in which decorators store a refusal while the middleware passes `request` on once.

    A record that is there already belongs to a middleware around this one, which must learn of the refusal too, or to an earlier time that
    this middleware passed on the same request, where it does no harm.
    """
    record = RefusalRecord()
    record.outer = state_of(request).get(RECORD_KEY)
    return record


def note(
    request: HttpRequest, guard: Guard, token: AccessToken | None, principal: Principal | None, record: RefusalRecord | None = None
) -> None:
    """Store what the middleware found, for decorators and views.

    An ASGI scope is copied, as its specification asks; a WSGI application may change its environ (PEP 3333).

    Args:
        request: Where it is stored.
        guard: The middleware's guard.
        token: The access token, if there is one.
        principal: The other credential's, if there is one.
        record: A new record for the decorators; None if the record that is there stays.
    """
    if hasattr(request, "scope"):
        known = request.scope.get(RECORD_KEY) if request.scope.get(GUARD_KEY) is guard else None
        request.scope = with_notes(request.scope, guard, token, principal, record or known)
    else:
        if record is not None:
            request.META[GUARD_KEY], request.META[RECORD_KEY] = guard, record
        add_notes(request.META, guard, token, principal)
    request.access_token = token


def has_credential(request: HttpRequest, guard: Guard) -> bool:
    """Return whether `guard` noted a token or another credential for `request`."""
    state = state_of(request)
    return state.get(GUARD_KEY) is guard and bool(state.get(TOKEN_KEY) or state.get(PRINCIPAL_KEY))


def show_token(request: HttpRequest) -> None:
    """Set `request.access_token`, None where there is none."""
    request.access_token = state_of(request).get(TOKEN_KEY)


def show_outer_token(request: HttpRequest) -> None:
    """Set `request.access_token` where not Django's middleware but one around the whole project noted it."""
    if not hasattr(request, "access_token"):
        show_token(request)


def read_request(request: HttpRequest) -> Request:
    """Make the value that the guard looks at.

    Under ASGI the header fields come raw: Django's `META` joins those that came twice and drops names with underscores.
    """
    scope = _scope_of(request)
    read = request_from_environ(request.META) if scope is None else request_from_scope(scope)
    # Django routes by path_info, and runs a view by method; other middleware may have changed either.
    if read.path != request.path_info or read.method != request.method:
        return replace(read, path=request.path_info, method=request.method)
    return read


def recall(guard: Guard, gate: Gate, request: HttpRequest, host: str) -> AccessToken | Unfinished | None:
    """Decide about a request that any good token lets in, without waiting; see `recall_environ`."""
    # By Django's own path, which the environ's or scope's need not be.
    if (gate.opens or guard.metadata_path is not None) and is_exception(guard, gate, request.path_info):
        return None
    scope = _scope_of(request)
    if scope is not None:
        return recall_scope(guard, gate, scope, host) if scope.get("method") == request.method else None
    return recall_environ(guard, gate, request.META, host) if request.META.get("REQUEST_METHOD") == request.method else None


def _scope_of(request: HttpRequest) -> MutableMapping[str, Any] | None:
    scope: MutableMapping[str, Any] | None = getattr(request, "scope", None)
    if scope is not None and isinstance(scope.get("query_string"), str):  # as Django's own AsyncClient makes it
        return {**scope, "query_string": scope["query_string"].encode("latin-1", "replace")}
    return scope
