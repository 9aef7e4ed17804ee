"""The protected resource: settings, issuers, caches, and the writer of refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from iiniit_guard.core.cache.entry import CacheEntry
from iiniit_guard.core.cache.tokens import TokenCache
from iiniit_guard.core.certificate_binding import CertificateSource
from iiniit_guard.core.claims.profile import PROFILES
from iiniit_guard.core.dpop.checks import ProofChecks
from iiniit_guard.core.http.bearer import (
    AUTHORIZATION,
    BEARER,
    DPOP,
    Credential,
    QueryToken,
    assertion_of,
    credential_of,
)
from iiniit_guard.core.http.challenge import RefusalWriter
from iiniit_guard.core.http.error_body import ErrorBodyWriter
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.issuer.limits import FirstLoads
from iiniit_guard.core.issuer.registry import FoundIssuers
from iiniit_guard.core.issuer.shared_store import SharedStore
from iiniit_guard.core.issuer.status_list_limits import ListMemory
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.jose.jws import ALGORITHMS
from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.flow import Flow, Unreachable
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.settings.guard_settings import Dpop, GuardSettings

_TOKEN_SCHEMES: Final = {"optional": (BEARER, DPOP), "required": (DPOP,), "off": (BEARER,)}
_REGISTERED: Final = {BEARER: "Bearer", DPOP: "DPoP"}
WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"


@dataclass(frozen=True, slots=True)
class Entropy:
    """Sources of randomness, as an argument.

    Attributes:
        random: Uniform in [0, 1).
        unique: An identifier that cannot be guessed and never repeats.
        random_bytes: The requested number of unpredictable bytes.
    """

    random: Callable[[], float]
    unique: Callable[[], str]
    random_bytes: Callable[[int], bytes]


class ProtectedResource:
    """The state that decisions depend on. It performs no I/O.

    Args:
        settings: The checked settings.
        clock: Both clocks.
        chance: The sources of randomness.
        report: Called with a failure that no request waits for.
    """

    def __init__(
        self,
        settings: GuardSettings,
        clock: Clock,
        chance: Entropy,
        report: Callable[[Unreachable], object] = lambda failure: None,
    ) -> None:
        find = None if isinstance(settings.issuers, tuple) else settings.issuers
        known = settings.issuers if isinstance(settings.issuers, tuple) else ()
        self.settings = settings
        self._report = report
        self.clock = clock
        self.cache: TokenCache = TokenCache(
            settings.max_cached_tokens, clock, settings.max_cached_bytes
        )
        self._chance, self._lists = chance, ListMemory()
        self._first_loads = None if find is None else FirstLoads(clock)
        self._named: dict[str, AuthorizationServer] = {
            issuer.issuer: self._server(issuer) for issuer in known
        }
        self.named: Callable[[str], AuthorizationServer | None] = self._named.get
        """Return the configured issuer with exactly this name.

        None if it is unknown or a callable finds the issuers.
        """
        self.only_server: AuthorizationServer | None = (
            next(iter(self._named.values())) if len(known) == 1 else None
        )
        """The single issuer of this guard. None if there are several, or a callable finds them."""
        self._found = (
            None
            if find is None
            else FoundIssuers(find, self._server, clock, settings.issuers_max_age_seconds)
        )
        self.finds_issuers: bool = find is not None
        """Whether a callable finds the issuers. Clients must not learn which of them exist."""
        used = {name for server in self.servers for name in server.algorithms}
        self.algorithms: frozenset[str] = frozenset(ALGORITHMS if find is not None else used)
        self._opaque = [server for server in self.servers if server.introspects]
        self.find: Callable[[bytes], CacheEntry | None] = (
            self.cache.find if find is None else self._find_confirmed
        )
        """Return the cache entry of a digest if it may be used without a call, or None."""
        self._set_bindings(settings)
        self._set_credentials(settings, known)

    def _set_bindings(self, settings: GuardSettings) -> None:
        self.proofs: ProofChecks = ProofChecks(settings, self.clock)
        """The checks of DPoP proofs."""
        self.certificates: CertificateSource = CertificateSource.of(settings)
        """Where the client certificate of a request is, for bound tokens."""

    def _set_credentials(self, settings: GuardSettings, known: tuple[TrustedIssuer, ...]) -> None:
        """Set which credentials a request may present, and where."""
        fields = [PROFILES[issuer.profile].field for issuer in known]
        self.assertion_field: bytes | None = next(filter(None, fields), None)
        """The field of a gateway's assertion or of a transaction token; None for other tokens."""
        self.takes_assertions: bool = self.assertion_field is not None
        """Whether the credential is such a token, which is not in `Authorization`."""
        # The gateway has checked the proof of the client. Its assertion is bound to no key.
        self.dpop: Dpop = "off" if self.takes_assertions else settings.dpop
        self.refusal_writer: RefusalWriter = _refusal_writer(
            settings, known, _TOKEN_SCHEMES[self.dpop], self._scope_prefix_of
        )
        others = {
            scheme.lower(): (scheme, function) for scheme, function in settings.alternatives.items()
        }
        self.alternatives: dict[str, tuple[str, Callable[..., object]]] = others
        self.schemes: frozenset[str] = frozenset({*_TOKEN_SCHEMES[self.dpop], *others})
        metadata = self.refusal_writer.resource_metadata
        self.metadata_path: str | None = (
            None if metadata is None else unquote(urlsplit(metadata).path)
        )
        self.token_alone_decides: bool = (
            settings.issuer_resolver is None and not settings.validators
        )
        """Whether the decision depends only on the token, and on nothing else in the request."""
        self.token_field: bytes = (settings.token_header or "Authorization").lower().encode("ascii")
        """The header field that carries the credential, lower-case. No other field is read."""
        self.query_token: QueryToken = (
            "accept" if settings.insecure_query_token else settings.query_token
        )
        """Handling of a parameter `access_token` in the query."""
        self.heeds_query: bool = self.query_token != "ignore"
        """Whether such a parameter has any effect."""
        self.longest_authorization: int = settings.max_token_bytes + len("Bearer ")
        """Longer values of `Authorization` skip the fast path.

        Only this limit includes white space after the token.
        """
        self.has_fast_path: bool = (
            self.token_alone_decides
            and not self.takes_assertions
            and self.token_field == AUTHORIZATION
            and BEARER in self.schemes
        )
        """Whether a cached token in `Authorization` can be found by its digest alone."""

    def read_credential(
        self, request: Request, authorization: bytes | None = None
    ) -> Credential | Problem:
        """Return the one credential of a request, or a problem.

        `authorization` is the value of its only Authorization field, if the caller has it.
        """
        longest = self.settings.max_token_bytes
        if self.assertion_field is not None:
            return assertion_of(request, longest, self.assertion_field)
        in_query, field = self.query_token, self.token_field
        only = authorization if field == AUTHORIZATION else None
        found = credential_of(request, self.schemes, longest, in_query, field, only)
        # A token in the query, or without a scheme in `token_header`, is a bearer token too.
        if self.dpop == "required" and isinstance(found, Credential) and found.scheme == BEARER:
            return PROBLEMS[Reason.NO_TOKEN]
        return found

    def finds_credential(self, request: Request) -> bool:
        """Return whether a request without an accepted credential has one of another scheme."""
        if self.takes_assertions:
            return False
        in_query = self.heeds_query and request.reserved_names.access_token
        return in_query or any(request.header_values(self.token_field))

    @property
    def servers(self) -> tuple[AuthorizationServer, ...]:
        """The issuers that are known now."""
        return tuple(self._named.values()) if self._found is None else self._found.servers

    def known_server(self, issuer: str) -> AuthorizationServer | None:
        """Return the issuer with exactly this name if it is known without a call, or None."""
        return self.named(issuer) if self._found is None else self._found.known(issuer)

    def server_of(self, issuer: str) -> Flow[AuthorizationServer | None]:
        """Return the trusted issuer with exactly the name `issuer`, or None.

        The guard makes no request for an unknown issuer.
        """
        return (
            self._named.get(issuer)
            if self._found is None
            else (yield from self._found.server_of(issuer))
        )

    def opaque_server_of(self, token: str) -> AuthorizationServer | None:
        """Return the issuer whose introspection endpoint may receive this opaque token, or None."""
        fitting = [
            server
            for server in self._opaque
            if server.settings.token_prefix is None
            or token.startswith(server.settings.token_prefix)
        ]
        return fitting[0] if len(fitting) == 1 else None

    def remaining(self, digest: bytes) -> float:
        """Return the seconds for which the cached token may be used without a call; 0 if none."""
        entry = self.find(digest)
        if entry is None:
            return 0.0
        seconds = self.cache.remaining(digest)
        return (
            seconds
            if self._found is None
            else min(seconds, self._found.remaining(entry.token.issuer))
        )

    def _scope_prefix_of(self, issuer: str) -> str | None:
        server = self.known_server(issuer)
        return None if server is None else server.settings.scope_prefix

    def _find_confirmed(self, digest: bytes) -> CacheEntry | None:
        entry = self.cache.find(digest)
        if entry is None or self._found is None:
            return None
        return entry if self._found.remaining(entry.token.issuer) > 0 else None

    def reset_after_fork(self) -> None:
        """Keep the caches, with new locks and no call in flight."""
        self.cache.reset_after_fork()
        self.proofs.replays.reset_after_fork()
        if self._first_loads is not None:
            self._first_loads.reset_after_fork()
        if self._found is not None:
            self._found.reset_after_fork()
        for server in self._named.values():
            server.reset_after_fork()

    def _server(self, settings: TrustedIssuer) -> AuthorizationServer:
        secret, store = self.settings.store_secret, None
        if secret is not None and settings.introspection is not None:
            delay, draw = settings.revocation_delay_seconds, self._chance.random_bytes
            store = SharedStore(secret, settings, draw, delay, self._report)
        return AuthorizationServer(
            settings,
            self.clock,
            self._chance.random,
            self._chance.unique,
            store,
            self._first_loads,
            self._report,
            self._lists,
        )


def _refusal_writer(
    settings: GuardSettings,
    known: tuple[TrustedIssuer, ...],
    schemes: tuple[str, ...],
    scope_prefix_of: Callable[[str], str | None],
) -> RefusalWriter:
    return RefusalWriter(
        realm=settings.realm or (known[0].audiences[0] if known else "api"),
        schemes=(*(_REGISTERED[scheme] for scheme in schemes), *settings.alternatives),
        proof_algorithms=" ".join(settings.dpop_algorithms),
        resource_metadata=None if settings.resource is None else metadata_url(settings.resource),
        scope_prefix=known[0].scope_prefix if known else None,
        scope_prefix_of=scope_prefix_of,
        error_body=ErrorBodyWriter(settings.error_body),
    )


def metadata_url(resource: str) -> str:
    """Return the URL of a resource's metadata document (RFC 9728 §3.1).

    The well-known path precedes the path of the resource.
    """
    parts = urlsplit(resource)
    query = f"?{parts.query}" if parts.query else ""
    path = "" if parts.path == "/" else parts.path
    return f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{path}{query}"
