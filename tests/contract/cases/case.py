"""Rows of the decision tables, and how a row is run against a guard."""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias, TypeVar

from iiniit_guard.core.http.event import Event
from iiniit_guard.core.jose.jws import ALGORITHMS, Jws, remember_header
from iiniit_guard.core.model.decision import Decision
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.guard import Guard
from iiniit_guard.testing import Issuer, SettableClock, make_key
from tests.contract.cases.jws_texts import parse_jws
from tests.contract.hosts.calling import Lines
from tests.contract.hosts.handlers import POLICIES
from tests.contract.hosts.tls import FIELD

T = TypeVar("T")

NOW: Final = 1_800_000_000
API: Final = "https://api.test"
ISSUER: Final = "https://issuer.test"

TokenOf: TypeAlias = Callable[[Issuer], str]
ProofsOf: TypeAlias = Callable[[Issuer, str], Sequence[str]]
"""Make the values of the `DPoP` fields of a request with this token."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The expected refusal: status, error code, reason and the scope of the challenge."""

    status: int
    code: str | None
    reason: Reason
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    """The expected grant; `scopes` and `subject` are compared unless they are None."""

    scopes: frozenset[str] | None = None
    subject: str | None = None


UNAVAILABLE: Final = Refused(503, "temporarily_unavailable", Reason.ISSUER_UNAVAILABLE)
ALLOWED: Final = Allowed()


def bad(reason: Reason) -> Refused:
    """Return the 401 of a token that is refused for `reason`."""
    return Refused(401, "invalid_token", reason)


def bad_request(reason: Reason) -> Refused:
    """Return the 400 of a request that is malformed for `reason`."""
    return Refused(400, "invalid_request", reason)


@dataclass(slots=True)
class Scene:
    """The state of a running row, passed to `then` between the first and the second request."""

    issuer: Issuer
    guard: Guard
    events: list[Event]
    token: str


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One row.

    Attributes:
        name: Unique in all tables.
        clause: The clause of the specification, or the advisory, that the row tests.
        token: Makes the token; None means that the request has none.
        expected: The answer.
        lines: The `Authorization` field lines; `{token}` stands for the token.
        fields: Further header fields, in whose values `{token}` stands for the token.
        query: The query; `{token}` stands for the token.
        path: The path, which selects the policy in `POLICIES`.
        method: The request's method.
        headers: Further header fields.
        settings: Settings of the guard beside those of `Issuer.guard`, or a function of the issuer.
        algorithm: The algorithm of the issuer's signing key.
        issuer: The issuer identifier.
        given: Changes the issuer before the guard is made.
        then: Changes the scene between two identical requests, of which the second counts.
        asked: The calls that the request causes at the issuer; None means that any are accepted.
        retry_after: The `Retry-After` of an outage; None means that any value is accepted.
        proofs: Makes the DPoP proofs of the request, once: both of two requests have the same. The
            scheme of the token is then DPoP unless `lines` names another.
        nonce: Whether the answer has a `DPoP-Nonce`.
        before: Changes the scene before the first request.
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
    fields: tuple[tuple[bytes, str], ...] = ()
    settings: Mapping[str, Any] | Callable[[Issuer], Mapping[str, Any]] = field(
        default_factory=dict
    )
    algorithm: str = "ES256"
    issuer: str = ISSUER
    given: Callable[[Issuer], object] | None = None
    then: Callable[[Scene], object] | None = None
    asked: tuple[str, ...] | None = None
    retry_after: str | None = None
    proofs: ProofsOf | None = None
    nonce: bool = False
    before: Callable[[Scene], object] | None = None

    def __post_init__(self) -> None:
        # Every 401 names the scope of the handler, so that no row has to repeat it.
        policy = POLICIES.get(self.path)
        if (
            isinstance(self.expected, Refused)
            and self.expected.status == 401
            and policy is not None
            and policy.scopes
        ):
            object.__setattr__(
                self, "expected", replace(self.expected, scope=policy.challenge_scope)
            )

    def __str__(self) -> str:
        return self.name

    def make_issuer(self) -> Issuer:
        """Create the issuer of the row, with its clock at `NOW`."""
        # A key of the row's issuer is made once per process: an RSA key takes a tenth of a second.
        key = make_key(self.algorithm, self.issuer)
        issuer = Issuer(self.issuer, API, signing_key=key, clock=SettableClock(NOW))
        if self.given is not None:
            self.given(issuer)
        return issuer

    def settings_for(self, issuer: Issuer) -> Mapping[str, Any]:
        """Return the settings of the guard."""
        return self.settings(issuer) if callable(self.settings) else self.settings

    def header_lines(self, token: str, proofs: Sequence[str] = ()) -> list[tuple[bytes, bytes]]:
        """Return all header fields of the request."""
        lines = (
            self.lines
            if self.lines is not None
            else ()
            if self.token is None
            else ("Bearer {token}",)
            if self.proofs is None
            else ("DPoP {token}",)
        )
        return [
            *((b"authorization", _fill(line, token)) for line in lines),
            *((name, _fill(line, token)) for name, line in self.fields),
            *((b"dpop", proof.encode("latin-1")) for proof in proofs),
            *self.headers,
        ]


