"""Let only requests with a good OAuth 2.0 access token, with the right scope, reach an HTTP API.

Importing this package imports none of its parts: a name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iiniit_guard.core.access_token import AccessToken, Principal
    from iiniit_guard.core.client_authentication import (
        BearerToken,
        ClientSecretBasic,
        ClientSecretPost,
        PrivateKeyJwt,
        SecretFile,
        TlsClient,
    )
    from iiniit_guard.core.decision import Allow, Decision, Deny, Unavailable
    from iiniit_guard.core.event import Event
    from iiniit_guard.core.outcome import IssuerUnavailable, TokenRefused
    from iiniit_guard.core.policy import Policy
    from iiniit_guard.core.problem import Problem, Reason
    from iiniit_guard.core.request import Request, request_from_environ, request_from_scope
    from iiniit_guard.core.trusted_issuer import TrustedIssuer
    from iiniit_guard.errors import GuardError, SettingsError, UsageError
    from iiniit_guard.guard import Guard

__all__ = [
    "AccessToken",
    "Allow",
    "BearerToken",
    "ClientSecretBasic",
    "ClientSecretPost",
    "Decision",
    "Deny",
    "Event",
    "Guard",
    "GuardError",
    "IssuerUnavailable",
    "Policy",
    "Principal",
    "PrivateKeyJwt",
    "Problem",
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
    "core.access_token": ("AccessToken", "Principal"),
    "core.client_authentication": (
        "BearerToken",
        "ClientSecretBasic",
        "ClientSecretPost",
        "PrivateKeyJwt",
        "SecretFile",
        "TlsClient",
    ),
    "core.decision": ("Allow", "Decision", "Deny", "Unavailable"),
    "core.event": ("Event",),
    "core.outcome": ("IssuerUnavailable", "TokenRefused"),
    "core.policy": ("Policy",),
    "core.problem": ("Problem", "Reason"),
    "core.request": ("Request", "request_from_environ", "request_from_scope"),
    "core.trusted_issuer": ("TrustedIssuer",),
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
