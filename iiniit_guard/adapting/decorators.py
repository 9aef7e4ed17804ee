"""The common part of all decorators: decide before the handler runs, and mark the handler."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, TypeVar

from iiniit_guard.adapting.request_state import (
    ENGINE_KEY,
    PRINCIPAL_KEY,
    TOKEN_KEY,
    add_notes,
    record_headers,
    record_policy,
    record_refusal,
)
from iiniit_guard.adapting.types import Handler, ReadState, State
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.decision import Allow, Decision, Refusal
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.problem import Problem
from iiniit_guard.core.model.request import Request
from iiniit_guard.engine import Engine
from iiniit_guard.errors import UsageError

F = TypeVar("F", bound=Handler)

POLICIES_ATTRIBUTE: Final = "__iiniit_guard_policies__"
PUBLIC_ATTRIBUTE: Final = "__iiniit_guard_public__"
_PUBLIC_AND_GUARDED: Final = (
    "a handler must not be both @public and guarded; remove one of the decorators"
)


def is_permitted(state: ReadState, policy: Policy, *, probe: bool = False) -> bool:
    """Return whether the token that a middleware stored in `state` satisfies `policy`.

    If it does not, the caller must call `decide`, which verifies a token or refuses the request.

    Args:
        state: The scope or environ of the handler.
        policy: The policy of the handler.
        probe: Whether this request need not satisfy the policy. A long-lived connection is then not
            checked by it later.
    """
    engine, who = state.get(ENGINE_KEY), state.get(TOKEN_KEY) or state.get(PRINCIPAL_KEY)
    if who is None or engine is None or policy.check(who, engine.resource.clock.wall) is not None:
        return False
    if policy.lasts and not probe:
        record_policy(state, policy)
    return True


def is_noted(state: ReadState) -> bool:
    """Return whether a middleware has already verified a token or another credential.

    If so, `decide` does not wait for an issuer.

    Raises:
        UsageError: No middleware ran.
    """
    return _noted(state)[1] is not None


def decide(
    state: State, read: Callable[[], Request], policy: Policy, host: str, *, anew: bool = False
) -> Decision:
    """Decide whether a handler may run.

    The decision is final, even if a middleware let the request pass.

    Args:
        state: The scope or environ in which the middleware stored its result. This function stores
            its own result there too.
        read: Creates the `Request`.
        policy: The policy of the handler.
        host: The name of the adapter, for events.
        anew: Whether to verify the token again, because it may have become invalid since a long
            connection began.

    Raises:
        UsageError: No middleware ran.
    """
    engine, who = _noted(state)
    if who is not None and not anew:
        return _note(state, engine, engine.authorize(read(), who, policy, host=host), policy)
    # The middleware passes public paths, anonymous requests, preflights and, with
    # enforce="declared", every request. A guarded handler must not run for them without a token.
    return _note(state, engine, engine.authenticate(read(), policy, host=host), policy)


def consider(state: State, read: Callable[[], Request], policy: Policy, host: str) -> Decision:
    """Decide as `decide` does, but record no refusal, because another check may admit the request.

    Raises:
        UsageError: No middleware ran.
    """
    engine, who = _noted(state)
    if who is not None:
        return _grant(state, engine, engine.authorize(read(), who, policy, host=host), policy)
    return _grant(state, engine, engine.authenticate(read(), policy, host=host), policy)


async def consider_async(
    state: State, read: Callable[[], Request], policy: Policy, host: str
) -> Decision:
    """Asynchronous version of `consider`."""
    engine, who = _noted(state)
    if who is not None:
        return _grant(state, engine, engine.authorize(read(), who, policy, host=host), policy)
    decision = await engine.authenticate_async(read(), policy, host=host)
    return _grant(state, engine, decision, policy)


def reject(state: ReadState, request: Request, problem: Problem, host: str) -> Refusal:
    """Return the refusal for a problem that the handler found.

    Raises:
        UsageError: No middleware ran.
    """
    return _noted(state)[0].refuse(request, problem, host=host)


async def decide_async(
    state: State, read: Callable[[], Request], policy: Policy, host: str, *, anew: bool = False
) -> Decision:
    """Asynchronous version of `decide`."""
    engine, who = _noted(state)
    if who is not None and not anew:
        return _note(state, engine, engine.authorize(read(), who, policy, host=host), policy)
    decision = await engine.authenticate_async(read(), policy, host=host)
    return _note(state, engine, decision, policy)


def _noted(state: ReadState) -> tuple[Engine, AccessToken | Principal | None]:
    engine = state.get(ENGINE_KEY)
    if engine is None:
        raise UsageError(
            "a guarded handler was reached without the guard's middleware: add it to the "
            "application"
        )
    return engine, state.get(TOKEN_KEY) or state.get(PRINCIPAL_KEY)


def _note(state: State, engine: Engine, decision: Decision, policy: Policy) -> Decision:
    """Store a grant for the handlers below, or record a refusal for the middleware."""
    if not isinstance(decision, Allow):
        record_refusal(state, decision)
    return _grant(state, engine, decision, policy)


def _grant(state: State, engine: Engine, decision: Decision, policy: Policy) -> Decision:
    if isinstance(decision, Allow):
        add_notes(state, engine, decision.token, decision.principal)
        record_headers(state, decision)
        record_policy(state, policy, has_token=decision.token is not None)
    return decision


def policies_of(handler: object) -> tuple[Policy, ...]:
    """Return the policies of `handler`, the one of the outermost decorator first.

    The policies of a class are those of its `dispatch`.
    """
    marked = _marked(handler) if isinstance(handler, type) else handler
    found: tuple[Policy, ...] = getattr(marked, POLICIES_ATTRIBUTE, ())
    return found


def is_public(handler: object) -> bool:
    """Return whether `handler` is marked `@public`."""
    marked = _marked(handler) if isinstance(handler, type) else handler
    return getattr(marked, PUBLIC_ATTRIBUTE, False) is True


class HandlerMarks:
    """The marks of handlers by name, each read once. An application may replace a handler."""

    def __init__(self) -> None:
        self._known: dict[str | None, tuple[object, bool, Policy | None]] = {}

    def of(self, name: str | None, handler: object) -> tuple[bool, Policy | None]:
        """Return whether `handler` is public, and the policy of its outermost decorator."""
        marks = self._known.get(name)
        if marks is None or marks[0] is not handler:
            policies = policies_of(handler)
            marks = (handler, is_public(handler), policies[0] if policies else None)
            self._known[name] = marks
        return marks[1], marks[2]


def _marked(handler: type) -> object:
    # The mark is on `dispatch`, not on the class. A subclass that overrides `dispatch` would
    # inherit a mark of the class, but not the check.
    return getattr(handler, "dispatch", None)


def mark_guarded(wrapper: F, policy: Policy) -> F:
    """Add `policy` to the policies that `wrapper` has copied from the function that it wraps.

    Raises:
        UsageError: The wrapped function is public.
    """
    if is_public(wrapper):
        raise UsageError(_PUBLIC_AND_GUARDED)
    setattr(wrapper, POLICIES_ATTRIBUTE, (policy, *policies_of(wrapper)))
    return wrapper


def mark_public(wrapper: F) -> F:
    """Mark `wrapper` as public.

    The handler itself gets no mark, because it may be registered elsewhere without `@public`.

    Raises:
        UsageError: The wrapped function is guarded.
    """
    if policies_of(wrapper):
        raise UsageError(_PUBLIC_AND_GUARDED)
    setattr(wrapper, PUBLIC_ATTRIBUTE, True)
    _public_marks.append(True)
    return wrapper


_public_marks: Final[deque[bool]] = deque(maxlen=1)


def any_public() -> bool:
    """Return whether `@public` was used in this process.

    If not, a middleware need not resolve the path to find out which view will run.
    """
    return bool(_public_marks)