def play(
    case: Case,
    send: Callable[[Guard, str, str, Lines, str], T],
    *,
    listening: bool = True,
    prepared: bool = False,
) -> tuple[T, Scene]:
    """Run a row: `send(guard, method, path, header lines, query)` makes each request.

    Args:
        case: The row.
        send: Makes one request.
        listening: False omits `on_event`. Without a listener, cached tokens take the fast path.
        prepared: The keys and the JOSE header are cached, so a new JWT takes the fast path too.

    Returns:
        What the request that counts got, and the scene: its events and its issuer's `requests` are
            those of that request alone.
    """
    issuer = case.make_issuer()
    events: list[Event] = []
    guard = issuer.guard(
        **({"on_event": events.append} if listening else {}), **case.settings_for(issuer)
    )
    scene = Scene(issuer, guard, events, case.token(issuer) if case.token is not None else "")
    proofs = () if case.proofs is None else tuple(case.proofs(issuer, scene.token))

    if prepared:
        asyncio.run(guard.warm_up_async())
        jws = parse_jws(scene.token, frozenset(ALGORITHMS))
        if isinstance(jws, Jws):
            remember_header(jws.header, deque())

    def once() -> T:
        issuer.requests.clear()
        events.clear()
        return send(
            guard,
            case.method,
            case.path,
            case.header_lines(scene.token, proofs),
            case.query.replace("{token}", scene.token),
        )

    if case.before is not None:
        case.before(scene)
    if case.then is not None:
        once()
        case.then(scene)
    return once(), scene


def seen_by_guard(guard: Guard, method: str, path: str, lines: Lines, query: str) -> Decision:
    """Call the guard directly, without a host."""
    return guard.authenticate(request_of(method, path, lines, query), POLICIES[path])


def seen_by_guard_async(guard: Guard, method: str, path: str, lines: Lines, query: str) -> Decision:
    """Call the guard directly, on an event loop."""
    return asyncio.run(
        guard.authenticate_async(request_of(method, path, lines, query), POLICIES[path])
    )


def request_of(method: str, path: str, lines: Lines, query: str) -> Request:
    """Return the request of a row, from a client on this machine."""
    fields = [field for field in lines if field[0] != FIELD]
    presented = [b64decode(value) for name, value in lines if name == FIELD]
    certificate = presented[0] if presented else None
    encoded = query.encode("latin-1")
    return Request(method, path, encoded, fields, "http", "127.0.0.1", certificate)


def verdict(status: int, challenge: str | None, reason: str | None) -> Refused:
    """Parse a refusal with a parser that is independent of the package."""
    parameters = dict(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', challenge or ""))
    code = "temporarily_unavailable" if status == 503 else parameters.get("error")
    return Refused(status, code, Reason(reason or ""), parameters.get("scope"))


def _fill(line: str | bytes, token: str) -> bytes:
    raw = line if isinstance(line, bytes) else line.encode("latin-1")
    return raw.replace(b"{token}", token.encode("latin-1"))


def token(scope: str | None = "user:read", **arguments: Any) -> TokenOf:
    """Issue a JWT, see `Issuer.token`."""
    return lambda issuer: issuer.token(scope, **arguments)


def opaque(scope: str | None = "user:read", **arguments: Any) -> TokenOf:
    """Issue an opaque token, see `Issuer.opaque_token`."""
    return lambda issuer: issuer.opaque_token(scope, **arguments)


def literal(text: str) -> TokenOf:
    """Send this text as the token."""
    return lambda _: text
