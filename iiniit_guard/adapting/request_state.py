"""What a middleware notes in an ASGI scope or WSGI environ for the handlers below it, and what those record for the middleware."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.copying import CopiedAsItself
from iiniit_guard.core.model.decision import Refusal
from iiniit_guard.errors import UsageError

if TYPE_CHECKING:
    from iiniit_guard.adapting.middleware import Deciding

TOKEN_KEY: Final = "iiniit_guard.access_token"
PRINCIPAL_KEY: Final = "iiniit_guard.principal"
GUARD_KEY: Final = "iiniit_guard.guard"
RECORD_KEY: Final = "iiniit_guard.refusal_record"


class RefusalRecord(CopiedAsItself):
    """The refusal that a guarded handler made for one request. The middleware creates it and sends its refusal.

    A handler's answer can be lost: a framework ignores what a dependency returns, an error handler or a marshalling decorator replaces
    it. So the handler records its refusal here, and the middleware replaces whatever response starts afterwards.

    A copy of the record is the record itself: a handler that has a copy of the scope refuses the same request.

    Attributes:
        refusal: The first refusal of this request; None while there is none.
        outer: The record of a middleware around this one, which replaces what layers between the two answer; None if there is none.
    """

    __slots__ = ("outer", "refusal")

    def __init__(self) -> None:
        self.refusal: Refusal | None = None
        self.outer: RefusalRecord | None = None

    def add(self, refusal: Refusal) -> None:
        """Record a refusal here and in every outer record; the first one of a request stays."""
        record: RefusalRecord | None = self
        while record is not None and record.refusal is None:
            record.refusal = refusal
            record = record.outer


def add_notes(state: MutableMapping[str, Any], guard: Deciding, token: AccessToken | None, principal: Principal | None = None) -> None:
    """Write into a scope or environ, which belongs to this application alone, what was found.

    All keys are always written, None where there is nothing: what an outer guard found must never answer for an inner one.
    A record of this guard that is there already stays. The record of another guard becomes the outer one.
    """
    known = state.get(RECORD_KEY)
    if state.get(GUARD_KEY) is not guard or known is None:
        state[RECORD_KEY] = _inside(known, RefusalRecord())
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
    """Return a copy of `state` with what was found, and with the record that the middleware reads when a response starts.

    A record that `state` has already becomes the outer one.
    """
    record = record or RefusalRecord()
    outer = state.get(RECORD_KEY)
    if outer is not None:
        _inside(outer, record)
    return {**state, TOKEN_KEY: token, PRINCIPAL_KEY: principal, GUARD_KEY: guard, RECORD_KEY: record}


def _inside(outer: object, record: RefusalRecord) -> RefusalRecord:
    """Return `record`, which hands its refusal on to `outer` if that is another record."""
    if isinstance(outer, RefusalRecord) and outer is not record:
        record.outer = outer
    return record


def record_refusal(state: Mapping[str, Any], refusal: Refusal) -> None:
    """Record a refusal for every middleware around the handler; the first one of a request stays."""
    record = state.get(RECORD_KEY)
    if isinstance(record, RefusalRecord):
        record.add(refusal)


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
