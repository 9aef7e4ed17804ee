"""Findings about a running API: requests without a token, and with tokens that do not exist.

They show what the servers and proxies in front of the guard do to a request.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Final, cast
from urllib.parse import urlsplit

from iiniit_guard.cli.doctor.finding import Finding
from iiniit_guard.cli.doctor.issuer_checks import clock_finding, date_of
from iiniit_guard.core.http.hints import CAUSE_HINTS, HINTS
from iiniit_guard.core.issuer.metadata import is_loopback
from iiniit_guard.core.jose.encodings import parse_object
from iiniit_guard.core.model.flow import Connection, Fetch, HttpRequest, HttpResponse, Unreachable
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.io.effects import EffectRunner

_AREA: Final = "url"
_SIZES: Final = (1_000, 2_000, 4_000, 7_500, 8_100, 12_000, 16_000)
_LEEWAY_SECONDS: Final = 30.0
_REASONS: Final = frozenset(reason.value for reason in Reason)
_HINTS: Final = {reason.value: hint for reason, hint in HINTS.items()}
_DROPPED: Final = (
    "mod_wsgi: WSGIPassAuthorization On; CGI and FastCGI: pass HTTP_AUTHORIZATION; a proxy: let it "
    "forward Authorization"
)
_TLS_CURE: Final = "serve the API by https, or end TLS in a proxy on the same host"


def check_url(
    url: str, runner: EffectRunner, connection: Connection, now: Callable[[], float]
) -> Iterator[Finding]:
    """Return the findings about the API at `url`, a path that requires a token.

    Args:
        url: Called by GET.
        runner: Makes the calls.
        connection: The timeouts and roots.
        now: Returns the time of this host.
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        text = (
            "the API is called by http: every host on the network path can read and use the tokens"
        )
        yield Finding(_AREA, "warning", url, text, _TLS_CURE)
    bare = _ask(url, None, runner, connection)
    if isinstance(bare, Unreachable):
        cure = CAUSE_HINTS[bare.origin or bare.cause]
        yield Finding(_AREA, "fault", url, f"{bare.cause}: {bare.detail}", cure)
        return
    yield from _without_token(url, bare)
    if (date := date_of(bare)) is not None:
        yield clock_finding(url, now() - date, _LEEWAY_SECONDS)
    yield from _in_front(url, bare)
    if _reason(bare) == Reason.NO_TOKEN:
        yield from _with_token(url, runner, connection)


def _ask(
    url: str, token: str | None, runner: EffectRunner, connection: Connection
) -> HttpResponse | Unreachable:
    accept = ("Accept", "application/json")
    headers = (accept,) if token is None else (accept, ("Authorization", f"Bearer {token}"))
    request = HttpRequest("GET", url, headers, b"", connection)
    return cast("HttpResponse | Unreachable", runner.perform(Fetch(request)))


def _without_token(url: str, bare: HttpResponse) -> Iterator[Finding]:
    if bare.status < 400:
        text = f"a request without a token is answered with {bare.status}"
        cure = "guard this path, or pass the --url of a guarded path; see iiniit-guard routes"
        yield Finding(_AREA, "fault", url, text, cure)
    elif (reason := _reason(bare)) in _HINTS and reason != Reason.NO_TOKEN:
        text = f"the guard refuses a request without a token: {bare.status} {reason}"
        yield Finding(_AREA, "fault", url, text, _HINTS[reason])
    elif reason != Reason.NO_TOKEN:
        text = f"a request without a token gets {bare.status}, which is not the answer of the guard"
        cure = "pass the --url of a guarded path; a proxy or another layer may answer before it"
        yield Finding(_AREA, "unknown", url, text, cure)
    elif bare.header("www-authenticate") is None:
        text = "a proxy removes WWW-Authenticate from the answer, so clients cannot see the cause"
        cure = "let the proxy pass the field, without renaming it"
        yield Finding(_AREA, "warning", url, text, cure)
    else:
        yield Finding(_AREA, "ok", url, "a request without a token gets 401 of the guard")


def _in_front(url: str, bare: HttpResponse) -> Iterator[Finding]:
    names = [f"{name}: {bare.header(name)}" for name in ("server", "via") if bare.header(name)]
    if names:
        yield Finding("proxies", "info", url, f"in front of the guard: {', '.join(names)}")
    if (bare.header("age") or "0") != "0" or "hit" in (bare.header("x-cache") or "").lower():
        text = "a cache answers in place of the API"
        cure = "exclude the API from the cache; it must not answer requests with Authorization"
        yield Finding("proxies", "fault", url, text, cure)


def _with_token(url: str, runner: EffectRunner, connection: Connection) -> Iterator[Finding]:
    reply = _ask(url, secrets.token_urlsafe(24), runner, connection)
    if _reason(reply) == Reason.NO_TOKEN:
        text = "a request with a token arrives without it: a layer drops Authorization"
        yield Finding("authorization", "fault", url, text, _DROPPED)
        return
    if isinstance(reply, HttpResponse) and reply.status < 400:
        text = f"a request with a token that does not exist is answered with {reply.status}"
        cure = "guard this path: enforce, public, rules, and the order of the middleware"
        yield Finding("authorization", "fault", url, text, cure)
        return
    shown = _reason(reply) or "an answer of another layer"
    yield Finding("authorization", "ok", url, f"a random token arrives and is refused ({shown})")
    yield _longest(url, runner, connection)


def _longest(url: str, runner: EffectRunner, connection: Connection) -> Finding:
    """Return the finding about the longest token that the layers in front of the guard let pass."""
    passed = 0
    for size in _SIZES:
        token = secrets.token_hex(size // 2)
        if _reason(_ask(url, token, runner, connection)) is None:
            text = f"a token of {size} bytes does not reach the guard; one of {passed} does"
            cure = "raise the limit of header fields of the server and of each proxy in front of it"
            return Finding("header limits", "warning", url, text, cure)
        passed = size
    return Finding("header limits", "ok", url, f"tokens of {passed} bytes reach the guard")


def _reason(reply: HttpResponse | Unreachable) -> str | None:
    """Return the reason in a refusal of the guard; None for any other answer.

    The application may write the body itself (`error_body`). The challenge then shows whether a
    token arrived (RFC 6750 §3).
    """
    if isinstance(reply, Unreachable):
        return None
    document = parse_object(reply.body)
    reason = None if document is None else document.get("reason")
    if isinstance(reason, str) and reason in _REASONS:
        return reason
    challenge = reply.header("www-authenticate") or ""
    if reply.status != 401 or not challenge.lower().startswith("bearer"):
        return None
    return "invalid_token" if "error=" in challenge else Reason.NO_TOKEN.value
