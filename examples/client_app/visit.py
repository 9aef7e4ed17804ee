"""What the client remembers of one browser: its tokens, the steps that happened, the answers it got. It stays on the server."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal

from examples.client_app.exchange import Exchange

Outcome = Literal["done", "refused"]


@dataclass(slots=True)
class Held:
    """An access token that the client holds."""

    access_token: str = field(repr=False)
    kind: str
    scopes: tuple[str, ...]
    expires_at: float
    expires_in: int
    revoked_at: float | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """One of the seven steps, as it happened last."""

    outcome: Outcome
    exchanges: tuple[Exchange, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The API's last answer, in words.

    Attributes:
        tone: `done`, `refused` or `wait`.
        status: The status line; empty when none came.
        title: The answer in one line.
        paragraphs: Why.
        facts: (name, value) worth reading in the response.
    """

    tone: str
    status: str
    title: str
    paragraphs: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Visit:
    """One browser's flow."""

    token_kind: str
    api: str
    state: str = field(default="", repr=False)
    verifier: str = field(default="", repr=False)
    held: Held | None = None
    refresh_token: str = field(default="", repr=False)
    short: Held | None = None
    steps: dict[int, Happened] = field(default_factory=dict)
    fresh_steps: set[int] = field(default_factory=set)
    answer: Answer | None = None
    history: list[tuple[str, str, str, str]] = field(default_factory=list)
    bio: str = ""

    def record(self, number: int, outcome: Outcome, *exchanges: Exchange, note: str = "") -> None:
        """Note that a step happened."""
        self.steps[number] = Happened(outcome, exchanges, note)
        self.fresh_steps.add(number)

    def forget_steps_from(self, number: int) -> None:
        """Make the steps from `number` on undone again."""
        for later in range(number, 8):
            self.steps.pop(later, None)

    def log(self, what: str, status: str, reason: str) -> None:
        """Add a line to the history; the last twelve are kept."""
        self.history.insert(0, (time.strftime("%H:%M:%S"), what, status, reason))
        del self.history[12:]


class Visits:
    """The browsers of the last while; the longest silent one makes room for the 257th."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._visits: OrderedDict[str, Visit] = OrderedDict()

    def find(self, key: str | None) -> Visit | None:
        """Find a visit by the key in its cookie."""
        with self._lock:
            visit = self._visits.get(key or "")
            if visit is not None:
                self._visits.move_to_end(key or "")
            return visit

    def add(self, visit: Visit) -> str:
        """Remember a visit and give its key."""
        key = secrets.token_urlsafe(24)
        with self._lock:
            self._visits[key] = visit
            if len(self._visits) > 256:
                self._visits.popitem(last=False)
        return key

    def remove(self, key: str | None) -> None:
        """Forget a visit."""
        with self._lock:
            self._visits.pop(key or "", None)
