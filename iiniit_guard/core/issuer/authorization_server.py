"""Run-time state of one trusted issuer: compiled settings, keys, caches and call limits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import cast

from iiniit_guard.core.cache.entry import IssuerValidity, KeyValidity
from iiniit_guard.core.cache.negative import NegativeCache, Tombstones
from iiniit_guard.core.claims.checks import ClaimChecks
from iiniit_guard.core.claims.profile import PROFILES
from iiniit_guard.core.issuer.client_authentication import (
    ClientAuthentication,
    IntrospectionFunction,
)
from iiniit_guard.core.issuer.key_source import KeySource
from iiniit_guard.core.issuer.last_failure import LastFailure
from iiniit_guard.core.issuer.limits import CallLimiter, CircuitBreaker, FirstLoads
from iiniit_guard.core.issuer.metadata import (
    STALE_SECONDS,
    Endpoints,
    load_metadata,
    metadata_urls,
)
from iiniit_guard.core.issuer.origin_headers import OriginHeaders, origin_headers_of
from iiniit_guard.core.issuer.rejection import Rejections
from iiniit_guard.core.issuer.revalidating import RevalidatedDocument
from iiniit_guard.core.issuer.server_parts import claim_checks_of, connection_of
from iiniit_guard.core.issuer.shared_store import SharedStore
from iiniit_guard.core.issuer.status_check import StatusCheck
from iiniit_guard.core.issuer.status_list_limits import ListMemory
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.flow import Connection, Flow, SingleFlight, Unreachable
from iiniit_guard.core.model.json_types import JsonMapping
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason, before_signature


class AuthorizationServer:
    """The state of one issuer. No part of it is used for another issuer.

    Args:
        settings: Checked and frozen.
        clock: The wall clock and the monotonic clock.
        random: Returns a number in [0, 1), for jitter.
        unique: Returns identifiers that cannot be guessed and never repeat.
        store: The shared store; None without one.
        first_loads: The limit on first loads of all issuers that a callable returned. None for an
            issuer of the settings.
        report: Called with a failure that no request waits for.
        lists: The storage of status lists, which the issuers of a guard share.
    """

    def __init__(
        self,
        settings: TrustedIssuer,
        clock: Clock,
        random: Callable[[], float],
        unique: Callable[[], str],
        store: SharedStore | None = None,
        first_loads: FirstLoads | None = None,
        report: Callable[[Unreachable], object] = lambda failure: None,
        lists: ListMemory | None = None,
    ) -> None:
        self.settings = settings
        self._report = report
        self.issuer: str = settings.issuer
        self.clock = clock
        self.unique = unique
        self.store = store
        self._first_loads = first_loads
        self._admitted_until = float("-inf")
        self.confirmed: bool = False
        """Whether a valid token of this issuer was seen."""
        self.has_accepted: bool = False
        """Whether a token of this issuer passed every check."""
        self.was_proven: bool = False
        """Whether a valid token of an issuer of this name was seen before this object existed."""
        self.is_trusted: bool = True
        """Whether the application trusts this issuer; False after the application withdrew it."""
        self.is_replaced: bool = False
        """Whether the application withdrew it because it returns the issuer with other settings."""
        self.is_found: bool = first_loads is not None
        """Whether a callable returned this issuer. Clients must then not learn that it exists."""
        self.algorithms: frozenset[str] = frozenset(settings.algorithms)
        self.checks: ClaimChecks = claim_checks_of(settings)
        self.connection: Connection = connection_of(settings)
        self.headers_of_origins: OriginHeaders | None = origin_headers_of(settings)
        """Further header fields of requests to this issuer; None if there are none."""
        self._set_verification()
        self._set_caches()
        self._set_limits()
        self._set_documents(random)
        self._set_status(random, lists)

    def _set_verification(self) -> None:
        settings, profile = self.settings, PROFILES[self.settings.profile]
        self.introspects: bool = settings.introspection is not None
        way = settings.introspection
        self.function: IntrospectionFunction | None = way if callable(way) else None
        """The function of the application that replaces the call to the introspection endpoint."""
        self.verifies_jwts: bool = settings.jwt != "introspect"
        """Whether the guard verifies the signature of a JWT."""
        self.signature_suffices: bool = settings.jwt == "verify"
        """Whether a JWT with valid signature and claims is accepted without introspection."""
        self.types: frozenset[str | None] = profile.types
        self.is_unnamed: bool = profile.unnamed
        """Whether a token of this issuer may have no `iss`."""

    def _set_caches(self) -> None:
        self.issuer_validity: IssuerValidity = IssuerValidity()
        """Whether cached tokens of this issuer are valid.

        It ends when the issuer is withdrawn, and when the issuer is evicted for lack of space.
        """
        self.validity: KeyValidity = KeyValidity(self.issuer_validity)
        """The validity of cached introspection responses of this issuer.

        They depend on no key, only on the issuer. They have a deadline instead.
        """
        self.inactive: Problem = before_signature(
            PROBLEMS[Reason.INACTIVE], hidden=self.is_found
        ).about(issuer=self.issuer)
        """The refusal of a token that this issuer reported inactive."""
        self.headers: deque[bytes] = deque()
        """The cached JOSE headers of its tokens (see `read_header`), oldest first."""
        self.refused: NegativeCache = NegativeCache(self.settings.inactive_seconds, self.clock)
        self.tombstones: Tombstones = Tombstones(self.clock)
        self.rejections: Rejections = Rejections(
            self.issuer,
            self.refused,
            self.clock,
            hidden=self.is_found,
            admit=self._admit_warning,
        )
        """Which responses with status 400 concern the token and not the guard."""

    def _set_limits(self) -> None:
        self.flights: SingleFlight = SingleFlight()
        self.breaker: CircuitBreaker = CircuitBreaker(self.clock)
        """For tokens that were active within the last hour. Other tokens do not count here."""
        self.breaker_of_unknown: CircuitBreaker = CircuitBreaker(self.clock)
        self.calls: CallLimiter = CallLimiter()
        self.introspecting: LastFailure = LastFailure(self.clock, "introspection")

    def _set_documents(self, random: Callable[[], float]) -> None:
        settings = self.settings
        configured, named = settings.metadata_url, settings.insecure_metadata_issuer
        headers = self.headers_of_origins
        further = None if headers is None else headers.of_document
        hold = self.hold if self.is_found else None
        urls = metadata_urls(settings.issuer) if configured is None else (configured,)
        self.metadata: RevalidatedDocument[JsonMapping] = RevalidatedDocument(
            "metadata",
            partial(load_metadata, urls, named or settings.issuer, self.connection, further),
            purpose="metadata",
            stale_seconds=STALE_SECONDS,
            longest_wait_seconds=settings.keys_cooldown_seconds,
            timeout_seconds=2 * settings.timeout_seconds,
            clock=self.clock,
            random=random,
            hold=hold,
            report=self.report,
        )
        self.endpoints: Endpoints = Endpoints(
            self.metadata, configured or settings.issuer, settings.insecure_http_hosts
        )
        file = settings.jwks_file
        jwks = settings.jwks_uri if file is None else f"file:{file}"
        self.keys: KeySource = KeySource(
            partial(self.endpoints.find, jwks, "jwks_uri"),
            self.connection,
            issuer=settings.issuer,
            headers=headers,
            max_age_seconds=settings.keys_max_age_seconds,
            cooldown_seconds=settings.keys_cooldown_seconds,
            stale_seconds=settings.keys_stale_seconds,
            issuer_validity=self.issuer_validity,
            key_issuers=frozenset(settings.key_issuers),
            key_use=PROFILES[settings.profile].key_use,
            clock=self.clock,
            random=random,
            hold=hold,
            admit_warning=self._admit_warning,
            report=self.report,
        )

    def _set_status(self, random: Callable[[], float], lists: ListMemory | None) -> None:
        off = self.settings.status_list == "off"
        self.status: StatusCheck | None = None if off else StatusCheck(self, lists, random)
        """The check of its JWTs against status lists; None if the setting is off."""
        self.keys_suffice: bool = self.signature_suffices and self.status is None
        """Whether a JWT needs neither a status list nor introspection."""

    @property
    def client_authentication(self) -> ClientAuthentication:
        """Client authentication of the guard. Only read for issuers with an endpoint."""
        return cast("ClientAuthentication", self.settings.introspection)

    def report(self, failure: Unreachable) -> None:
        """Report a failure that no request waits for."""
        self._report(failure.about(issuer=self.issuer))

    @property
    def failure(self) -> Unreachable | None:
        """The failure of the last introspection; None if it succeeded."""
        return self.introspecting.failure

    @property
    def has_asked(self) -> bool:
        """Whether `hold` ever admitted a call."""
        return self._admitted_until > float("-inf")

    @property
    def is_busy(self) -> bool:
        """Whether a call to this issuer is in flight or about to start."""
        return (
            len(self.flights) > 0
            or self.calls.in_flight > 0
            or self.keys.loading
            or self.metadata.loading
            or (self.status is not None and self.status.calls.in_flight > 0)
        )

    def withdraw(self, *, replaced: bool) -> None:
        """Stop trusting this issuer and end its cached tokens.

        Args:
            replaced: The application returns the issuer with other settings. Otherwise it no longer
                returns the issuer.
        """
        self.is_replaced, self.is_trusted = replaced, False
        self.forget()

    def forget(self) -> None:
        """End the cached tokens of this issuer. Verifications in progress still complete."""
        self.issuer_validity.valid = False

    def hold(self) -> Unreachable | None:
        """Return why no call may be made before a valid token was seen, or None if one may.

        One admission covers all calls until the cool-down ends.
        """
        now = self.clock.monotonic()
        if self._first_loads is None or self.confirmed or now < self._admitted_until:
            return None
        if not self._first_loads.enter(reserved=self.was_proven):
            return Unreachable("busy", "too many issuers are asked for the first time")
        self._admitted_until = now + self.settings.keys_cooldown_seconds
        return None

    def _admit_warning(self) -> bool:
        limit = None if self.confirmed else self._first_loads
        return limit is None or limit.admit_warning()

    def introspection_endpoint(self) -> Flow[str | Unreachable]:
        """Return the URL, from the settings or the metadata, or why it must not be called now.

        It is empty if a function of the application replaces the endpoint.
        """
        url: str | Unreachable = ""
        if self.function is None:
            url = yield from self.endpoints.find(
                self.settings.introspection_endpoint, "introspection_endpoint"
            )
        if isinstance(url, Unreachable):
            if self.metadata.failure is None:  # the metadata names no such endpoint
                self.introspecting.record(url)
            return url
        return (self.hold() if self.is_found else None) or url

    def reset_after_fork(self) -> None:
        """Replace the locks and drop the calls in flight. The cached data stays."""
        self.flights.reset_after_fork()
        for part in (self.refused, self.tombstones, self.breaker, self.breaker_of_unknown):
            part.reset_after_fork()
        for fetched in (self.calls, self.metadata, self.keys):
            fetched.reset_after_fork()
        if self.status is not None:
            self.status.reset_after_fork()
