"""Lines of the logger `iiniit_guard` about refusals and outages, without any configuration.

Python shows warnings by default, and no lines of the level INFO. So a line is a warning if an
operator should act: an outage, and a refusal that a wrong setting usually causes, until the issuer
concerned has sent a good token. Every other refusal is a line of the level INFO.

A client decides how many requests it sends and what its tokens name. Therefore warnings are limited
in rate, every table is bounded, and received values are escaped.
"""

from __future__ import annotations

import logging
import re
from threading import Lock
from typing import TYPE_CHECKING, Final

from iiniit_guard.core.http.bearer import AUTHORIZATION
from iiniit_guard.core.http.hints import CAUSE_HINTS, HINTS, TOPIC_HINTS
from iiniit_guard.core.model.diagnosis import LONGEST, Diagnosis
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.log_line import write_line
from iiniit_guard.core.model.problem import Problem, Reason, reason_of_outage

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
    from iiniit_guard.core.model.request import Request

REFUSAL_SECONDS: Final = 3_600.0
"""A warning about one reason and one issuer appears once in this time."""
OUTAGE_SECONDS: Final = 60.0
"""A warning about one issuer, one purpose and one cause appears once in this time."""

_ISSUERS_KEPT: Final = 256
_STRANGERS_KEPT: Final = 16
_LONGEST_METHOD: Final = 32
_MOST_CREDENTIALS: Final = 8
_MARK: Final = "\uffff"
_SUSPECT: Final = frozenset(
    {
        *(Reason.WRONG_AUDIENCE, Reason.UNKNOWN_ISSUER, Reason.WRONG_TYPE, Reason.UNKNOWN_KEY),
        *(Reason.UNSUPPORTED_ALGORITHM, Reason.MALFORMED_CLAIM, Reason.UNSUPPORTED_CONFIRMATION),
        *(Reason.NOT_YET_VALID, Reason.ISSUED_IN_FUTURE, Reason.WRONG_PROOF_TARGET),
        *(Reason.NO_CERTIFICATE, Reason.MALFORMED_CERTIFICATE, Reason.UNBOUND_TOKEN),
        *(Reason.UNKNOWN_ORIGINAL, Reason.UNTRUSTED_PEER),  # only the sidecar has these
    }
)
_SUSPECT_TOPICS: Final = frozenset({"opaque_token", "encrypted_token"})
_JWT: Final = re.compile(r"eyJ[A-Za-z0-9_-]+\.[^/]*")
_log: Final = logging.getLogger("iiniit_guard")


class Reporter:
    """Logs the refusals and outages of one guard.

    Args:
        monotonic: Returns the monotonic time.
        server_of: Returns the issuer of a name if it is known without a call, or None.

    Attributes:
        logs_refusals: Whether refusals are logged at the level INFO. A host that has a decision
            log of its own sets this to False.
        token_field: The header field that carries the token, lower-case.
        is_closed: Whether the guard is closed. Background work then fails for that reason.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        server_of: Callable[[str], AuthorizationServer | None],
    ) -> None:
        self.logs_refusals: bool = True
        self.token_field: bytes = AUTHORIZATION
        self.is_closed: bool = False
        self._monotonic = monotonic
        self._server_of = server_of
        self._lock = Lock()
        self._outages = _Limiter(OUTAGE_SECONDS, _ISSUERS_KEPT)
        self._failures = _Limiter(OUTAGE_SECONDS, _ISSUERS_KEPT)
        self._crowded = _Limiter(OUTAGE_SECONDS, len(CAUSE_HINTS))
        self._refusals = _Limiter(REFUSAL_SECONDS, _ISSUERS_KEPT)
        self._strangers = _Limiter(REFUSAL_SECONDS, _STRANGERS_KEPT)

    def after_fork(self) -> None:
        """Replace the lock. A thread of the parent process may have held the old one."""
        self._lock = Lock()

    def outage(self, failure: Unreachable, request: Request | None, host: str) -> None:
        """Log an outage, at most once a minute for each issuer, purpose and cause.

        Args:
            failure: The outage.
            request: The request that could not be decided. None for a token without a request.
            host: The name of the adapter.
        """
        decision = f"unavailable 503 {reason_of_outage(failure.cause)}"
        self._warn(self._outages, failure, f"{decision} {_asked(request, host, self.token_field)}")

    def background(self, failure: Unreachable) -> None:
        """Log a failure that no request waited for, as often as an outage."""
        if not self.is_closed:
            self._warn(self._failures, failure, f"background failure {_asked(None, '-')}")

    def _warn(self, limiter: _Limiter, failure: Unreachable, begin: str) -> None:
        known, cause = failure.diagnosis, failure.origin or failure.cause
        now, key = self._monotonic(), (known.issuer, known.purpose, cause)
        with self._lock:
            # A callable may know more issuers than there are places. The others share one place for
            # each cause, so that every cause is logged.
            has_place = limiter.has_place(key, now)
            omitted = limiter.enter(key, now) if has_place else self._crowded.enter(cause, now)
        if omitted is None:
            return
        hint = TOPIC_HINTS[known.topic] if known.topic else CAUSE_HINTS[cause]
        since = f" omitted={omitted}" if omitted else ""
        if known.failing_seconds is not None and known.failing_seconds >= 1:
            since = f" failing_for={known.failing_seconds:.0f}s{since}"
        text = _known(known, _text(failure))
        write_line(logging.WARNING, "%s%s%s check: %s", begin, text, since, hint)

    def refusal(
        self,
        problem: Problem,
        request: Request | None,
        host: str,
        find_hint: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Log a refusal, as a warning if a wrong setting usually causes it.

        Args:
            problem: The refusal.
            request: The refused request. None for a token without a request.
            host: The name of the adapter.
            find_hint: Returns a more specific hint. It is called only if the line is logged.
        """
        known = problem.diagnosis
        level = logging.WARNING if self._is_warning(problem) else logging.INFO
        if level == logging.INFO and not (self.logs_refusals and _log.isEnabledFor(level)):
            return
        usual = TOPIC_HINTS[known.topic] if known.topic else HINTS[problem.reason]
        hint = find_hint() or usual
        begin = f"deny {problem.status} {problem.reason} {_asked(request, host, self.token_field)}"
        write_line(level, "%s%s check: %s", begin, _known(known, known.detail), hint)

    def _is_warning(self, problem: Problem) -> bool:
        known = problem.diagnosis
        if problem.reason not in _SUSPECT and known.topic not in _SUSPECT_TOPICS:
            return False
        server = None if known.issuer is None else self._server_of(known.issuer)
        if server is not None and server.has_accepted:
            return False
        # A client can name any number of issuers that a callable knows. Such an issuer counts as
        # unknown until the guard has verified a signature of it.
        is_ours = server is not None and (server.confirmed or not server.is_found)
        limiter = self._refusals if is_ours else self._strangers
        name = known.issuer if is_ours else known.issuer or known.received
        with self._lock:
            return limiter.enter((name, problem.reason), self._monotonic()) is not None


