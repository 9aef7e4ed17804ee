"""One trusted issuer at run time: its settings compiled, its keys, its answers, and how we may call it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from iiniit_guard.core.cache.negative import RefusedCache, Tombstones
from iiniit_guard.core.cache.packed_store import IssuerValidity
from iiniit_guard.core.cache.tokens import KeyValidity
from iiniit_guard.core.claims.checks import ClaimChecks
from iiniit_guard.core.claims.scope import scope_reading
from iiniit_guard.core.claims.token_kind import ASSERTION_TYPE
from iiniit_guard.core.issuer.client_authentication import ClientAuthentication, TlsClient
from iiniit_guard.core.issuer.key_source import KeySource
from iiniit_guard.core.issuer.limits import Breaker, Calls, FirstLoads
from iiniit_guard.core.issuer.metadata import STALE_SECONDS, load_metadata, metadata_urls, named_endpoint
from iiniit_guard.core.issuer.revalidating import Kept
from iiniit_guard.core.issuer.shared_store import SharedStore
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.jose.jwk import JwkSet
from iiniit_guard.core.jose.jws import MAX_HEADERS_OF_ISSUER, JoseHeader, remember_header
from iiniit_guard.core.jose.verification_key import VerificationKey
from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.flow import Connection, Flow, SingleFlight, Unreachable
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason, before_signature

TYPES: Final[Mapping[str, frozenset[str | None]]] = {
    "rfc9068": frozenset({"at+jwt"}),
    "generic": frozenset({"at+jwt", "jwt", None}),
    "assertion": frozenset({ASSERTION_TYPE}),
}
"""Profile → the `typ` that its access tokens may have."""

_ALWAYS: Final = float("-inf")


class AuthorizationServer:
    """What is known about one issuer and what was learned from it. Nothing in here answers for another issuer.

    Args:
        settings: Checked and frozen.
        clock: Both clocks.
        random: Uniform in [0, 1), for jitter.
        unique: Makes identifiers that nobody can guess or repeat.
        store: The second level of memory, None without one.
        first_loads: For an issuer that a callable found: what bounds first loads over all of them.
    """

    def __init__(
        self,
        settings: TrustedIssuer,
        clock: Clock,
        random: Callable[[], float],
        unique: Callable[[], str],
        store: SharedStore | None = None,
        first_loads: FirstLoads | None = None,
    ) -> None:
        self.settings = settings
        self.issuer: str = settings.issuer
        self.clock = clock
        self.unique = unique
        self.proven: bool = False
        """Whether a good token of this issuer has come."""
        self.was_proven: bool = False
        """Whether a good token of an issuer of this name had come before this object was made."""
        self.is_trusted: bool = True
        """Whether the application trusts this issuer; False once it has withdrawn it."""
        self.issuer_validity: IssuerValidity = IssuerValidity()
        """Whether cached tokens of this issuer count: they end with that trust, and where the issuer is forgotten for lack of space."""
        self.validity: KeyValidity = KeyValidity(self.issuer_validity)
        """What introspection answers of this issuer rest on: no key, so only the issuer. They have a deadline instead."""
        self.is_found: bool = first_loads is not None
        """Whether a callable found it, so that clients must not learn that it exists."""
        self.inactive: Problem = before_signature(PROBLEMS[Reason.INACTIVE], hidden=self.is_found)
        """The refusal of a token that this issuer called inactive."""
        self.headers: deque[bytes] = deque()
        """The JOSE headers of its tokens that `read_header` knows, oldest first."""
        self.store = store
        self.algorithms: frozenset[str] = frozenset(settings.algorithms)
        self.types: frozenset[str | None] = TYPES[settings.profile]
        self.introspects: bool = settings.introspection is not None
        self.signature_suffices: bool = settings.jwt == "verify"
        """Whether a JWT with a good signature and good claims is good."""
        self.connection: Connection = Connection(
            settings.connect_timeout_seconds,
            settings.timeout_seconds,
            settings.ca_file,
            settings.http_proxy,
            *_client_certificate(settings),
        )
        self.checks: ClaimChecks = ClaimChecks(
            issuer=settings.issuer,
            audiences=frozenset(settings.audiences),
            audience_claim=settings.audience_claim,
            strict=settings.profile == "rfc9068",
            scopes=scope_reading(
                strict=settings.profile == "rfc9068",
                also=tuple(settings.scope_claims),
                aliases=settings.scope_aliases,
                implies={scope: tuple(implied) for scope, implied in settings.scope_implies.items()},
                issuer=settings.issuer,
            ),
            required=settings.required_claims,
            # An assertion's exp is the deadline of what the gateway was told, which no leeway may move.
            expiry_leeway_seconds=0 if settings.profile == "assertion" else settings.expiry_leeway_seconds,
            clock_leeway_seconds=settings.clock_leeway_seconds,
            missing_audience=settings.insecure_accept_missing_audience,
            id_tokens=settings.insecure_accept_id_tokens,
        )
        self._first_loads = first_loads
        self._admitted_until = float("-inf")
        self.flights: SingleFlight = SingleFlight()
        self.refused: RefusedCache = RefusedCache(settings.inactive_seconds, clock)
        self.tombstones: Tombstones = Tombstones(clock)
        self.breaker: Breaker = Breaker(clock)
        """For tokens that were active within the last hour; what other tokens provoke does not count here."""
        self.breaker_of_unknown: Breaker = Breaker(clock)
        self.calls: Calls = Calls()
        self.failure: Unreachable | None = None  # what came of the last introspection, None where it was answered
        urls = (settings.metadata_url,) if settings.metadata_url is not None else metadata_urls(settings.issuer)
        named = settings.insecure_metadata_issuer or settings.issuer
        self.metadata: Kept[Mapping[str, Any]] = Kept(
            "metadata",
            lambda: load_metadata(urls, named, self.connection),
            stale_seconds=STALE_SECONDS,
            longest_wait_seconds=settings.keys_cooldown_seconds,
            timeout_seconds=2 * settings.timeout_seconds,
            clock=clock,
            random=random,
            hold=self.hold,
        )
        self.keys: KeySource = KeySource(
            self._jwks_place,
            self.connection,
            max_age_seconds=settings.keys_max_age_seconds,
            cooldown_seconds=settings.keys_cooldown_seconds,
            stale_seconds=settings.keys_stale_seconds,
            issuer_validity=self.issuer_validity,
            clock=clock,
            random=random,
            hold=self.hold,
        )

    @property
    def client_authentication(self) -> ClientAuthentication:
        """How we identify ourselves; only issuers that introspect are asked."""
        return cast("ClientAuthentication", self.settings.introspection)

    def begins(self, claims: Mapping[str, Any]) -> float:
        """Give the moment before which a token with these (good) claims is refused, should the clock be set back."""
        issued_at, not_before = claims.get("iat", _ALWAYS), claims.get("nbf", _ALWAYS)
        latest: float = issued_at if issued_at >= not_before else not_before  # noqa: FURB136 - max() takes twice the time
        return latest - self.checks.clock_leeway_seconds

    def signers(self, header: JoseHeader, keys: JwkSet) -> tuple[tuple[VerificationKey, KeyValidity], ...]:
        """Return the keys of this server's current set that may have signed under `header`, each with its validity.

        Args:
            header: Found to be allowed (`check_header`).
            keys: The set.
        """
        known = keys.signers.get(header.encoded)
        return known or tuple((key, self.keys.validity_of(key)) for key in keys.find(header.kid, header.alg))

    def remember_signers(self, header: JoseHeader, keys: JwkSet, signers: tuple[tuple[VerificationKey, KeyValidity], ...]) -> None:
        """Cache what was found for the header of a token whose signature was good, so that tokens of others cannot fill the cache."""
        remember_header(header, self.headers)
        if header.encoded in self.headers and header.encoded not in keys.signers:
            if len(keys.signers) >= MAX_HEADERS_OF_ISSUER:
                keys.signers.clear()
            keys.signers[header.encoded] = signers

    @property
    def has_asked(self) -> bool:
        """Whether a call to this issuer was ever admitted by `hold`."""
        return self._admitted_until > float("-inf")

    @property
    def is_busy(self) -> bool:
        """Whether a call to this issuer is under way or is about to be made."""
        return len(self.flights) > 0 or self.calls.in_flight > 0 or self.keys.loading or self.metadata.loading

    def withdraw(self) -> None:
        """End all that this issuer vouched for: the application no longer knows it, or knows it with other settings."""
        self.is_trusted = False
        self.forget()

    def forget(self) -> None:
        """End the cached tokens of this issuer. A request that is being verified is answered as the issuer says."""
        self.issuer_validity.valid = False

    def hold(self) -> Unreachable | None:
        """Return why a call must wait while no good token has come, or None. One admission covers all calls for the cool-down."""
        now = self.clock.monotonic()
        if self._first_loads is None or self.proven or now < self._admitted_until:
            return None
        if not self._first_loads.enter(reserved=self.was_proven):
            return Unreachable("busy", "too many issuers are asked for the first time")
        self._admitted_until = now + self.settings.keys_cooldown_seconds
        return None

    def introspection_endpoint(self) -> Flow[str | Unreachable]:
        """Return the URL, from settings or from the metadata, or why it must not be called now."""
        url = yield from self._place(self.settings.introspection_endpoint, "introspection_endpoint")
        return url if isinstance(url, Unreachable) else self.hold() or url

    def _jwks_place(self) -> Flow[str | Unreachable]:
        if self.settings.jwks_file is not None:
            return "file:" + self.settings.jwks_file
        return (yield from self._place(self.settings.jwks_uri, "jwks_uri"))

    def _place(self, configured: str | None, name: str) -> Flow[str | Unreachable]:
        if configured is not None:
            return configured
        document = yield from self.metadata.obtain()
        if isinstance(document, Unreachable):
            return document
        source = self.settings.metadata_url or self.settings.issuer
        url = named_endpoint(document, name, source, self.settings.insecure_http_hosts)
        return Unreachable("answer", f"metadata: {name} is missing or not an https URL", 30.0) if url is None else url

    def reset_after_fork(self) -> None:
        """Keep what was learned, with fresh locks and no call in flight."""
        self.flights.reset_after_fork()
        for part in (self.refused, self.tombstones, self.breaker, self.breaker_of_unknown, self.calls, self.metadata, self.keys):
            part.reset_after_fork()


def _client_certificate(settings: TrustedIssuer) -> tuple[str | None, str | None]:
    method = settings.introspection
    return (method.certificate, method.key) if isinstance(method, TlsClient) else (None, None)
