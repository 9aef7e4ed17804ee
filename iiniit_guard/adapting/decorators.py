"""What every decorator does: it decides before its handler runs, and marks the handler with its policy."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, TypeVar

from iiniit_guard.adapting.middleware import Deciding
from iiniit_guard.adapting.request_state import GUARD_KEY, PRINCIPAL_KEY, TOKEN_KEY, add_notes, record_refusal
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.decision import Allow, Decision
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.request import Request
from iiniit_guard.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])

POLICIES_ATTRIBUTE: Final = "__iiniit_guard_policies__"
PUBLIC_ATTRIBUTE: Final = "__iiniit_guard_public__"


def is_permitted(state: Mapping[str, Any], policy: Policy) -> bool:
    """Return whether the token that a middleware noted satisfies `policy`; else `decide` refuses the request or finds a token."""
    guard, who = state.get(GUARD_KEY), state.get(TOKEN_KEY) or state.get(PRINCIPAL_KEY)
    return who is not None and guard is not None and policy.check(who, guard.resource.clock.wall) is None


def is_noted(state: Mapping[str, Any]) -> bool:
    """Return whether a token or another credential was verified already, so that `decide` does not wait for any issuer.

    Raises:
        UsageError: No middleware ran.
    """
    return _noted(state)[1] is not None


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
        return _note(state, guard, guard.permit(read(), who, policy, host=host))
    # A public path, an anonymous request, a preflight, enforce="declared": a guarded handler never runs unauthenticated.
    return _note(state, guard, guard.authenticate(read(), policy, host=host))


async def decide_async(state: MutableMapping[str, Any], read: Callable[[], Request], policy: Policy, host: str) -> Decision:
    """Do what `decide` does, on an event loop."""
    guard, who = _noted(state)
    if who is not None:
        return _note(state, guard, guard.permit(read(), who, policy, host=host))
    return _note(state, guard, await guard.authenticate_async(read(), policy, host=host))


def decide_anew(state: MutableMapping[str, Any], read: Callable[[], Request], policy: Policy, host: str) -> Decision:
    """Decide as if nothing had been noted: what was good when a long connection began need not be good now."""
    guard, _ = _noted(state)
    return _note(state, guard, guard.authenticate(read(), policy, host=host))


async def decide_anew_async(state: MutableMapping[str, Any], read: Callable[[], Request], policy: Policy, host: str) -> Decision:
    """Do what `decide_anew` does, on an event loop."""
    guard, _ = _noted(state)
    return _note(state, guard, await guard.authenticate_async(read(), policy, host=host))


def _noted(state: Mapping[str, Any]) -> tuple[Deciding, AccessToken | Principal | None]:
    guard = state.get(GUARD_KEY)
    if guard is None:
        raise UsageError("a guarded handler was reached without the guard's middleware: add it to the application")
    return guard, state.get(TOKEN_KEY) or state.get(PRINCIPAL_KEY)


def _note(state: MutableMapping[str, Any], guard: Deciding, decision: Decision) -> Decision:
    """Note a grant for the handlers below, or record a refusal, which the middleware sends whatever becomes of this handler's answer."""
    if isinstance(decision, Allow):
        add_notes(state, guard, decision.token, decision.principal)
    else:
        record_refusal(state, decision)
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
