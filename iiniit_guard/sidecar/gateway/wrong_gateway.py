"""Refusals of a request that does not come from the gateway of the settings, with the cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason

if TYPE_CHECKING:
    from iiniit_guard.adapting.types import ReadState
    from iiniit_guard.sidecar.settings.dialects import Dialect


def untrusted_peer(scope: ReadState) -> Problem:
    """Return the refusal of a peer that is not a trusted proxy. Its log line names the peer."""
    client = scope.get("client")
    peer = client[0] if client else "a Unix socket"
    return PROBLEMS[Reason.UNTRUSTED_PEER].about(detail=f"{peer} is not in server.trusted_proxies")


def unknown_original(scope: ReadState, dialect: Dialect) -> Problem:
    """Return the refusal of a request without the fields of the gateway. Its log line names one."""
    return PROBLEMS[Reason.UNKNOWN_ORIGINAL].about(detail=dialect.find_fault(scope))
