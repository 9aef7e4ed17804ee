"""What a middleware notes in an ASGI scope or WSGI environ for the handlers below it, and what those record for the middleware."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from iiniit_guard.core.access_token import AccessToken, Principal
from iiniit_guard.core.decision import Refusal
from iiniit_guard.errors import UsageError

if TYPE_CHECKING:
    from iiniit_guard.adapting.middleware import Deciding

TOKEN_KEY: Final = "iiniit_guard.access_token"
PRINCIPAL_KEY: Final = "iiniit_guard.principal"
GUARD_KEY: Final = "iiniit_guard.guard"
RECORD_KEY: Final = "iiniit_guard.refusal_record"


class RefusalRecord:
    """The refusal that a guarded handler made for one request. The middleware creates it and sends its refusal.

    A handler's answer can be lost: a framework ignores what a dependency returns, an error handler or a marshalling decorator replaces
    it. So the handler records its refusal here, and the middleware replaces whatever response starts afterwards.

    Attributes:
        refusal: The first refusal of this request; None while there is none.
    """

    __slots__ = ("refusal",)

    def __init__(self) -> None:
        self.refusal: Refusal | None = None


def add_notes(state: MutableMapping[str, Any], guard: Deciding, token: AccessToken | None, principal: Principal | None = None) -> None:
    """Write into a scope or environ, which belongs to this application alone, what was found.

    All keys are always written, None where there is nothing: what an outer guard found must never answer for an inner one.
    A record of this guard that is there already stays.
    """
    if state.get(GUARD_KEY) is not guard or state.get(RECORD_KEY) is None:
        state[RECORD_KEY] = RefusalRecord()
    state[TOKEN_KEY] = token
    state[PRINCIPAL_KEY] = principal
    state[GUARD_KEY] = guard


def with_notes(
    state: Mapping[str, Any],
    guard: Deciding,
    token: AccessToken | None,
    principal: Principal | None = None,
    record: RefusalRecord | None = None,
) -> dict[str, Any]:
    """Return a copy of `state` with what was found, and with the record that the middleware reads when a response starts."""
    return {**state, TOKEN_KEY: token, PRINCIPAL_KEY: principal, GUARD_KEY: guard, RECORD_KEY: record or RefusalRecord()}


def record_refusal(state: Mapping[str, Any], refusal: Refusal) -> None:
    """Record a refusal for the middleware; the first one of a request stays."""
    record = state.get(RECORD_KEY)
    if isinstance(record, RefusalRecord) and record.refusal is None:
        record.refusal = refusal


def recorded_refusal(state: Mapping[str, Any]) -> Refusal | None:
    """Return the refusal that a handler recorded in `state`, or None."""
    record = state.get(RECORD_KEY)
    return record.refusal if isinstance(record, RefusalRecord) else None


def noted_token(state: Mapping[str, Any]) -> AccessToken:
    """Give the access token that was noted in `state` (a scope or environ).

    Raises:
        UsageError: There is none: the path is public, the request anonymous, another credential came, or no middleware ran.
    """
    token = state.get(TOKEN_KEY)
    if isinstance(token, AccessToken):
        return token
    raise UsageError("this request has no access token: guard the handler, or look whether there is one before asking for it")
