"""The check of each setting of an issuer. A setting with its default is not checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from iiniit_guard.core.claims.profile import PROFILES
from iiniit_guard.core.issuer import validators as check
from iiniit_guard.core.issuer.forward_proxy import proxy_fault
from iiniit_guard.core.issuer.joint_faults import audience_claim_fault
from iiniit_guard.core.issuer.origin_headers import discovery_fault, http_headers_fault
from iiniit_guard.core.jose.jws import ALGORITHMS

CHECKS: Final[Mapping[str, check.Check]] = {
    "issuer": check.text,
    "audience": check.texts,
    "metadata_url": check.text,
    "jwks_uri": check.text,
    "jwks_file": check.text,
    "introspection_endpoint": check.text,
    "introspection_signed": check.flag,
    "introspection_response_audience": check.texts,
    "jwt": check.one_of("verify", "introspect", "both"),
    "algorithms": check.some_of(ALGORITHMS),
    "profile": check.one_of(*PROFILES),
    "subject_prefix": check.text,
    "audience_claim": audience_claim_fault,
    "audience_exclusive": check.flag,
    "bound_tokens": check.one_of("optional", "required", "certificate"),
    "client_id_claims": check.texts,
    "token_id_claims": check.texts,
    "scope_claims": check.scope_paths,
    "scope_aliases": check.scope_words,
    "scope_implies": check.scope_lists,
    "scope_prefix": check.scope_prefix,
    "require_claim": check.claim_table,
    "expiry_leeway_seconds": check.at_most(600, check.seconds_or_none),
    "clock_leeway_seconds": check.at_most(600, check.seconds_or_none),
    "revocation_delay_seconds": check.at_most(3_600, check.seconds_or_none),
    "status_list": check.one_of("off", "check", "required"),
    "status_list_origins": check.names,
    "status_list_max_age_seconds": check.at_most(86_400, check.seconds),
    "inactive_seconds": check.at_most(3_600, check.seconds_or_none),
    "key_issuers": check.names,
    "keys_max_age_seconds": check.at_most(86_400, check.seconds),
    "keys_cooldown_seconds": check.at_most(3_600, check.seconds),
    "keys_stale_seconds": check.at_most(86_400, check.seconds_or_none),
    "connect_timeout_seconds": check.at_most(60, check.seconds),
    "timeout_seconds": check.at_most(60, check.seconds),
    "ca_file": check.text,
    "http_proxy": proxy_fault,
    "discovery_authentication": discovery_fault,
    "http_headers": http_headers_fault,
    "token_prefix": check.token_prefix,
    "insecure_accept_missing_audience": check.flag,
    "insecure_accept_id_tokens": check.flag,
    "insecure_metadata_issuer": check.text,
    "insecure_http_hosts": check.hosts,
    "preset": check.text,
}
"""`joint_faults` checks `introspection` and combinations."""
