"""The check of a verified token against the Token Status List that it names.

The list is fetched like the keys of the issuer, but it is never used after its end: a revocation
would have no effect during an outage. A cached token ends before its list does.

Spec: draft-ietf-oauth-status-list-20 §8.3, §11.5, §13.7.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from iiniit_guard.core.claims.status_reference import MALFORMED, StatusReference, read_reference
from iiniit_guard.core.issuer.limits import CircuitBreaker
from iiniit_guard.core.issuer.metadata import url_fault
from iiniit_guard.core.issuer.origin_headers import origin_of
from iiniit_guard.core.issuer.revalidating import RevalidatedDocument
from iiniit_guard.core.issuer.status_list import (
    MEDIA_TYPE,
    NAMES,
    SHORTEST_SECONDS,
    VALID,
    StatusList,
    read_status_list,
)
from iiniit_guard.core.issuer.status_list_failures import ListFailures, failures_of
from iiniit_guard.core.issuer.status_list_limits import ListCalls, ListMemory
from iiniit_guard.core.model.flow import Fetch, Flow, HttpRequest, Unreachable
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason

if TYPE_CHECKING:
    from iiniit_guard.core.cache.entry import CacheEntry
    from iiniit_guard.core.issuer.issuer_signature import SigningIssuer
    from iiniit_guard.core.model.json_types import JsonMapping

_DOCUMENT_BYTES: Final = 4096
"""An upper bound of the memory of a list without its statuses."""
_SPREAD_FROM: Final = 0.8
_REVOKED: Final = PROBLEMS[Reason.REVOKED_BY_STATUS_LIST]
_FOREIGN: Final = PROBLEMS[Reason.FOREIGN_STATUS_LIST]
_BEYOND: Final = MALFORMED.about(detail="idx is beyond the end of the status list")


class StatusCheck:
    """The status lists of one issuer.

    Args:
        server: The issuer.
        memory: The storage of the guard; None for an issuer without a guard.
        random: Returns a number in [0, 1), for jitter.
    """

    def __init__(
        self, server: SigningIssuer, memory: ListMemory | None, random: Callable[[], float]
    ) -> None:
        settings = server.settings
        self.server: Final = server
        self.random: Final = random
        self._memory = ListMemory() if memory is None else memory
        self.calls: Final = ListCalls(server.clock, partial(self._memory.fetched, self))
        self._is_required = settings.status_list == "required"
        self._http_hosts = settings.insecure_http_hosts
        origins = settings.status_list_origins or (settings.issuer,)
        self._breakers: dict[object, CircuitBreaker] = {
            origin_of(origin): CircuitBreaker(server.clock, "status list") for origin in origins
        }
        self._documents: dict[str, ListDocument] = {}

    def reset_after_fork(self) -> None:
        """Replace the locks and drop the calls in flight. The lists stay."""
        self.calls.reset_after_fork()
        self._memory.reset_after_fork()
        for breaker in self._breakers.values():
            breaker.reset_after_fork()
        for document in self._documents.values():
            document.reset_after_fork()

    def failures(self) -> ListFailures | None:
        """Return the present failures of the lists, or None."""
        documents = list(self._documents.values())
        return failures_of([each for each in documents if each.is_failing], len(documents)) or (
            self.calls.failures(len(documents))
        )

    def check(
        self, entry: CacheEntry, claims: JsonMapping
    ) -> Flow[CacheEntry | Problem | Unreachable]:
        """Return the entry of a verified token if its status is VALID, or why not.

        The entry ends when the status list ends, at the latest.

        Args:
            entry: The token, whose signature and claims have been checked. It is in no cache yet.
            claims: Its claims.
        """
        outcome = yield from self._check(entry, claims)
        if isinstance(outcome, (Problem, Unreachable)):
            return outcome.about(issuer=self.server.issuer)
        return outcome

    def _check(
        self, entry: CacheEntry, claims: JsonMapping
    ) -> Flow[CacheEntry | Problem | Unreachable]:
        reference = read_reference(claims)
        if reference is None:
            return MALFORMED if self._is_required else entry
        if isinstance(reference, Problem):
            return reference
        if url_fault(reference.uri, self._http_hosts) is not None:
            return MALFORMED
        # Otherwise a token could make the guard send requests to any server.
        breaker = self._breakers.get(origin_of(reference.uri))
        if breaker is None:
            return _FOREIGN
        outcome = yield from self._look_up(reference, breaker)
        if not isinstance(outcome, tuple):
            return outcome
        found, status = outcome
        if status != VALID:  # §7.1: a status without a registered meaning must not grant access
            name = NAMES.get(status, "not VALID")
            return _REVOKED.about(detail=f"the status list says {name} ({status})")
        return self._limited(entry, found, claims)

    def _look_up(
        self, reference: StatusReference, breaker: CircuitBreaker
    ) -> Flow[tuple[StatusList, int] | Problem | Unreachable]:
        """Return the status of the token, and the list that has it."""
        document = self._document(reference.uri, breaker)
        found = yield from document.get()
        if isinstance(found, StatusList) and not found.validity.valid:
            # The issuer withdrew the key that signed the list.
            found = yield from document.load_after(found)
        if isinstance(found, StatusList) and found.status_at(reference.index) is None:
            # The issuer may have made the list longer for new tokens (§13.4).
            if document.age < self.server.settings.keys_cooldown_seconds:
                return _BEYOND
            found = yield from document.load_after(found)
        if isinstance(found, Unreachable):
            return found
        self.keep(document, found)
        status = found.status_at(reference.index)
        return _BEYOND if status is None else (found, status)

    def _limited(
        self, entry: CacheEntry, found: StatusList, claims: JsonMapping
    ) -> CacheEntry | Problem:
        """Limit the entry to the end of the list, unless the token has expired meanwhile."""
        wall = self.server.clock.wall()
        if wall >= claims["exp"] + self.server.checks.expiry_leeway_seconds:
            return PROBLEMS[Reason.EXPIRED]
        # The tokens of a list end one after the other, and before the list, so that one of them
        # starts the refresh of the list.
        left = found.ends.wall - wall
        spread = _SPREAD_FROM + (1 - _SPREAD_FROM) * (wall % 1)
        ends = min(found.ends.wall, (wall + left * spread) // 1 + 1)
        entry.valid_until = min(entry.valid_until, ends)
        entry.valid_until_monotonic = min(entry.valid_until_monotonic, found.ends.monotonic)
        return entry

    def _document(self, uri: str, breaker: CircuitBreaker) -> ListDocument:
        document = self._documents.get(uri)
        if document is None:
            document = ListDocument(uri, self, breaker)
            document = self.keep(document, None)
        return document

    def keep(self, document: ListDocument, content: StatusList | None) -> ListDocument:
        """Record that a list is used now, and return the document that is kept for its URL.

        Args:
            document: The list. It may have been dropped while it was fetched.
            content: Its content; None before the first fetch.
        """
        uri = document.uri
        kept = self._documents.setdefault(uri, document)
        size = _DOCUMENT_BYTES + len(uri) + (0 if content is None else len(content.octets))
        drop = partial(self._documents.pop, uri, None)
        self._memory.use(self, uri, size, drop, fetched=content is not None)
        return kept


class ListDocument(RevalidatedDocument[StatusList]):
    """One status list, never used after its end.

    Args:
        uri: Its URL.
        lists: The lists of the issuer.
        breaker: Of its server.
    """

    def __init__(self, uri: str, lists: StatusCheck, breaker: CircuitBreaker) -> None:
        server = lists.server
        super().__init__(
            "status list",
            self._load_list,
            purpose="status_list",
            stale_seconds=0,
            longest_wait_seconds=server.settings.keys_cooldown_seconds,
            # The list, then two metadata URLs and the keys, and the keys again.
            timeout_seconds=5 * server.connection.timeout_seconds,
            clock=server.clock,
            random=lists.random,
            hold=self._held,
            report=server.report,
        )
        self.uri: Final = uri
        self._server = server
        self._lists = lists
        self._calls = lists.calls
        self._breaker = breaker

    @property
    def is_failing(self) -> bool:
        """Whether the last fetch failed, and the next is not overdue by a list's longest life.

        A list that no token names any more is not fetched again.
        """
        longest = self._server.settings.status_list_max_age_seconds
        return self.failure is not None and self._clock.monotonic() < self._retry_at + longest

    def load_after(self, used: StatusList) -> Flow[StatusList | Unreachable]:
        """Return a list that is newer than `used`, which no longer suffices."""
        if self.value is not None and self.value is not used:
            return self.value
        if self._clock.monotonic() < self._retry_at:
            return self._backoff_failure()
        return self._held() or (yield from self.load())

    def _held(self) -> Unreachable | None:
        """Return why the list must not be fetched now, or None."""
        if self.age < SHORTEST_SECONDS:
            return Unreachable("waiting", "status list: it was fetched just now")
        return self._calls.refusal(known=self.value is not None)

    def _load_list(self) -> Flow[tuple[StatusList, float] | Unreachable]:
        server, breaker, sent = self._server, self._breaker, self._clock.now()
        closed = breaker.refusal(server.connection.timeout_seconds)
        if closed is not None:
            return closed
        probes = breaker.is_open
        busy = self._calls.enter(known=self.value is not None)
        if busy is not None:
            if probes:
                breaker.abandon()
            return busy
        try:
            origins = server.headers_of_origins
            further = () if origins is None else origins.of_call(self.uri)
            fields = (("Accept", MEDIA_TYPE), *further)
            request = HttpRequest("GET", self.uri, fields, b"", server.connection, "status_list")
            reply = yield Fetch(request)
            breaker.record(reply, known=True)
            probes = False
            if isinstance(reply, Unreachable):
                return reply.about(topic="status_list")
            outcome = yield from read_status_list(reply, self.uri, server, sent, self.value)
        finally:
            self._calls.leave()
            if probes:
                breaker.abandon()
        if isinstance(outcome, Unreachable):
            return outcome.about(topic="status_list")
        self._lists.keep(self, outcome[0])
        return outcome
