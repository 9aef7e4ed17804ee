"""Faults in the combination of settings of a guard that are valid separately."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from iiniit_guard.core.claims.profile import PROFILES
from iiniit_guard.core.http.client_certificate import FIELDS
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.model.json_types import JsonMapping


def joint_faults(issuers: tuple[TrustedIssuer, ...], own: JsonMapping) -> list[str]:
    """Return the faults in the combination of settings that are valid separately.

    `issuers` is empty if they are found at run time.
    """
    faults = []
    if (own.get("store_url") is None) != (own.get("store_secret") is None):
        faults.append(
            "store_secret: store_url and store_secret must be set together; the store holds only "
            "encrypted entries"
        )
    if own.get("query_token") == "ignore" and own.get("insecure_query_token"):
        faults.append(
            "query_token: insecure_query_token accepts tokens in the query; remove one of the two "
            "settings"
        )
    if own.get("token_header") is not None:
        faults += [
            f"token_header: no token is read from any other place, so {name} has no effect; remove "
            "one of the two settings"
            for name in ("insecure_query_token", "websocket_subprotocol_token")
            if own.get(name)
        ]
    faults += _dpop_faults(own) + _certificate_faults(own)
    resource = own.get("resource")
    if (
        resource is not None
        and issuers
        and not any(resource in issuer.audiences for issuer in issuers)
    ):
        faults.append("resource: must be one of the audiences; clients request their tokens for it")
    alone = [issuer.profile for issuer in issuers if PROFILES[issuer.profile].field is not None]
    if alone:
        faults += _assertion_faults(alone[0], issuers, own)
    asked = [issuer for issuer in issuers if issuer.introspection is not None]
    if len(asked) > 1 and own.get("issuer_resolver") is None:
        prefixes = [issuer.token_prefix for issuer in asked]
        if None in prefixes:
            faults.append(
                "token_prefix: required for each of several issuers that introspect, so that no "
                "issuer receives a token of another; set it, or set issuer_resolver"
            )
        elif any(one.startswith(other) for one, other in permutations(filter(None, prefixes), 2)):
            faults.append(
                "token_prefix: one prefix begins with another; a token could belong to both issuers"
            )
    return faults


def _dpop_faults(own: JsonMapping) -> list[str]:
    if own.get("dpop_nonce") != "required":
        return []
    if own.get("dpop") == "off":
        return ['dpop_nonce: dpop="off" accepts no proof; remove one of the two settings']
    if own.get("dpop_nonce_secret") is None and own.get("store_secret") is None:
        return ["dpop_nonce_secret: required with dpop_nonce; all processes need the same nonces"]
    return []


def _certificate_faults(own: JsonMapping) -> list[str]:
    """Return the faults of a client certificate in a header field."""
    spelling: Any = own.get("client_certificate")
    name = own.get("client_certificate_header")
    in_field = spelling is not None and spelling != "tls"
    faults = []
    if in_field and not own.get("trusted_proxies"):
        faults.append(
            "client_certificate: any client can write the header field; name the proxy that sets "
            "it in trusted_proxies"
        )
    if name is not None and not in_field:
        faults.append(
            "client_certificate_header: no header field is read; set client_certificate to the "
            "spelling of the proxy"
        )
    field = str(name or FIELDS[spelling]) if in_field else ""
    if in_field and field.lower() == str(own.get("token_header")).lower():
        faults.append("client_certificate_header: token_header names the same field")
    return faults


def _assertion_faults(
    profile: str, issuers: tuple[TrustedIssuer, ...], own: JsonMapping
) -> list[str]:
    """Return the settings that would accept another credential than an assertion.

    A service that trusts the gateway must trust no other source, and a transaction token is no
    access token.
    """
    faults = (
        []
        if len(issuers) == 1
        else [f'profile: an issuer with "{profile}" is the only one of its guard']
    )
    beside = [
        name
        for name in (
            "alternatives",
            "issuer_resolver",
            "insecure_query_token",
            "token_header",
            "websocket_subprotocol_token",
        )
        if own.get(name)
    ]
    if own.get("dpop") == "required":
        beside.append("dpop")
    return faults + [
        f'{name}: with profile="{profile}" nothing else is accepted' for name in beside
    ]
