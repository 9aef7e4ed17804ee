"""The state of one request in its ASGI scope or WSGI environ.

A middleware stores its result there for the handlers. A handler records its refusal there for the
middleware.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from iiniit_guard.adapting.types import Keywords, ReadState, State
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.copying import CopiedAsItself
from iiniit_guard.core.model.decision import Allow, Refusal
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.engine import Engine
from iiniit_guard.errors import UsageError

TOKEN_KEY: Final = "iiniit_guard.access_token"
PRINCIPAL_KEY: Final = "iiniit_guard.principal"
ENGINE_KEY: Final = "iiniit_guard.engine"
RECORD_KEY: Final = "iiniit_guard.refusal_record"

PASSED_ON: Final = frozenset(
    {
        *(Reason.NO_TOKEN, Reason.MISSING_SCOPE, Reason.INSUFFICIENT_AUTHENTICATION),
        *(Reason.NO_RULE, Reason.ACTOR_REQUIRED, Reason.ACTOR_FORBIDDEN),
        Reason.MISSING_AUTHORIZATION_DETAILS,
    }
)
"""The reasons for which the guard refuses a request that another check may admit.

Another check never admits a request with an invalid credential, or during an outage.
"""


class Watch(Protocol):
    """The watch of the token of a long-lived connection."""

    def renew(self) -> None:
        """Check the token before the next message: a handler verified it, or required more."""
        ...


class RefusalRecord(CopiedAsItself):
    """The record of the refusal that a guarded handler made for one request.

    The middleware creates the record and sends the refusal. The response of a handler can be lost:
    a framework ignores what a dependency returns, and an error handler or a marshalling decorator
    replaces the response. Therefore the handler records its refusal here, and the middleware
    replaces any response that starts afterwards.

    Copying a record returns the same object, so a handler that has a copy of the scope refuses the
    same request.

    Attributes:
        refusal: The first refusal of this request; None if there is none.
        outer: The record of a middleware around this one; None if there is none. The outer
            middleware replaces responses that layers between the two middlewares make.
        added: List of (name, value) that the middleware adds to the response of the application;
            see `Allow.headers`.
        instead_of_401: Returns the refusal that replaces a response with status 401, or None. A
            handler sets it if another authentication may still admit the request.
        page: A response that shows `refusal` in a browser, with another body; None if there is
            none.
        has_token: Whether the request passed with a verified access token, so that a long-lived
            connection ends with it.
        policies: The policies of handlers that apply to a long-lived connection until its end.
        watch: Of the token; None if the connection is not long-lived.
    """

    # Defaults of the class: most records stay empty.
    refusal: Refusal | None = None
    outer: RefusalRecord | None = None
    added: tuple[tuple[str, str], ...] = ()
    instead_of_401: Callable[[], Refusal | None] | None = None
    page: Refusal | None = None
    has_token: bool = True
    policies: tuple[Policy, ...] = ()
    watch: Watch | None = None
    is_affected: bool = False
    """Whether the middleware must do anything when the application ends: send a refusal, or end a
    long-lived connection."""

    def add(self, refusal: Refusal) -> None:
        """Store a refusal here and in every outer record, which keep only their first one."""
        record: RefusalRecord | None = self
        while record is not None and record.refusal is None:
            record.refusal, record.is_affected = refusal, True
            record = record.outer


def add_notes(
    state: State,
    engine: Engine,
    token: AccessToken | None,
    principal: Principal | None = None,
    record: RefusalRecord | None = None,
) -> None:
    """Store the result of a decision in a scope or environ that belongs to this application alone.

    The token and the principal are always written, with None if there is no value. Otherwise an
    inner guard could accept the token that an outer guard verified. Without `record`, an existing
    record of this guard is kept. Any other existing record becomes the outer record.
    """
    known = state.get(RECORD_KEY)
    if record is not None or known is None or state.get(ENGINE_KEY) is not engine:
        record = record or RefusalRecord()
        state[RECORD_KEY] = record if known is None else _inside(known, record)
        state[ENGINE_KEY] = engine
    state[TOKEN_KEY] = token
    state[PRINCIPAL_KEY] = principal


def with_notes(
    state: ReadState,
    engine: Engine,
    token: AccessToken | None,
    principal: Principal | None = None,
    record: RefusalRecord | None = None,
) -> Keywords:
    """Return a copy of `state` with the result of a decision and a refusal record.

    The middleware reads the record when a response starts. An existing record of `state` becomes
    the outer record.
    """
    record = record or RefusalRecord()
    outer = state.get(RECORD_KEY)
    if outer is not None:
        _inside(outer, record)
    noted = dict(state)
    noted[TOKEN_KEY] = token
    noted[PRINCIPAL_KEY] = principal
    noted[ENGINE_KEY] = engine
    noted[RECORD_KEY] = record
    return noted


def _inside(outer: object, record: RefusalRecord) -> RefusalRecord:
    """Return `record` after linking it to `outer`, if that is another record."""
    if isinstance(outer, RefusalRecord) and outer is not record:
        record.outer = outer
    return record


def record_refusal(state: ReadState, refusal: Refusal) -> None:
    """Store a refusal for every middleware around the handler. Only the first one is kept."""
    record = state.get(RECORD_KEY)
    if isinstance(record, RefusalRecord):
        record.add(refusal)


def record_headers(state: ReadState, decision: Allow) -> None:
    """Store the fields that the response to an admitted request should have."""
    record = state.get(RECORD_KEY)
    if decision.headers and isinstance(record, RefusalRecord):
        record.added = decision.headers


def offer_refusal(state: ReadState, offer: Callable[[], Refusal | None]) -> None:
    """Store a function that returns the refusal in place of a response with status 401, or None.

    The middleware calls it after the handler. Only the Django adapter does.
    """
    record = state.get(RECORD_KEY)
    if isinstance(record, RefusalRecord):
        record.instead_of_401 = offer


def record_policy(state: ReadState, policy: Policy, *, has_token: bool = False) -> None:
    """Store the policy of a handler that runs, for the checks of a long-lived connection.

    Args:
        state: The scope or environ of the handler.
        policy: The policy that the token of the request satisfies.
        has_token: Whether the handler verified an access token itself.
    """
    record = state.get(RECORD_KEY)
    if isinstance(record, RefusalRecord):
        is_new = has_token and not record.has_token
        record.has_token = record.has_token or has_token
        if policy.lasts and policy not in record.policies:
            record.policies = (*record.policies, policy)
            is_new = True
        watch = record.watch
        if is_new and watch is not None:
            watch.renew()


def recorded_refusal(state: ReadState) -> Refusal | None:
    """Return the refusal that a handler recorded in `state`, or None."""
    record = state.get(RECORD_KEY)
    return record.refusal if isinstance(record, RefusalRecord) else None


def noted_token(state: ReadState) -> AccessToken:
    """Return the access token that is stored in `state`, a scope or environ.

    Raises:
        UsageError: There is no token. The path is public, the request is anonymous, it has another
            kind of credential, or no middleware ran.
    """
    token = state.get(TOKEN_KEY)
    if isinstance(token, AccessToken):
        return token
    raise UsageError(
        "this request has no access token: guard the handler, or check first whether the request "
        "has a token"
    )
