"""What all adapters share: the notes a middleware leaves for handlers, and the policies that handlers carry."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, Protocol, TypeVar

from iiniit_guard.core.access_token import AccessToken, Principal
from iiniit_guard.core.decision import Allow, Answer, Decision, Deny, Finding
from iiniit_guard.core.gate import PASS, Gate
from iiniit_guard.core.policy import ANY_TOKEN, Policy
from iiniit_guard.core.problem import Problem
from iiniit_guard.core.request import Request, environ_path, only_authorization, route_path
from iiniit_guard.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])
G = TypeVar("G")

TOKEN_KEY: Final = "iiniit_guard.access_token"
PRINCIPAL_KEY: Final = "iiniit_guard.principal"
GUARD_KEY: Final = "iiniit_guard.guard"
POLICIES_ATTRIBUTE: Final = "__iiniit_guard_policies__"
PUBLIC_ATTRIBUTE: Final = "__iiniit_guard_public__"

_PASSED: Final = Allow(None)


class Deciding(Protocol):
    """The calls of `Guard` that adapters make; the core cannot import the guard, which stands above it."""

    def authenticate(self, request: Request, wanted: Policy | Problem = ..., *, host: str = ..., found: Finding | None = ...) -> Decision:
        """See `Guard.authenticate`."""
        ...

    async def authenticate_async(
        self, request: Request, wanted: Policy | Problem = ..., *, host: str = ..., found: Finding | None = ...
    ) -> Decision:
        """See `Guard.authenticate_async`."""
        ...

    @property
    def metadata_path(self) -> str | None:
        """See `Guard.metadata_path`."""
        ...

    def published(self, request: Request) -> Answer | None:
        """See `Guard.published`."""
        ...

    def decide_at_once(self, authorization: bytes, query: bytes, wanted: Policy, method: str, host: str) -> AccessToken | Finding | None:
        """See `Guard.decide_at_once`."""
        ...

    def permit(self, request: Request, token: AccessToken | Principal, policy: Policy, *, host: str = ...) -> Allow | Deny:
        """See `Guard.permit`."""
        ...


def checked_guard(guard: G | None) -> G:
    """Give `guard` if it is one.

    Raises:
        UsageError: It is None, or another argument in its place.
    """
    if guard is None or not callable(getattr(guard, "authenticate", None)):
        raise UsageError("a Guard is wanted, after the application: GuardMiddleware(app, guard), IiniitGuard(app, guard)")
    return guard


def admit(
    guard: Deciding, gate: Gate, request: Request, host: str, handler: Policy | None = None, *, found: Finding | None = None
) -> Decision | Answer:
    """Decide at the door of an application, before any handler runs.

    Args:
        guard: Decides about credentials.
        gate: Decides which requests are asked for some.
        request: The request at the door.
        host: The adapter's name, for events.
        handler: The policy of the handler that will run, where that is known; it replaces the gate's own, but no rule's.
        found: What `recall_environ` said about this very request: it must have a token, and the guard knows what to do with it.

    Returns:
        `Allow`, or the answer to send: a refusal, or this resource's own metadata (RFC 9728).
    """
    if found is not None:
        return guard.authenticate(request, handler or gate.policy, host=host, found=found)
    answer = guard.published(request)
    if answer is not None:
        return answer
    wanted = _wanted(gate, request, handler)
    return _PASSED if wanted is None else guard.authenticate(request, wanted, host=host)


async def admit_async(guard: Deciding, gate: Gate, request: Request, host: str, *, found: Finding | None = None) -> Decision | Answer:
    """Do what `admit` does, on an event loop."""
    if found is not None:
        return await guard.authenticate_async(request, gate.policy, host=host, found=found)
    answer = guard.published(request)
    if answer is not None:
        return answer
    wanted = _wanted(gate, request, None)
    return _PASSED if wanted is None else await guard.authenticate_async(request, wanted, host=host)


def _wanted(gate: Gate, request: Request, handler: Policy | None) -> Policy | Problem | None:
    asked = gate.policy_for(request)
    if isinstance(asked, Policy):
        return asked if handler is None or gate.rules is not None else handler
    if isinstance(asked, Problem):
        return asked
    if asked == PASS:
        return None
    raise UsageError("rules answer a Policy, a Problem or PASS")


def recall_environ(
    guard: Deciding, gate: Gate, environ: Mapping[str, Any], host: str, wanted: Policy = ANY_TOKEN
) -> AccessToken | Finding | None:
    """Decide about a WSGI request that any good token lets in: the usual case, without a `Request` and without waiting.

    Where no token passes `admit` decides, and is handed what was found.

    Args:
        guard: Remembers.
        gate: Decides which requests are asked for a token.
        environ: The request at the door.
        host: The adapter's name, for events.
        wanted: The policy of the handler that will run, where that is known.
    """
    authorization = environ.get("HTTP_AUTHORIZATION")
    if authorization is None or not gate.wants_any_token:
        return None
    if (gate.opens or guard.metadata_path is not None) and is_exception(guard, gate, environ_path(environ)):
        return None
    query = environ.get("QUERY_STRING")
    encoded = query.encode("latin-1", "replace") if query else b""
    return guard.decide_at_once(authorization.encode("latin-1", "replace"), encoded, wanted, environ.get("REQUEST_METHOD", "GET"), host)


def recall_scope(guard: Deciding, gate: Gate, scope: Mapping[str, Any], host: str) -> AccessToken | Finding | None:
    """Do what `recall_environ` does, for an ASGI scope."""
    authorization = only_authorization(scope["headers"])
    if authorization is None or not gate.wants_any_token:
        return None
    if (gate.opens or guard.metadata_path is not None) and is_exception(guard, gate, route_path(scope)):
        return None
    return guard.decide_at_once(authorization, scope.get("query_string", b""), ANY_TOKEN, scope.get("method", "GET"), host)


def is_exception(guard: Deciding, gate: Gate, path: str) -> bool:
    """Tell whether `path` (decoded) is public, or that of the resource's own metadata."""
    return gate.is_public(path) or path == guard.metadata_path


