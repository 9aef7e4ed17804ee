"""The state of one browser: its tokens, the completed steps and the responses.

The state stays on the server.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from examples.client_app.checks import Decided
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
    """The last occurrence of one of the steps.

    Attributes:
        outcome: `done` or `refused`.
        exchanges: The requests and responses.
        note: What the page says about them.
        decided: What the guard did, if the guard took part in the step.
    """

    outcome: Outcome
    exchanges: tuple[Exchange, ...]
    note: str = ""
    decided: Decided | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The explanation of the last response of the API.

    Attributes:
        tone: `done`, `refused` or `wait`.
        status: The status line; empty if there was no response.
        title: The summary in one line.
        paragraphs: The explanation.
        facts: The (name, value) pairs of the relevant parts of the response.
        profile: The profile in the response.
    """

    tone: str
    status: str
    title: str
    paragraphs: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    profile: Mapping[str, str] | None = None

    @property
    def initials(self) -> str:
        """The initials of the name in the profile, in place of a picture."""
        words = (self.profile or {}).get("name", "").split()
        return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


@dataclass(frozen=True, slots=True)
class Passage:
    """One call through the gateway: its steps by number, and the explanation of the answer."""

    steps: dict[int, Happened]
    answer: Answer


@dataclass(slots=True)
class Visit:
    """The flow of one browser.

    Attributes:
        used: The token of the last call, which the page shows; None before a call.
        short: The token that demonstrates expiry.
        passage: The last call through the gateway.
        passage_is_fresh: Whether no page has shown it yet.
    """

    token_kind: str
    api: str
    state: str = field(default="", repr=False)
    verifier: str = field(default="", repr=False)
    held: Held | None = None
    refresh_token: str = field(default="", repr=False)
    used: Held | None = None
    short: Held | None = None
    steps: dict[int, Happened] = field(default_factory=dict)
    fresh_steps: set[int] = field(default_factory=set)
    answer: Answer | None = None
    history: list[tuple[str, str, str, str]] = field(default_factory=list)
    bio: str = ""
    passage: Passage | None = None
    passage_is_fresh: bool = False

    def record(
        self,
        number: int,
        outcome: Outcome,
        *exchanges: Exchange,
        note: str = "",
        decided: Decided | None = None,
    ) -> None:
        """Store that a step happened."""
        self.steps[number] = Happened(outcome, exchanges, note, decided)
        self.fresh_steps.add(number)

    def forget_steps_from(self, number: int) -> None:
        """Remove the step `number` and all later ones."""
        for later in range(number, 8):
            self.steps.pop(later, None)

    def log(self, what: str, status: str, reason: str) -> None:
        """Add a line to the history, which keeps the last twelve."""
        self.history.insert(0, (time.strftime("%H:%M:%S"), what, status, reason))
        del self.history[12:]


class Visits:
    """The states of at most 256 browsers. A new one evicts the least recently used one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._visits: OrderedDict[str, Visit] = OrderedDict()

    def find(self, key: str | None) -> Visit | None:
        """Return a visit by the key in its cookie."""
        with self._lock:
            visit = self._visits.get(key or "")
            if visit is not None:
                self._visits.move_to_end(key or "")
            return visit

    def add(self, visit: Visit) -> str:
        """Store a visit and return its key."""
        key = secrets.token_urlsafe(24)
        with self._lock:
            self._visits[key] = visit
            if len(self._visits) > 256:
                self._visits.popitem(last=False)
        return key

    def remove(self, key: str | None) -> None:
        """Remove a visit."""
        with self._lock:
            self._visits.pop(key or "", None)
