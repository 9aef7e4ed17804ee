"""Settings of one issuer: its tokens, its keys, its metadata and its introspection endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Final, Literal

from iiniit_guard.core.claims.shapes import CLIENT_ID_CLAIMS, TOKEN_ID_CLAIMS
from iiniit_guard.core.issuer.client_authentication import (
    BearerToken,
    ClientAuthentication,
    IntrospectionFunction,
)
from iiniit_guard.core.issuer.issuer_checks import CHECKS
from iiniit_guard.core.issuer.joint_faults import joint_faults
from iiniit_guard.core.jose.jws import ALGORITHMS
from iiniit_guard.core.model.json_types import JsonMapping
from iiniit_guard.errors import SettingsError

_CONNECT_SECONDS: Final = 2
# One string stands for a list of one.
_WORDS: Final = (
    *("audience", "algorithms", "client_id_claims", "token_id_claims"),
    "introspection_response_audience",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """An authorization server whose tokens the guard accepts. Its `repr` contains no secret.

    Attributes:
        issuer: The issuer identifier, exactly as in the `iss` claim of its tokens.
        audience: The identifier of this API, or several. A token must name one of them.
        metadata_url: URL of the metadata; None means the two well-known URLs.
        jwks_uri: URL of the key set; None means the URL in the metadata.
        jwks_file: Path of a file with the key set, instead of a URL.
        introspection_endpoint: URL of the introspection endpoint; None means the URL in the
            metadata.
        introspection: Credentials of the guard at that endpoint, or a function that is called with
            the token in place of a call to it; None means that no token is ever sent.
        introspection_signed: Accept only introspection responses that the issuer signed (RFC 9701).
        introspection_response_audience: The `aud` of a signed response, or several; None means the
            audience of this API and the client identifier in `introspection`.
        jwt: How JWTs are checked: `verify` locally, `introspect` like opaque tokens, or `both`.
        algorithms: The accepted signature algorithm, or several.
        profile: `rfc9068` requires everything that RFC 9068 §2.2 requires of JWTs; `generic` also
            accepts what many servers send instead. `assertion` is for a service behind
            `iiniit-guard serve`: the service trusts the header `X-Iiniit-Assertion` and nothing
            else, and accepts no leeway after its `exp`. `txn` is for transaction tokens in the
            header `Txn-Token`, and `jwt-svid` for JWT-SVIDs of SPIFFE; their guard has no other
            issuer.
        subject_prefix: The `sub` of a token must begin with it; None means any subject.
        audience_claim: The claim that names the audience, for servers that do not send `aud`.
        audience_exclusive: Refuse a token that names another audience in addition to those of this
            API.
        bound_tokens: `required` accepts only tokens that are bound to a key of the client, by DPoP
            or by its certificate; `certificate` only tokens that are bound to its certificate.
        client_id_claims: The claims that may hold the client identifier. The first claim that a
            token has is used.
        token_id_claims: The claims that may hold the token identifier. The first claim that a token
            has is used.
        scope_claims: Further claims that contain scopes, such as `permissions` or
            `realm_access.roles`. Write a path as a list if a name in it contains a dot. End it with
            `*` if the member names of an object are the scopes.
        scope_aliases: Mapping from a scope that the issuer sends to the scope that this API uses.
        scope_implies: Mapping from a scope to the scopes that it includes.
        scope_prefix: What a client must put before a scope when it requests the scope, such as
            `api://orders/`. Challenges and the resource metadata name scopes with it; tokens and
            policies name them without it.
        require_claim: Mapping from a claim to its required value, or to a list of which one value
            suffices: strings, numbers, true, false.
        expiry_leeway_seconds: A token is refused from `exp` plus this number of seconds on.
        clock_leeway_seconds: `nbf` and `iat` may be this many seconds in the future.
        revocation_delay_seconds: How long an introspected token may be accepted after its
            revocation.
        status_list: Whether the status of a JWT is read from the Token Status List that its claim
            `status` names: `off`, `check` if the token names one, or `required` of every JWT.
        status_list_origins: The origins of status lists; empty means the origin of `issuer`. A
            token that names another origin is refused, and nothing is fetched.
        status_list_max_age_seconds: How long a status list is used at most, even if its `ttl`
            allows longer. A token may be accepted for that time after its revocation.
        inactive_seconds: How long a refusal is cached at most before the token is introspected
            again.
        key_issuers: For a key set that several issuers share: a key is used only if its member
            `issuer` is one of these values. Empty means that the member is ignored.
        keys_max_age_seconds: How long a key set is used at most.
        keys_cooldown_seconds: Unknown keys cause at most one fetch in this time.
        keys_stale_seconds: How long the last valid key set is used after it expires while the
            server fails.
        connect_timeout_seconds: Timeout of TCP and TLS. None means 2, or `timeout_seconds` if that
            is shorter.
        timeout_seconds: Timeout of one whole call.
        ca_file: PEM file of trusted roots; None means those of the system.
        http_proxy: URL of a forward proxy.
        discovery_authentication: A `BearerToken` for requests for metadata and keys, from a file
            if another program renews it.
        http_headers: Further header fields of requests, such as a `User-Agent` that a firewall
            requires. These two settings are used only for the origins of `issuer` (or
            `metadata_url`), `jwks_uri` and `introspection_endpoint`, never for an origin that only
            the metadata names.
        token_prefix: The prefix of its opaque tokens, if several issuers have opaque tokens.
        insecure_accept_missing_audience: Accept an introspection response without `aud`. Any token
            of this server is then accepted by this API. With `require_claim`, also accept a JWT
            without `aud`.
        insecure_accept_id_tokens: Accept JWTs that look like ID tokens and have no mark of an
            access token (Dex). Every ID token of this server for this audience is then accepted.
        insecure_metadata_issuer: Another issuer that the metadata may name. The owner of that
            issuer can then act as this one.
        insecure_http_hosts: Hosts that may be called without TLS. An attacker on the network path
            can then read and forge everything.
        preset: The function of `iiniit_guard.providers` that made these settings. It selects hints
            for the log, and no check.

    Raises:
        SettingsError: At least one setting is invalid; `faults` names every invalid setting.
    """

    issuer: str
    audience: str | Sequence[str]
    metadata_url: str | None = None
    jwks_uri: str | None = None
    jwks_file: str | None = None
    introspection_endpoint: str | None = None
    introspection: ClientAuthentication | IntrospectionFunction | None = field(
        default=None, repr=False
    )
    introspection_signed: bool = False
    introspection_response_audience: str | Sequence[str] | None = None
    jwt: Literal["verify", "introspect", "both"] = "verify"
    algorithms: str | Sequence[str] = ALGORITHMS
    profile: Literal["generic", "rfc9068", "assertion", "txn", "jwt-svid"] = "generic"
    subject_prefix: str | None = None
    audience_claim: str = "aud"
    audience_exclusive: bool = False
    bound_tokens: Literal["optional", "required", "certificate"] = "optional"
    client_id_claims: str | Sequence[str] = CLIENT_ID_CLAIMS
    token_id_claims: str | Sequence[str] = TOKEN_ID_CLAIMS
    scope_claims: Sequence[str | Sequence[str]] = ()
    scope_aliases: Mapping[str, str] = field(default_factory=dict)
    scope_implies: Mapping[str, Sequence[str]] = field(default_factory=dict)
    scope_prefix: str | None = None
    require_claim: JsonMapping = field(default_factory=dict)
    expiry_leeway_seconds: float = 5
    clock_leeway_seconds: float = 30
    revocation_delay_seconds: float = 60
    status_list: Literal["off", "check", "required"] = "off"
    status_list_origins: Sequence[str] = ()
    status_list_max_age_seconds: float = 300
    inactive_seconds: float = 10
    key_issuers: Sequence[str] = ()
    keys_max_age_seconds: float = 3_600
    keys_cooldown_seconds: float = 30
    keys_stale_seconds: float = 3_600
    connect_timeout_seconds: float | None = None
    timeout_seconds: float = 5
    ca_file: str | None = None
    http_proxy: str | None = field(default=None, repr=False)
    discovery_authentication: BearerToken | None = None
    http_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    token_prefix: str | None = None
    insecure_accept_missing_audience: bool = False
    insecure_accept_id_tokens: bool = False
    insecure_metadata_issuer: str | None = None
    insecure_http_hosts: Sequence[str] = ()
    preset: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name in _WORDS:
            value: object = getattr(self, name)
            if isinstance(value, str):
                object.__setattr__(self, name, (value,))
        # A default needs no check and no copy.
        given = {
            name: value
            for name, default in _DEFAULTS.items()
            if (value := getattr(self, name)) is not default
        }
        faults = [
            f"{name}: {fault}"
            for name, value in given.items()
            if name in CHECKS and (fault := CHECKS[name](value)) is not None
        ]
        faults += [] if faults else joint_faults(self)
        if faults:
            raise SettingsError(faults)
        # Copy mutable values: a caller that changes its list later must not change what is trusted.
        for name, value in given.items():
            if isinstance(value, Mapping):
                frozen = {
                    key: tuple(item) if isinstance(item, (list, tuple)) else item
                    for key, item in value.items()
                }
                object.__setattr__(self, name, MappingProxyType(frozen))
            elif isinstance(value, Sequence) and not isinstance(value, str):
                copied = tuple(tuple(item) if isinstance(item, list) else item for item in value)
                object.__setattr__(self, name, copied)

    @property
    def audiences(self) -> tuple[str, ...]:
        """The audience as a tuple. The first one names the realm."""
        return (self.audience,) if isinstance(self.audience, str) else tuple(self.audience)

    @property
    def introspection_response_audiences(self) -> frozenset[str]:
        """The accepted values of `aud` in a signed introspection response (RFC 9701 §5)."""
        own = self.introspection_response_audience
        if own is not None:
            return frozenset(own)
        client = getattr(self.introspection, "client_id", None)
        return frozenset(self.audiences if client is None else (*self.audiences, client))

    @property
    def required_claims(self) -> Mapping[str, tuple[Any, ...]]:
        """`require_claim` with every value as a tuple of accepted values."""
        return {
            name: value if isinstance(value, tuple) else (value,)
            for name, value in self.require_claim.items()
        }

    @property
    def connect_seconds(self) -> float:
        """`connect_timeout_seconds`, or its default, which is never longer than a whole call."""
        own = self.connect_timeout_seconds
        return min(_CONNECT_SECONDS, self.timeout_seconds) if own is None else own


_DEFAULTS: Final[Mapping[str, object]] = {each.name: each.default for each in fields(TrustedIssuer)}
