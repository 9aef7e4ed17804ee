"""The settings of one issuer: what a token of it must say, where its keys are, how it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from iiniit_guard.core.issuer import validators as is_
from iiniit_guard.core.issuer.client_authentication import (
    BearerToken,
    ClientAuthentication,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
    TlsClient,
    credential_fault,
)
from iiniit_guard.core.issuer.forward_proxy import proxy_fault
from iiniit_guard.core.jose.jws import ALGORITHMS
from iiniit_guard.errors import SettingsError

_WAYS: Final = (ClientSecretBasic, ClientSecretPost, PrivateKeyJwt, TlsClient, BearerToken)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """An authorization server whose tokens are accepted. Its `repr` holds no secret.

    Attributes:
        issuer: Its identifier, to the letter as its tokens say `iss`.
        audience: What a token's audience must name: this API, one identifier or several.
        metadata_url: Where its metadata is; None means the two well-known places.
        jwks_uri: Where its keys are; None means as its metadata says.
        jwks_file: A file with its keys instead.
        introspection_endpoint: Where it is asked about tokens; None means as its metadata says.
        introspection: How we identify ourselves there; None means that no token is ever shown to it.
        jwt: What happens to its JWTs: `verify` locally, `introspect` as if opaque, or `both`.
        algorithms: Signature algorithms accepted.
        profile: `rfc9068` demands all of RFC 9068 §2.2 of JWTs; `generic` also accepts what many servers send instead. `assertion` is for a
            service behind `iiniit-guard serve`: it trusts what stands in `X-Iiniit-Assertion` and nothing else, to the second of its `exp`.
        audience_claim: The claim that names the audience, for servers without `aud`.
        scope_claims: Further claims that hold scopes: `permissions`, `realm_access.roles`; a path is a list where a name in it has dots,
            and ends with `*` where the names in an object are the scopes.
        scope_aliases: Scope that it sends → scope that this API means.
        scope_implies: Scope → scopes it includes.
        require_claim: Claim → the value it must have, or a list of which one suffices: texts, numbers, true, false.
        expiry_leeway_seconds: A token is refused from `exp` plus this on.
        clock_leeway_seconds: `nbf` and `iat` may be this far ahead.
        revocation_delay_seconds: How long an introspected token may outlive its revocation.
        inactive_seconds: The longest time for which a refusal is not asked about again.
        keys_max_age_seconds: The longest time for which a key set counts.
        keys_cooldown_seconds: Unknown keys cause at most one fetch in this time.
        keys_stale_seconds: How long the last good set serves past its end while the server fails.
        connect_timeout_seconds: For TCP and TLS.
        timeout_seconds: For one whole call.
        ca_file: PEM file of trusted roots; None means the system's.
        http_proxy: A forward proxy's URL.
        token_prefix: How its opaque tokens begin, where several issuers have some.
        insecure_accept_missing_audience: Accept an introspection response without `aud`: any token of this server then opens this API.
        insecure_accept_id_tokens: Accept JWTs that are made like ID tokens and have no mark of an access token (Dex): every ID token of
            this server for this audience then opens this API.
        insecure_metadata_issuer: Another issuer that its metadata may name: whoever owns that one can speak for it.
        insecure_http_hosts: Hosts that may be called without TLS: whoever is on the way sees and forges everything.

    Raises:
        SettingsError: With every fault.
    """

    issuer: str
    audience: str | Sequence[str]
    metadata_url: str | None = None
    jwks_uri: str | None = None
    jwks_file: str | None = None
    introspection_endpoint: str | None = None
    introspection: ClientAuthentication | None = None
    jwt: Literal["verify", "introspect", "both"] = "verify"
    algorithms: Sequence[str] = ALGORITHMS
    profile: Literal["generic", "rfc9068", "assertion"] = "generic"
    audience_claim: str = "aud"
    scope_claims: Sequence[str | Sequence[str]] = ()
    scope_aliases: Mapping[str, str] = field(default_factory=dict)
    scope_implies: Mapping[str, Sequence[str]] = field(default_factory=dict)
    require_claim: Mapping[str, Any] = field(default_factory=dict)
    expiry_leeway_seconds: float = 5
    clock_leeway_seconds: float = 30
    revocation_delay_seconds: float = 60
    inactive_seconds: float = 10
    keys_max_age_seconds: float = 3_600
    keys_cooldown_seconds: float = 30
    keys_stale_seconds: float = 3_600
    connect_timeout_seconds: float = 2
    timeout_seconds: float = 5
    ca_file: str | None = None
    http_proxy: str | None = field(default=None, repr=False)
    token_prefix: str | None = None
    insecure_accept_missing_audience: bool = False
    insecure_accept_id_tokens: bool = False
    insecure_metadata_issuer: str | None = None
    insecure_http_hosts: Sequence[str] = ()

    def __post_init__(self) -> None:
        if isinstance(self.audience, str):
            object.__setattr__(self, "audience", (self.audience,))
        faults = [f"{name}: {fault}" for name, check in CHECKS.items() if (fault := self._fault(name, check)) is not None]
        faults += [] if faults else self._joint_faults()
        if faults:
            raise SettingsError(faults)
        for each in fields(self):  # a caller's list that changes later must not change what is trusted
            value = getattr(self, each.name)
            if isinstance(value, Mapping):
                frozen = {key: tuple(item) if isinstance(item, (list, tuple)) else item for key, item in value.items()}
                object.__setattr__(self, each.name, MappingProxyType(frozen))
            elif isinstance(value, Sequence) and not isinstance(value, str):
                object.__setattr__(self, each.name, tuple(tuple(item) if isinstance(item, list) else item for item in value))

    @property
    def audiences(self) -> tuple[str, ...]:
        """The audience as a tuple, first the one that names the realm."""
        return (self.audience,) if isinstance(self.audience, str) else tuple(self.audience)

    @property
    def required_claims(self) -> Mapping[str, tuple[Any, ...]]:
        """`require_claim` with every value as a tuple of possibilities."""
        return {name: value if isinstance(value, tuple) else (value,) for name, value in self.require_claim.items()}

    def _fault(self, name: str, check: is_.Check) -> str | None:
        value = getattr(self, name)
        return None if value is None and name in _OPTIONAL else check(value)

    def _joint_faults(self) -> list[str]:
        """Find what is wrong between settings that are right each by itself."""
        faults = []
        hosts = self.insecure_http_hosts
        for name in ("metadata_url", "jwks_uri", "introspection_endpoint"):
            url = getattr(self, name)
            if url is not None and (fault := is_.endpoint_fault(url, hosts)) is not None:
                faults.append(f"{name}: {fault}")
        way: object = self.introspection
        if way is not None and not isinstance(way, _WAYS):
            faults.append("introspection: one of ClientSecretBasic, ClientSecretPost, PrivateKeyJwt, TlsClient, BearerToken is wanted")
        elif way is not None and (fault := credential_fault(way)) is not None:
            faults.append(f"introspection: {fault}")
        if self.profile == "assertion" and self.introspection is not None:
            faults.append("introspection: an assertion is verified by its signature, and no server is asked about it")
        if self.introspection is None and self.jwt != "verify":
            faults.append(f"introspection: jwt={self.jwt!r} needs credentials for the introspection endpoint")
        if self.introspection is None and self.introspection_endpoint is not None:
            faults.append("introspection: introspection_endpoint is of no use without credentials for it")
        if self.insecure_accept_id_tokens and self.profile != "generic":
            faults.append(f"insecure_accept_id_tokens: profile={self.profile!r} never accepts them; remove one of the two")
        if self.jwks_uri is not None and self.jwks_file is not None:
            faults.append("jwks_file: jwks_uri is set too; one of them is wanted")
        if self.connect_timeout_seconds > self.timeout_seconds:
            faults.append("connect_timeout_seconds: it is longer than timeout_seconds, the time of a whole call")
        if self._discovers and self.metadata_url is None and (fault := _issuer_fault(self.issuer, hosts)) is not None:
            faults.append(f"issuer: {fault}; or set jwks_uri, introspection_endpoint or metadata_url by hand")
        return faults

    @property
    def _discovers(self) -> bool:
        keys = self.jwt != "introspect" and self.jwks_uri is None and self.jwks_file is None
        return keys or (self.introspection is not None and self.introspection_endpoint is None)


def _issuer_fault(issuer: str, http_hosts: Sequence[str]) -> str | None:
    """Tell why metadata cannot be found from this issuer identifier (RFC 8414 §2: https, no query, no fragment), or None."""
    fault = is_.endpoint_fault(issuer, http_hosts)
    return fault or ("an issuer that is discovered must not have a query" if urlsplit(issuer).query or "?" in issuer else None)


_OPTIONAL: Final = frozenset(
    {
        "metadata_url",
        "jwks_uri",
        "jwks_file",
        "introspection_endpoint",
        "ca_file",
        "http_proxy",
        "token_prefix",
        "insecure_metadata_issuer",
    }
)

CHECKS: Final[Mapping[str, is_.Check]] = {
    "issuer": is_.text,
    "audience": is_.texts,
    "metadata_url": is_.text,
    "jwks_uri": is_.text,
    "jwks_file": is_.text,
    "introspection_endpoint": is_.text,
    "jwt": is_.one_of("verify", "introspect", "both"),
    "algorithms": is_.some_of(ALGORITHMS),
    "profile": is_.one_of("generic", "rfc9068", "assertion"),
    "audience_claim": is_.text,
    "scope_claims": is_.scope_paths,
    "scope_aliases": is_.scope_words,
    "scope_implies": is_.scope_lists,
    "require_claim": is_.claim_table,
    "expiry_leeway_seconds": is_.at_most(600, is_.seconds_or_none),
    "clock_leeway_seconds": is_.at_most(600, is_.seconds_or_none),
    "revocation_delay_seconds": is_.at_most(3_600, is_.seconds_or_none),
    "inactive_seconds": is_.at_most(3_600, is_.seconds_or_none),
    "keys_max_age_seconds": is_.at_most(86_400, is_.seconds),
    "keys_cooldown_seconds": is_.at_most(3_600, is_.seconds),
    "keys_stale_seconds": is_.at_most(86_400, is_.seconds_or_none),
    "connect_timeout_seconds": is_.at_most(60, is_.seconds),
    "timeout_seconds": is_.at_most(60, is_.seconds),
    "ca_file": is_.text,
    "http_proxy": proxy_fault,
    "token_prefix": is_.token_prefix,
    "insecure_accept_missing_audience": is_.flag,
    "insecure_accept_id_tokens": is_.flag,
    "insecure_metadata_issuer": is_.text,
    "insecure_http_hosts": is_.hosts,
}
"""What each setting of an issuer must be; `introspection` is checked with the others it goes with."""
