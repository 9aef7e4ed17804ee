"""Findings about issuers: metadata, keys, introspection with the real credentials, and clocks.

The code of the guard makes the calls, with its settings and its limits.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Final

from iiniit_guard.cli.doctor.finding import Finding
from iiniit_guard.cli.explain.describe import introspection_call
from iiniit_guard.cli.explain.words import number
from iiniit_guard.cli.observed import Observer
from iiniit_guard.core.http.hints import CAUSE_HINTS, TOPIC_HINTS
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.issuer.introspection import introspect
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.flow import HttpResponse, Unreachable
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.resource import ProtectedResource
from iiniit_guard.core.warm_up import verifies
from iiniit_guard.reporting import escaped

_SMALL_SKEW: Final = 5.0


def check_issuer(
    server: AuthorizationServer, resource: ProtectedResource, observer: Observer
) -> Iterator[Finding]:
    """Return the findings about one issuer."""
    calls = len(observer.calls)
    settings = server.settings
    needs_keys = verifies(server) and settings.jwks_uri is None and settings.jwks_file is None
    needs_endpoint = server.introspects and server.function is None
    if needs_keys or (needs_endpoint and settings.introspection_endpoint is None):
        yield _discovery(server, observer)
    if verifies(server):
        yield from _keys(server, observer)
    if server.introspects:
        yield _introspection(server, resource, observer)
    replies = [reply for _, _, reply in observer.calls[calls:] if isinstance(reply, HttpResponse)]
    yield _clock(server, resource, replies)


def _discovery(server: AuthorizationServer, observer: Observer) -> Finding:
    document = observer.run(server.metadata.get())
    if isinstance(document, Unreachable):
        return _failed("discovery", server, document)
    return Finding("discovery", "ok", server.issuer, f"metadata from {observer.calls[-1][1]}")


def _keys(server: AuthorizationServer, observer: Observer) -> Iterator[Finding]:
    keys = observer.run(server.keys.get())
    if isinstance(keys, Unreachable):
        yield _failed("keys", server, keys)
        return
    names = Counter(alg for key in keys.keys for alg in key.algorithms if alg in server.algorithms)
    listed = ", ".join(f"{alg}: {count}" for alg, count in sorted(names.items()))
    if not names:
        text = f"{number(len(keys), 'key')}, none of them for an accepted algorithm"
        cure = "algorithms: name the algorithm with which the issuer signs"
        yield Finding("keys", "fault", server.issuer, text, cure)
    else:
        yield Finding("keys", "ok", server.issuer, f"{number(len(keys), 'key')} ({listed})")
    if keys.skipped:
        reasons = ", ".join(sorted({each.reason for each in keys.skipped}))
        text = f"not used: {number(len(keys.skipped), 'key')} ({reasons})"
        yield Finding("keys", "info", server.issuer, text)


def _introspection(
    server: AuthorizationServer, resource: ProtectedResource, observer: Observer
) -> Finding:
    """Introspect a token that does not exist: the response shows whether the credentials work."""
    # A random token: no server may know it.
    token = (server.settings.token_prefix or "") + secrets.token_urlsafe(32)
    digest = sha256(token.encode("ascii")).digest()
    outcome = observer.run(introspect(token, digest, server, resource.cache))
    call = introspection_call(server)
    if isinstance(outcome, Unreachable):
        return _failed("introspection", server, outcome)
    if isinstance(outcome, AccessToken) or outcome.reason is not Reason.INACTIVE:
        text = f"{call}: the response does not report a random token as inactive; the guard would "
        text += "accept every token"
        cure = "introspection_endpoint: it must be the introspection endpoint (RFC 7662)"
        return Finding("introspection", "fault", server.issuer, text, cure)
    text = f"{call}: the credentials work; a random token is inactive"
    return Finding("introspection", "ok", server.issuer, text)


def _clock(
    server: AuthorizationServer, resource: ProtectedResource, replies: list[HttpResponse]
) -> Finding:
    dates = [date for reply in replies if (date := date_of(reply)) is not None]
    if not dates:
        text = "no answer has a Date field, so the clocks could not be compared"
        return Finding("clock", "unknown", server.issuer, text)
    leeway = server.checks.clock_leeway_seconds
    return clock_finding(server.issuer, resource.clock.wall() - dates[-1], leeway)


def clock_finding(subject: str, ahead: float, leeway: float) -> Finding:
    """Return the finding about the clock of this host.

    Args:
        subject: The server whose clock was compared.
        ahead: How many seconds this host is ahead of it.
        leeway: The accepted difference.
    """
    way = "ahead of" if ahead > 0 else "behind"
    text = f"this host is {abs(ahead):.0f} s {way} the server"
    cure = "synchronize this host by NTP; a Date field of a cache or a proxy may be old"
    if abs(ahead) > leeway:
        return Finding("clock", "fault", subject, f"{text}, more than {leeway:g} s", cure)
    if abs(ahead) > _SMALL_SKEW:
        return Finding("clock", "warning", subject, text, cure)
    return Finding("clock", "ok", subject, f"the difference is below {_SMALL_SKEW:g} s")


def date_of(reply: HttpResponse) -> float | None:
    """Return the time in the Date field of a response; None without a valid one."""
    text = reply.header("date")
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def _failed(area: str, server: AuthorizationServer, failure: Unreachable) -> Finding:
    """Return the finding about a call that failed, with the hint of the log."""
    known, cause = failure.diagnosis, failure.origin or failure.cause
    hint = TOPIC_HINTS[known.topic] if known.topic else CAUSE_HINTS[cause]
    parts = [f"{cause}: {failure.detail}"]
    parts += [] if known.url is None else [known.url.partition("?")[0]]
    parts += [] if known.why is None else [known.why]
    parts += [] if known.received is None else [f"received {escaped(known.received)}"]
    return Finding(area, "fault", server.issuer, "; ".join(parts), hint)
