"""Parts of the simulated world of the stateful tests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from iiniit_guard.core.model.flow import HttpResponse, StoreGet, StoreSet, Unreachable
from iiniit_guard.core.model.request import Request
from iiniit_guard.testing import SettableClock
from tests.unit.core.stepping import Steps

NOW = 1_800_000_000
CALL_SECONDS = 5.0
STORE_SECONDS = 0.1
LEEWAY, AHEAD = 5, 30
INACTIVE_SECONDS = 10
PAUSE_SECONDS = 30  # the longest back-off after a failure, without a Retry-After


@dataclass(eq=False)
class Issued:
    """A token and the facts about it.

    Attributes:
        text: The token.
        expires: As the token says.
        issued: As the token says.
        kid: Which key signed it; None for an opaque one.
        revoked: When: how far each process's monotonic clock was, and the latest its wall clock had
            shown. None for never.
    """

    text: str
    expires: float
    issued: float
    kid: str | None
    revoked: dict[int, tuple[float, float]] | None = None


class Memory:
    """A substitute for Redis that keeps expired values; its owner may lose or restore values."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.history: list[tuple[str, bytes]] = []

    def perform(self, effect: StoreGet | StoreSet) -> Any:
        """Return the reply immediately."""
        if isinstance(effect, StoreGet):
            return tuple(self.values.get(name) for name in effect.names)
        self.values[effect.name] = effect.value
        self.history.append((effect.name, effect.value))
        return None

    async def perform_async(self, effect: StoreGet | StoreSet, transports: object) -> Any:
        """Return the reply immediately, on an event loop."""
        return self.perform(effect)

    def close(self) -> None:
        """Do nothing."""


@dataclass(eq=False)
class Pending:
    """A flow under way.

    Attributes:
        steps: The flow.
        token: What it decides about; None for one in the background.
        since: When it asked for what it waits for, by the monotonic clock.
        answer: What the server has answered already and the network has not delivered yet.
    """

    steps: Steps
    token: Issued | None
    since: float
    answer: HttpResponse | Unreachable | None = None


@dataclass(eq=False)
class Process:
    """One process: its clocks, its guard, its flows, and what the test knows about them."""

    number: int
    clock: SettableClock
    guard: Any
    peak: float
    flows: list[Pending] = field(default_factory=list)
    refused: dict[Issued, float] = field(
        default_factory=dict
    )  # when it was last refused with cause
    was_good: set[Issued] = field(default_factory=set)
    ended: set[Issued] = field(default_factory=set)
    failed: float = float("-inf")
    key_set: tuple[float, frozenset[str]] | None = None
    waited_in_vain: bool = False

    @property
    def mono(self) -> float:
        """The monotonic clock."""
        return self.clock.monotonic()


def bearer(token: str) -> Request:
    """A request with this token."""
    return Request("GET", "/", headers=[(b"authorization", b"Bearer " + token.encode())])


def document_of(answer: HttpResponse | Unreachable) -> dict[str, Any] | None:
    """Return the document of a good answer, and None for any other answer."""
    if isinstance(answer, Unreachable) or answer.status != 200:
        return None
    try:
        document = json.loads(answer.body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
