"""Calls to authorization servers, for the metrics and traces of the application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from iiniit_guard.core.model.diagnosis import Cause, Purpose


@dataclass(slots=True)
class OutgoingCall:
    """One HTTP request to an authorization server, before it is sent.

    Attributes:
        purpose: What the guard needs: `metadata` (discovery), `keys` (the JWK Set),
            `status_list` (a Token Status List) or `introspection`.
        method: `GET` or `POST`.
        url: The URL. The guard sends tokens and credentials in header fields and bodies only.
        headers: Header fields that the listener adds to the request, such as `traceparent`. A field
            that the guard sends itself cannot be replaced.
    """

    purpose: Purpose
    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallResult:
    """How a call ended.

    Attributes:
        seconds: How long it took, including a repetition on a new connection.
        status: The HTTP status of the response; None without a complete response.
        cause: Why there is no complete response: `connection`, `tls`, `timeout`, …, or `cancelled`
            if the task of the request was cancelled; None with a response.
    """

    seconds: float
    status: int | None
    cause: Cause | Literal["cancelled"] | None


OnCall: TypeAlias = Callable[[OutgoingCall], Callable[[CallResult], object] | None]
"""Called before each call; returns a function that gets the result, or None."""
