"""What a row of the decision tables is, and how one is played against a guard."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

from iiniit_guard.core.http.event import Event
from iiniit_guard.core.jose.jws import ALGORITHMS, Jws, parse_jws, remember_header
from iiniit_guard.core.model.decision import Decision
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.guard import Guard
from iiniit_guard.testing import Issuer, SettableClock
from tests.contract.hosts.builders import POLICIES
from tests.contract.hosts.calling import Lines

T = TypeVar("T")

NOW: Final = 1_800_000_000
API: Final = "https://api.test"
ISSUER: Final = "https://issuer.test"

TokenOf: TypeAlias = Callable[[Issuer], str]


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer that a row expects: status, error code, our reason; `scope` is that of the challenge."""

    status: int
    code: str | None
    reason: Reason
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    """A row whose request passes; `scopes` and `subject` are compared where they are given."""

    scopes: frozenset[str] | None = None
    subject: str | None = None


UNAVAILABLE: Final = Refused(503, "temporarily_unavailable", Reason.ISSUER_UNAVAILABLE)
ALLOWED: Final = Allowed()


def bad(reason: Reason) -> Refused:
    """Expect the 401 of a token that is not good."""
    return Refused(401, "invalid_token", reason)


def bad_request(reason: Reason) -> Refused:
    """Expect the 400 of a request that cannot be read."""
    return Refused(400, "invalid_request", reason)


@dataclass(slots=True)
class Scene:
    """One row as it is played: `then` gets it between the first and the second request."""

    issuer: Issuer
    guard: Guard
    events: list[Event]
    token: str


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One row.

    Attributes:
        name: Unique in all tables.
        clause: The clause of a specification or the advisory that the row comes from.
        token: Makes the token; None where the request has none.
        expected: The answer.
        lines: Authorization field lines; `{token}` stands for the token.
        query: The query; `{token}` stands for the token.
        path: Which policy applies, see `POLICIES`.
        method: The request's method.
        headers: Further header fields.
        settings: Of the guard, beside those that `Issuer.guard` sets; a callable gets the issuer.
        algorithm: Of the issuer's signing key.
        given: Changes the issuer before the guard is made.
        then: Where it is given, the request is sent once before; this then changes the scene for the request that counts.
        asked: What the issuer was asked by the request that counts; None where the row does not care.
        retry_after: The `Retry-After` of an outage; None where the row does not care.
    """

    name: str
    clause: str
    token: TokenOf | None
    expected: Refused | Allowed
    lines: tuple[str | bytes, ...] | None = None
    query: str = ""
    path: str = "/token"
    method: str = "GET"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    settings: Mapping[str, Any] | Callable[[Issuer], Mapping[str, Any]] = field(default_factory=dict)
    algorithm: str = "ES256"
    given: Callable[[Issuer], object] | None = None
    then: Callable[[Scene], object] | None = None
    asked: tuple[str, ...] | None = None
    retry_after: str | None = None

    def __str__(self) -> str:
        return self.name

    def make_issuer(self) -> Issuer:
        """Set up the issuer as the row wants it, at `NOW`."""
        issuer = Issuer(ISSUER, API, algorithm=self.algorithm, clock=SettableClock(NOW))
        if self.given is not None:
            self.given(issuer)
        return issuer

    def settings_for(self, issuer: Issuer) -> Mapping[str, Any]:
        """Give the guard's settings."""
        return self.settings(issuer) if callable(self.settings) else self.settings

    def header_lines(self, token: str) -> list[tuple[bytes, bytes]]:
        """Give all header fields of the request."""
        lines = self.lines if self.lines is not None else () if self.token is None else ("Bearer {token}",)
        return [*((b"authorization", _fill(line, token)) for line in lines), *self.headers]


def play(
    case: Case, send: Callable[[Guard, str, str, Lines, str], T], *, listening: bool = True, prepared: bool = False
) -> tuple[T, Scene]:
    """Play a row: `send(guard, method, path, header lines, query)` makes each request.

    Args:
        case: The row.
        send: Makes one request.
        listening: False leaves out `on_event`: without a listener the guard takes its short way to remembered tokens.
        prepared: The guard has its keys, and another token had the very header of this one: a new JWT takes the short way too.

    Returns:
        What the request that counts got, and the scene: its events and its issuer's `requests` are those of that request alone.
    """
    issuer = case.make_issuer()
    events: list[Event] = []
    guard = issuer.guard(**({"on_event": events.append} if listening else {}), **case.settings_for(issuer))
    scene = Scene(issuer, guard, events, case.token(issuer) if case.token is not None else "")

    if prepared:
        asyncio.run(guard.prepare_async())
        jws = parse_jws(scene.token, frozenset(ALGORITHMS))
        if isinstance(jws, Jws):
            remember_header(jws.header, deque())

    def once() -> T:
        issuer.requests.clear()
        events.clear()
        return send(guard, case.method, case.path, case.header_lines(scene.token), case.query.replace("{token}", scene.token))

    if case.then is not None:
        once()
        case.then(scene)
    return once(), scene


def seen_by_guard(guard: Guard, method: str, path: str, lines: Lines, query: str) -> Decision:
    """Ask the guard itself, without a host."""
    return guard.authenticate(Request(method, path, query.encode("latin-1"), lines), POLICIES[path])


def seen_by_guard_async(guard: Guard, method: str, path: str, lines: Lines, query: str) -> Decision:
    """Ask the guard itself, on an event loop."""
    return asyncio.run(guard.authenticate_async(Request(method, path, query.encode("latin-1"), lines), POLICIES[path]))


def verdict(status: int, challenge: str | None, reason: str | None) -> Refused:
    """Read a refusal back, with a reader that is not the writer's."""
    parameters = dict(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', challenge or ""))
    code = "temporarily_unavailable" if status == 503 else parameters.get("error")
    return Refused(status, code, Reason(reason or ""), parameters.get("scope"))


def _fill(line: str | bytes, token: str) -> bytes:
    raw = line if isinstance(line, bytes) else line.encode("latin-1")
    return raw.replace(b"{token}", token.encode("latin-1"))


def token(scope: str | None = "user:read", **arguments: Any) -> TokenOf:
    """Mint a JWT, see `Issuer.token`."""
    return lambda issuer: issuer.token(scope, **arguments)


def opaque(scope: str | None = "user:read", **arguments: Any) -> TokenOf:
    """Issue an opaque token, see `Issuer.opaque_token`."""
    return lambda issuer: issuer.opaque_token(scope, **arguments)


def literal(text: str) -> TokenOf:
    """Send this text as the token."""
    return lambda _: text
