"""The names and types of a guard's settings, for editors and type checkers.

`core/settings/guard_settings.py` checks them at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypedDict

from iiniit_guard.core.http.client_certificate import Spelling
from iiniit_guard.core.http.error_body import ErrorBody
from iiniit_guard.core.http.event import Event
from iiniit_guard.core.issuer.client_authentication import (
    BearerToken,
    ClientAuthentication,
    IntrospectionFunction,
    Secret,
)
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.model.json_types import JsonMapping
from iiniit_guard.core.model.outgoing_call import OnCall
from iiniit_guard.core.model.request import Request


class IssuerOptions(TypedDict, total=False):
    """The settings of one issuer except `issuer` and `audience`. `TrustedIssuer` describes them."""

    metadata_url: str | None
    jwks_uri: str | None
    jwks_file: str | None
    introspection_endpoint: str | None
    introspection: ClientAuthentication | IntrospectionFunction | None
    introspection_signed: bool
    introspection_response_audience: str | Sequence[str] | None
    jwt: Literal["verify", "introspect", "both"]
    algorithms: str | Sequence[str]
    profile: Literal["generic", "rfc9068", "assertion", "txn", "jwt-svid"]
    subject_prefix: str | None
    audience_claim: str
    audience_exclusive: bool
    bound_tokens: Literal["optional", "required", "certificate"]
    client_id_claims: str | Sequence[str]
    token_id_claims: str | Sequence[str]
    scope_claims: Sequence[str | Sequence[str]]
    scope_aliases: Mapping[str, str]
    scope_implies: Mapping[str, Sequence[str]]
    scope_prefix: str | None
    require_claim: JsonMapping
    expiry_leeway_seconds: float
    clock_leeway_seconds: float
    revocation_delay_seconds: float
    status_list: Literal["off", "check", "required"]
    status_list_origins: Sequence[str]
    status_list_max_age_seconds: float
    inactive_seconds: float
    key_issuers: Sequence[str]
    keys_max_age_seconds: float
    keys_cooldown_seconds: float
    keys_stale_seconds: float
    connect_timeout_seconds: float | None
    timeout_seconds: float
    ca_file: str | None
    http_proxy: str | None
    discovery_authentication: BearerToken | None
    http_headers: Mapping[str, str]
    token_prefix: str | None
    insecure_accept_missing_audience: bool
    insecure_accept_id_tokens: bool
    insecure_metadata_issuer: str | None
    insecure_http_hosts: Sequence[str]


class GuardKeywords(IssuerOptions, total=False):
    """Keywords of `Guard(...)`: either `issuers`, or the settings of one issuer.

    `TrustedIssuer` and `GuardSettings` describe them.
    """

    issuers: Sequence[TrustedIssuer] | Callable[[str], object]
    issuers_max_age_seconds: float
    issuer: str
    audience: str | Sequence[str]
    realm: str | None
    resource: str | None
    resource_scopes: Sequence[str]
    resource_authorization_details_types: Sequence[str]
    max_token_bytes: int
    max_cached_tokens: int
    max_cached_bytes: int
    on_event: Callable[[Event], object] | None
    on_call: OnCall | None
    error_body: ErrorBody | None
    event_subject: bool
    validators: Sequence[Callable[..., object]]
    alternatives: Mapping[str, Callable[..., object]]
    issuer_resolver: Callable[[Request], object] | None
    store_url: str | None
    store_secret: Secret | None
    token_header: str | None
    client_certificate: Literal["tls"] | Spelling | None
    client_certificate_header: str | None
    websocket_subprotocol_token: bool
    query_token: Literal["refuse", "ignore"]
    insecure_query_token: bool
    public_url: str | None
    trusted_proxies: Sequence[str]
    dpop: Literal["optional", "required", "off"]
    dpop_algorithms: Sequence[str]
    dpop_proof_age_seconds: float
    dpop_proof_ahead_seconds: float
    dpop_nonce: Literal["off", "required"]
    dpop_nonce_seconds: float
    dpop_nonce_secret: Secret | None
    max_dpop_proofs: int
