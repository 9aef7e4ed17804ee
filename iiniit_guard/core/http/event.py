"""One event per decision, for logs, metrics and traces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.http.bearer import AUTHORIZATION, is_b64token
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow, Decision, Deny, Refusal, Unavailable
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.request import Request

_NAMES: Final[Mapping[type, Literal["allow", "deny", "unavailable"]]] = {
    Allow: "allow",
    Deny: "deny",
    Unavailable: "unavailable",
}


@dataclass(frozen=True, slots=True)
class Event:
    """The decision about one request. Holds no token, no secret and no claims besides those listed.

    Attributes:
        time: Seconds since the epoch, when the decision was made.
        host: The adapter that called: `wsgi`, `asgi`, `flask`, `django`, `starlette`, `fastapi`,
            `sidecar`, … or `guard`.
        method: The request's method.
        decision: `allow`, `deny` or `unavailable`.
        status: The response's HTTP status; None for `allow`.
        reason: The reason of the refusal; None for `allow`.
        cache: `hit` (no signature check and no call), `miss`, or `none` if no token was checked.
        seconds: How long the decision took.
        issuer: The trusted issuer of the verified token, or the issuer that is unavailable; None if
            neither is known.
        client_id: Of a verified token, or None.
        subject: Of a verified token, or None; always None with `event_subject=False`.
        token_digest: First 16 hexadecimal digits of the token's SHA-256; None without a token.
        cause: Why the guard could not verify a token, for `unavailable`: `connection`, `tls`,
            `timeout`, …; None otherwise.
        detail: What the log says besides: the issuer or audience that was received and expected, or
            URL, status and failure of a call; None without such facts. Received values are
            unverified; they are escaped, and have at most 200 characters.
    """

    time: float
    host: str
    method: str
    decision: Literal["allow", "deny", "unavailable"]
    status: int | None
    reason: str | None
    cache: str
    seconds: float
    issuer: str | None = None
    client_id: str | None = None
    subject: str | None = field(default=None, repr=False)
    token_digest: str | None = None
    cause: str | None = None
    detail: str | None = field(default=None, repr=False)


class EventCounter(ABC):
    """A listener that can count an accepted request without its event, which costs less."""

    @abstractmethod
    def __call__(self, event: Event) -> None:
        """Count one decision."""

    @abstractmethod
    def count_accepted(self, cache: str, seconds: float) -> None:
        """Count one accepted request. The arguments are the attributes of its event."""


def event_of(
    decision: Decision,
    request: Request,
    host: str,
    *,
    now: float,
    seconds: float,
    subjects: bool,
    failure: Unreachable | None = None,
    detail: str | None = None,
    field: bytes = AUTHORIZATION,
) -> Event:
    """Return the event of a decision.

    Args:
        decision: The decision.
        request: The request that it is about.
        host: The adapter's name.
        now: Seconds since the epoch.
        seconds: How long it took.
        subjects: Whether the event may name the subject.
        failure: Why the token could not be verified.
        detail: See `Event.detail`.
        field: The header field that carries the token, lower-case.
    """
    refusal = decision if isinstance(decision, Refusal) else None
    who = decision.token if isinstance(decision, Refusal) else decision.token or decision.principal
    token = who if isinstance(who, AccessToken) else None
    issuer = None if failure is None else failure.diagnosis.issuer
    return Event(
        time=now,
        host=host,
        method=request.method,
        decision=_NAMES[type(decision)],
        status=None if refusal is None else refusal.status,
        reason=None if refusal is None else refusal.reason.value,
        cache=decision.cache,
        seconds=seconds,
        issuer=issuer if token is None else token.issuer,
        client_id=None if token is None else token.client_id,
        subject=who.subject if who is not None and subjects else None,
        token_digest=_digest_for_events(request, field),
        cause=None if failure is None else failure.origin or failure.cause,
        detail=detail,
    )


def accepted_event(
    token: AccessToken,
    digest: bytes,
    method: str,
    host: str,
    cache: str,
    now: float,
    seconds: float,
    subject: str | None,
) -> Event:
    """Return the event of a bearer token that passes, without a `Request` or a `Decision`."""
    issuer, client_id = token.issuer, token.client_id
    short = digest[:8].hex()
    return Event(
        now, host, method, "allow", None, None, cache, seconds, issuer, client_id, subject, short
    )


def _digest_for_events(request: Request, field: bytes) -> str | None:
    values = request.header_values(field)
    scheme, space, token = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
    if field != AUTHORIZATION and not space:
        scheme, token = b"bearer", scheme
    token = token.strip()
    if scheme.lower() not in (b"bearer", b"dpop") or not is_b64token(token):
        return None
    return digest_of(token.decode("ascii")).hex()[:16]
