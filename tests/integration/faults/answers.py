"""The response to every outage."""

from __future__ import annotations

import json

from iiniit_guard.core.model.decision import Decision, Unavailable
from iiniit_guard.core.model.problem import Reason


def seconds_told(decision: Decision) -> int:
    """Check the response to an outage; return its Retry-After."""
    assert isinstance(decision, Unavailable)
    assert (decision.status, decision.reason) == (503, Reason.ISSUER_UNAVAILABLE)
    assert decision.header("www-authenticate") is None
    assert decision.header("cache-control") == "no-store"
    document = json.loads(decision.body)
    assert (document["reason"], document["error"]) == (
        "issuer_unavailable",
        "temporarily_unavailable",
    )
    told = int(decision.header("retry-after") or "")
    assert told >= 1
    return told
