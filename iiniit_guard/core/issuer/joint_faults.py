"""Faults in combinations of the settings of one issuer, each of which is valid alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from iiniit_guard.core.issuer import validators as check
from iiniit_guard.core.issuer.client_authentication import (
    BearerToken,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
    TlsClient,
    credential_fault,
)

if TYPE_CHECKING:
    from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer

_NEVER_INTROSPECTED: Final = {
    "assertion": "assertions",
    "txn": "transaction tokens",
    "jwt-svid": "JWT-SVIDs",
}
_WAYS: Final = (ClientSecretBasic, ClientSecretPost, PrivateKeyJwt, TlsClient, BearerToken)
# The same in every token of one kind of an issuer, so they do not distinguish its APIs.
_SAME_IN_ALL_TOKENS: Final = frozenset({"iss", "typ", "token_type", "token_use", "active"})


def audience_claim_fault(value: object) -> str | None:
    """Return why a claim cannot name the audience, or None."""
    fault = check.text(value)
    if fault is None and value in _SAME_IN_ALL_TOKENS:
        return (
            f"{value} is the same in all tokens of the issuer, so it does not name this API; use "
            "a claim that does (azp, client_id), or require_claim with "
            "insecure_accept_missing_audience"
        )
    return fault


def tells_tokens_apart(names: Iterable[str]) -> bool:
    """Return whether one of these claims can differ between two tokens of one issuer."""
    return not _SAME_IN_ALL_TOKENS.issuperset(names)


def joint_faults(issuer: TrustedIssuer) -> list[str]:
    """Return the faults in combinations of settings that are each valid alone."""
    faults = []
    hosts = issuer.insecure_http_hosts
    for name in ("metadata_url", "jwks_uri", "introspection_endpoint"):
        url = getattr(issuer, name)
        if url is not None and (fault := check.endpoint_fault(url, hosts)) is not None:
            faults.append(f"{name}: {fault}")
    faults += _introspection_faults(issuer)
    faults += _kind_faults(issuer)
    faults += _status_faults(issuer)
    if issuer.jwks_uri is not None and issuer.jwks_file is not None:
        faults.append("jwks_file: jwks_uri is set too; set only one of them")
    if (
        issuer.connect_timeout_seconds is not None
        and issuer.connect_timeout_seconds > issuer.timeout_seconds
    ):
        faults.append(
            "connect_timeout_seconds: must not be longer than timeout_seconds, which limits the "
            "whole call"
        )
    if (
        _discovers(issuer)
        and issuer.metadata_url is None
        and (fault := _issuer_fault(issuer.issuer, hosts)) is not None
    ):
        faults.append(f"issuer: {fault}; or set jwks_uri, introspection_endpoint or metadata_url")
    return faults


def _kind_faults(issuer: TrustedIssuer) -> list[str]:
    faults = []
    if issuer.insecure_accept_id_tokens and issuer.profile != "generic":
        faults.append(
            f"insecure_accept_id_tokens: profile={issuer.profile!r} never accepts ID tokens; "
            "remove one of the two settings"
        )
    if (
        issuer.insecure_accept_missing_audience
        and issuer.introspection is None
        and (issuer.profile != "generic" or not tells_tokens_apart(issuer.require_claim))
    ):
        faults.append(
            "insecure_accept_missing_audience: a JWT without aud is accepted only with "
            "profile='generic' and a claim that names this API or its client; set require_claim "
            "to such a claim (not iss), or remove the setting"
        )
    return faults


def _status_faults(issuer: TrustedIssuer) -> list[str]:
    faults, hosts = [], issuer.insecure_http_hosts
    for origin in issuer.status_list_origins:
        fault = check.endpoint_fault(origin, hosts)
        # A path would suggest that only URLs below it are fetched.
        if fault is None and origin != "{0.scheme}://{0.netloc}".format(urlsplit(origin)):
            fault = "must be an origin, such as https://status.example.com, without path and query"
        if fault is not None:
            faults.append(f"status_list_origins: {fault}")
    if issuer.status_list == "off":
        if issuer.status_list_origins:
            faults.append("status_list_origins: set status_list too, or remove the setting")
        return faults
    if not issuer.status_list_origins and check.endpoint_fault(issuer.issuer, hosts) is not None:
        faults.append(
            "status_list: the issuer is not an https URL, so it has no origin for status lists; "
            "set status_list_origins"
        )
    if issuer.jwt == "introspect":
        faults.append(
            "status_list: jwt='introspect' verifies no JWT, so no status is read; use "
            "jwt='verify' or jwt='both', or remove status_list"
        )
    if issuer.profile == "assertion":
        faults.append(
            "status_list: the gateway checks the status of a token, and its assertion has none; "
            "set status_list in the gateway"
        )
    return faults


def _introspection_faults(issuer: TrustedIssuer) -> list[str]:
    faults, way = [], cast("object", issuer.introspection)
    if _is_function(way):
        if issuer.introspection_endpoint is not None:
            faults.append(
                "introspection: a function replaces the call to introspection_endpoint; remove one "
                "of the two settings"
            )
    elif way is not None and not isinstance(way, _WAYS):
        faults.append(
            "introspection: must be one of ClientSecretBasic, ClientSecretPost, PrivateKeyJwt, "
            "TlsClient, BearerToken, or a function"
        )
    elif way is not None and (fault := credential_fault(way)) is not None:
        faults.append(f"introspection: {fault}")
    if issuer.introspection_signed and (way is None or _is_function(way)):
        faults.append(
            "introspection_signed: only responses of an introspection endpoint are signed; set the "
            "credentials for it in introspection"
        )
    if issuer.introspection_response_audience is not None and not issuer.introspection_signed:
        faults.append(
            "introspection_response_audience: only signed responses have it; remove the setting"
        )
    if issuer.profile in _NEVER_INTROSPECTED and way is not None:
        faults.append(
            f"introspection: {_NEVER_INTROSPECTED[issuer.profile]} cannot be introspected; remove "
            "introspection"
        )
    if way is None and issuer.jwt != "verify":
        faults.append(
            f"introspection: jwt={issuer.jwt!r} needs credentials for the introspection endpoint"
        )
    if way is None and issuer.introspection_endpoint is not None:
        faults.append(
            "introspection: introspection_endpoint needs credentials; set introspection too"
        )
    return faults


def _discovers(issuer: TrustedIssuer) -> bool:
    verifies = issuer.jwt != "introspect" or issuer.introspection_signed
    keys = verifies and issuer.jwks_uri is None and issuer.jwks_file is None
    asks = issuer.introspection is not None and not _is_function(issuer.introspection)
    return keys or (asks and issuer.introspection_endpoint is None)


def _is_function(way: object) -> bool:
    """Return whether `way` is a function. A class (ClientSecretBasic) is a mistake."""
    return callable(way) and not isinstance(way, type)


def _issuer_fault(issuer: str, http_hosts: Sequence[str]) -> str | None:
    """Return why this issuer identifier does not allow discovery, or None if it does.

    RFC 8414 §2 requires https, no query and no fragment.
    """
    fault = check.endpoint_fault(issuer, http_hosts)
    return fault or (
        "an issuer that is discovered must not have a query"
        if urlsplit(issuer).query or "?" in issuer
        else None
    )
