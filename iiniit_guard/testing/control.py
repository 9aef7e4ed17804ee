"""The endpoint by which a test in another process makes the issuer fail."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final, get_args

from iiniit_guard.testing.introspection import json_response
from iiniit_guard.testing.metadata import Kind
from iiniit_guard.testing.token_endpoint import form_of

if TYPE_CHECKING:
    from iiniit_guard.core.model.flow import HttpRequest, HttpResponse
    from iiniit_guard.testing.issuer import Issuer

ACTIONS: Final = ("rotate", "down", "slow", "skew", "recover")
_LONGEST_SECONDS: Final = 86_400.0


def control(issuer: Issuer, request: HttpRequest) -> HttpResponse:
    """Begin or end a failure, and return what was done.

    The form has `action`: `rotate` publishes a new key (`keep_old=false` withdraws the others);
    `down` refuses connections; `slow` answers after `seconds`; `skew` issues tokens by a clock that
    is `seconds` ahead; `recover` ends all failures. `at` names one endpoint: `discovery`, `jwks`,
    `introspection` or `status_list`.
    """
    form = form_of(request)
    action, named = form.get("action", ""), form.get("at")
    at: Kind | None = next((kind for kind in get_args(Kind) if kind == named), None)
    try:
        seconds = float(form.get("seconds", "0"))
    except ValueError:
        seconds = float("nan")
    if action not in ACTIONS or (named and at is None) or not isfinite(seconds):
        return json_response(400, {"error": "invalid_request", "actions": ACTIONS})
    seconds = max(-_LONGEST_SECONDS, min(seconds, _LONGEST_SECONDS))
    if action == "rotate":
        issuer.rotate_keys(keep_old=form.get("keep_old") != "false")
    elif action == "down":
        issuer.fail("connection", at)
    elif action == "slow":
        issuer.slow_seconds = max(0.0, seconds)
        issuer.fail("slow", at)
    elif action == "skew":
        issuer.skew_seconds = seconds
    else:
        issuer.fail(None)
        issuer.skew_seconds = 0
    return json_response(200, {"done": action})