def add_notes(state: MutableMapping[str, Any], guard: Deciding, token: AccessToken | None, principal: Principal | None = None) -> None:
    """Say in a scope or environ, which belongs to this application alone, what was found.

    All three keys are always there, None where there is nothing: what an outer guard found must never answer for an inner one.
    """
    state[TOKEN_KEY] = token
    state[PRINCIPAL_KEY] = principal
    state[GUARD_KEY] = guard


def with_notes(state: Mapping[str, Any], guard: Deciding, token: AccessToken | None, principal: Principal | None = None) -> dict[str, Any]:
    """Do what `add_notes` does, in a copy."""
    return {**state, TOKEN_KEY: token, PRINCIPAL_KEY: principal, GUARD_KEY: guard}


def noted_token(state: Mapping[str, Any]) -> AccessToken:
    """Give the access token that was noted in `state` (a scope or environ).

    Raises:
        UsageError: There is none: the path is public, the request anonymous, another credential came, or no middleware ran.
    """
    token = state.get(TOKEN_KEY)
    if isinstance(token, AccessToken):
        return token
    raise UsageError("this request has no access token: guard the handler, or look whether there is one before asking for it")


def is_permitted(state: Mapping[str, Any], policy: Policy) -> bool:
    """Tell whether a noted token satisfies `policy` for certain: the common case, which needs neither `Request` nor guard.

    False means that `decide` must be asked, not that the token is refused.
    """
    who = state.get(TOKEN_KEY) or state.get(PRINCIPAL_KEY)
    return who is not None and policy.plain and policy.required <= who.scopes and state.get(GUARD_KEY) is not None


def decide(state: MutableMapping[str, Any], read: Callable[[], Request], policy: Policy, host: str) -> Decision:
    """Decide at a handler; its answer is final, whatever a middleware let through and why.

    Args:
        state: The scope or environ, with what the middleware noted; what is found out here is noted too.
        read: Makes the `Request`.
        policy: What the handler wants.
        host: The adapter's name, for events.

    Raises:
        UsageError: No middleware ran.
    """
    guard, who = _noted(state)
    if who is not None:
        return guard.permit(read(), who, policy, host=host)
    # A public path, an anonymous request, a preflight, enforce="declared": a guarded handler never runs unauthenticated.
    return _note(state, guard, guard.authenticate(read(), policy, host=host))


async def decide_async(state: MutableMapping[str, Any], read: Callable[[], Request], policy: Policy, host: str) -> Decision:
    """Do what `decide` does, on an event loop."""
    guard, who = _noted(state)
    if who is not None:
        return guard.permit(read(), who, policy, host=host)
    return _note(state, guard, await guard.authenticate_async(read(), policy, host=host))


async def decide_anew_async(state: MutableMapping[str, Any], read: Callable[[], Request], policy: Policy, host: str) -> Decision:
    """Decide as if nothing had been noted: what was good when a long connection began need not be good now."""
    guard, _ = _noted(state)
    return _note(state, guard, await guard.authenticate_async(read(), policy, host=host))


def _noted(state: Mapping[str, Any]) -> tuple[Deciding, AccessToken | Principal | None]:
    guard = state.get(GUARD_KEY)
    if guard is None:
        raise UsageError("a guarded handler was reached without the guard's middleware: add it to the application")
    return guard, state.get(TOKEN_KEY) or state.get(PRINCIPAL_KEY)


def _note(state: MutableMapping[str, Any], guard: Deciding, decision: Decision) -> Decision:
    if isinstance(decision, Allow):
        add_notes(state, guard, decision.token, decision.principal)
    return decision


def policies_of(handler: object) -> tuple[Policy, ...]:
    """Give the policies that `handler` carries, the outermost decorator's first; of a class, those of its `dispatch`."""
    found: tuple[Policy, ...] = getattr(_marked(handler), POLICIES_ATTRIBUTE, ())
    return found


def is_public(handler: object) -> bool:
    """Tell whether `handler` was marked `@public`."""
    return getattr(_marked(handler), PUBLIC_ATTRIBUTE, False) is True


def _marked(handler: object) -> object:
    # A class carries no mark of its own: a subclass that overrides dispatch would inherit the mark, but not the check.
    return getattr(handler, "dispatch", None) if isinstance(handler, type) else handler


def mark_guarded(wrapper: F, policy: Policy) -> F:
    """Let `wrapper`, which has the attributes of what it wraps, carry `policy` too.

    Raises:
        UsageError: What it wraps is public.
    """
    if is_public(wrapper):
        raise UsageError("a handler is either @public or guarded, not both")
    setattr(wrapper, POLICIES_ATTRIBUTE, (policy, *policies_of(wrapper)))
    return wrapper


def mark_public(wrapper: F) -> F:
    """Mark `wrapper` as public. It is never the handler itself: that may be registered elsewhere without `@public`.

    Raises:
        UsageError: What it wraps is guarded.
    """
    if policies_of(wrapper):
        raise UsageError("a handler is either @public or guarded, not both")
    setattr(wrapper, PUBLIC_ATTRIBUTE, True)
    _public_marks.append(True)
    return wrapper


_public_marks: Final[deque[bool]] = deque(maxlen=1)


def any_public() -> bool:
    """Tell whether `@public` was used at all in this process; where it was not, nobody need find out which view will run."""
    return bool(_public_marks)
