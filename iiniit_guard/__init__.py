"""Protect an HTTP API: admit only requests with a valid OAuth 2.0 access token and scope.

Importing this package imports none of its modules. A name is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iiniit_guard.core.errors import IssuerUnavailable, TokenRefused
    from iiniit_guard.core.http.error_body import PublicRefusal
    from iiniit_guard.core.http.event import Event
    from iiniit_guard.core.issuer.client_authentication import (
        BearerToken,
        ClientSecretBasic,
        ClientSecretPost,
        PrivateKeyJwt,
        SecretFile,
        TlsClient,
    )
    from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
    from iiniit_guard.core.model.access_token import AccessToken, Principal
    from iiniit_guard.core.model.decision import Allow, Decision, Deny, Unavailable
    from iiniit_guard.core.model.outgoing_call import CallResult, OutgoingCall
    from iiniit_guard.core.model.policy import Policy
    from iiniit_guard.core.model.problem import Problem, Reason
    from iiniit_guard.core.model.request import Request, request_from_environ, request_from_scope
    from iiniit_guard.errors import GuardError, SettingsError, UsageError
    from iiniit_guard.guard import Guard

__all__ = [
    "AccessToken",
    "Allow",
    "BearerToken",
    "CallResult",
    "ClientSecretBasic",
    "ClientSecretPost",
    "Decision",
    "Deny",
    "Event",
    "Guard",
    "GuardError",
    "IssuerUnavailable",
    "OutgoingCall",
    "Policy",
    "Principal",
    "PrivateKeyJwt",
    "Problem",
    "PublicRefusal",
    "Reason",
    "Request",
    "SecretFile",
    "SettingsError",
    "TlsClient",
    "TokenRefused",
    "TrustedIssuer",
    "Unavailable",
    "UsageError",
    "request_from_environ",
    "request_from_scope",
]

_HOMES = {
    "core.model.access_token": ("AccessToken", "Principal"),
    "core.issuer.client_authentication": (
        "BearerToken",
        "ClientSecretBasic",
        "ClientSecretPost",
        "PrivateKeyJwt",
        "SecretFile",
        "TlsClient",
    ),
    "core.model.decision": ("Allow", "Decision", "Deny", "Unavailable"),
    "core.http.error_body": ("PublicRefusal",),
    "core.http.event": ("Event",),
    "core.errors": ("IssuerUnavailable", "TokenRefused"),
    "core.model.outgoing_call": ("CallResult", "OutgoingCall"),
    "core.model.policy": ("Policy",),
    "core.model.problem": ("Problem", "Reason"),
    "core.model.request": ("Request", "request_from_environ", "request_from_scope"),
    "core.issuer.trusted_issuer": ("TrustedIssuer",),
    "errors": ("GuardError", "SettingsError", "UsageError"),
    "guard": ("Guard",),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
