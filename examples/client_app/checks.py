"""The checks of a guard in their order, as far as one decision went, for step 7 of the page.

The guard reports its decision, its reason and whether the token was in the cache. The order of the
checks is that of `iiniit_guard/core/decide.py` and `iiniit_guard/core/verify.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Result = Literal["passed", "refused", "unavailable", "cached", "not reached"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check, and the reasons with which it refuses a request."""

    text: str
    reasons: frozenset[str] = frozenset()
    calls: bool = False
    cacheable: bool = True


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision of a guard, for the page.

    Attributes:
        decision: `allow`, `deny` or `unavailable`.
        cache: `hit`, `miss` or `none`.
        microseconds: The duration of the decision, with its calls.
        checks: The pairs of a check and its result, in order.
        calls: The calls to the authorization server, in words.
        event: The event, as JSON.
    """

    decision: str
    cache: str
    microseconds: str
    checks: tuple[tuple[str, Result], ...]
    calls: tuple[str, ...]
    event: str

    @property
    def cache_says(self) -> str:
        """What the state of the cache means for this request."""
        return {
            "hit": "The guard has verified this token before: no signature check and no call.",
            "miss": "The guard has cached no valid result for this token, so it checks the token.",
        }.get(self.cache, "The guard did not get as far as a token.")


def _check(text: str, *reasons: str, calls: bool = False, cacheable: bool = True) -> Check:
    return Check(text, frozenset(reasons), calls, cacheable)


_REQUEST = (
    _check(
        "Exactly one access token, in the Authorization header",
        *("no_token", "several_credentials", "malformed_header", "token_too_long"),
        *("token_in_query", "unknown_credential"),
        cacheable=False,
    ),
)
_CLAIMS = (
    _check("It has not expired, and is valid by now", "expired", "not_yet_valid"),
    _check("It was not issued in the future", "issued_in_future"),
    _check("It was issued for this API (audience)", "wrong_audience"),
    _check(
        "Its other claims are well-formed, and no key binds it that the guard cannot check (cnf)",
        *("malformed_claim", "unsupported_confirmation", "refused_by_validator"),
    ),
)
_JWT = (
    _check("It is a signed JWT", "malformed_token", "unsupported_critical", "not_verified"),
    _check("A trusted authorization server issued it (iss)", "unknown_issuer"),
    _check("Its signature algorithm is allowed (alg)", "unsupported_algorithm"),
    _check("It is an access token and no other kind of JWT (typ)", "wrong_type"),
    _check("Its key is one that the authorization server publishes", "unknown_key", calls=True),
    _check("Its signature is genuine", "bad_signature"),
    *_CLAIMS,
)
_ASKED = (
    _check(
        "The authorization server says that it is active",
        *("inactive", "revoked", "unsupported_token_type", "malformed_token"),
        calls=True,
    ),
    _check("The answer comes from its issuer, and is about an access token", "unknown_issuer"),
    *_CLAIMS,
)
_POLICY = (
    _check(
        "Its scopes include the one that this path and method require",
        *("missing_scope", "insufficient_authentication", "no_rule"),
        cacheable=False,
    ),
)


def decided(event: Mapping[str, Any], *, asks: bool) -> Decided:
    """Return a decision for the page.

    Args:
        event: The members of `iiniit_guard.Event`, and `calls`.
        asks: Whether the guard introspects this token instead of verifying its signature.
    """
    members = {
        name: value for name, value in event.items() if name != "calls" and value is not None
    }
    return Decided(
        event["decision"],
        event["cache"],
        f"{event['seconds'] * 1_000_000:,.0f}",
        tuple(_results(event, (*_REQUEST, *(_ASKED if asks else _JWT), *_POLICY))),
        tuple(_call(call) for call in event.get("calls", ())),
        json.dumps(members, indent=2),
    )


def _results(event: Mapping[str, Any], checks: tuple[Check, ...]) -> list[tuple[str, Result]]:
    results: list[tuple[str, Result]] = []
    stopped = False
    for check in checks:
        if stopped:
            result: Result = "not reached"
        elif event["decision"] == "unavailable" and check.calls:
            result, stopped = "unavailable", True
        elif event["reason"] in check.reasons:
            result, stopped = "refused", True
        elif event["cache"] == "hit" and check.cacheable:
            result = "cached"
        else:
            result = "passed"
        results.append((check.text, result))
    if event["decision"] != "allow" and not stopped:
        return [(f"A check that this page does not list: {event['reason']}", "refused")]
    return results


def _call(call: Mapping[str, Any]) -> str:
    what = {"introspection": "what the token means", "keys": "its keys", "metadata": "its metadata"}
    outcome = call["status"] or call["cause"]
    return (
        f"{call['method']} {call['url']} for {what[call['purpose']]}: {outcome}, "
        f"{call['seconds'] * 1000:.1f} ms"
    )