class _Limiter:
    """Admits one line for each key in a period, for a bounded number of keys. Not thread-safe."""

    def __init__(self, seconds: float, places: int) -> None:
        self._seconds = seconds
        self._places = places
        self._entries: dict[Hashable, tuple[float, int]] = {}

    def enter(self, key: Hashable, now: float) -> int | None:
        """Return how many lines of this key were omitted since the last one.

        Returns:
            None if this line must be omitted: its period has not ended, or all places are taken.
        """
        ends, omitted = self._entries.get(key, (float("-inf"), 0))
        if now < ends:
            self._entries[key] = ends, omitted + 1
            return None
        if not self.has_place(key, now):
            return None
        self._entries.pop(key, None)
        self._entries[key] = now + self._seconds, 0
        return omitted

    def has_place(self, key: Hashable, now: float) -> bool:
        """Return whether `key` has an entry, or there is a place for one."""
        if key in self._entries or len(self._entries) < self._places:
            return True
        oldest = next(iter(self._entries))  # the entries are in the order of their ends
        if now < self._entries[oldest][0]:
            return False
        del self._entries[oldest]
        return True


def escaped(value: str, longest: int = LONGEST) -> str:
    """Return a received value in printable ASCII and quotation marks.

    No value can break a line, control a terminal or imitate another part of its line.

    Args:
        value: Of any length.
        longest: The length of the result at most, without the quotation marks.
    """
    text = value[: longest + 1].encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"{text}"' if len(text) <= longest else f'"{text[: longest - 3]}..."'


def detail_of(result: object) -> str | None:
    """Return the diagnosis of a refusal or an outage for events; None without one."""
    if not isinstance(result, (Problem, Unreachable)):
        return None
    text = _text(result) if isinstance(result, Unreachable) else result.diagnosis.detail
    return " ".join(_pairs(result.diagnosis, text)) or None


def _text(failure: Unreachable) -> str:
    return f"{failure.cause}: {failure.detail}"


def _asked(request: Request | None, host: str, field: bytes = AUTHORIZATION) -> str:
    method, path = ("-", "-") if request is None else (_word(request.method), _path(request, field))
    return f"{method} {path} host={host}"


def _known(known: Diagnosis, text: str | None) -> str:
    issuer = [] if known.issuer is None else [f"issuer={escaped(known.issuer)}"]
    return "".join(f" {pair}" for pair in (*issuer, *_pairs(known, text)))


def _pairs(known: Diagnosis, text: str | None) -> list[str]:
    values = {
        "received": known.received,
        "expected": known.expected,
        "url": None if known.url is None else known.url.partition("?")[0],
        "detail": text,
        "why": known.why,
    }
    pairs = [f"{name}={escaped(value)}" for name, value in values.items() if value is not None]
    return pairs if known.status is None else [*pairs, f"status={known.status}"]


def _word(method: str) -> str:
    plain = len(method) <= _LONGEST_METHOD and method.isascii() and method.isalpha()
    return method if plain else escaped(method, _LONGEST_METHOD)


def _path(request: Request, field: bytes) -> str:
    """Return the path of a request, without anything that looks like its token."""
    path, tokens = request.path, set[str]()
    # A client may send any number of such fields, each with several words.
    for value in request.header_values(field)[:_MOST_CREDENTIALS]:
        words = value.replace(b",", b" ").replace(b"\t", b" ").decode("latin-1").split(" ")
        tokens.update(words[1:_MOST_CREDENTIALS] or words)
    # The mark is not a latin-1 character, so no other token can match it: the path does not grow.
    for token in sorted(filter(None, tokens), key=len, reverse=True):
        path = path.replace(token, _MARK)
    return escaped(_JWT.sub("(token)", path[: 2 * LONGEST].replace(_MARK, "(token)")))
