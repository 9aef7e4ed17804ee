"""Use of the public names, checked by mypy and pyright in strict mode and never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never, assert_type

from iiniit_guard import (
    AccessToken,
    ClientSecretBasic,
    ClientSecretPost,
    Guard,
    GuardError,
    IssuerUnavailable,
    PrivateKeyJwt,
    SettingsError,
    TokenRefused,
    TrustedIssuer,
    UsageError,
    providers,
)
from iiniit_guard.core.http.event import Event
from iiniit_guard.core.model.decision import Allow, Deny, Unavailable
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request


def remember(event: Event) -> None:
    assert_type(event.reason, str | None)


def has_tenant(token: AccessToken, request: Request) -> bool:
    return token.claims.get("tenant") == "one" and request.method == "GET"


one_issuer = Guard(
    issuer="https://auth.example",
    audience="https://api.example",
    introspection=ClientSecretBasic("api", "secret"),
    jwt="both",
    revocation_delay_seconds=30,
    scope_implies={"user:write": ["user:read"]},
    on_event=remember,
    validators=[has_tenant],
)
several_issuers = Guard(
    issuers=[
        TrustedIssuer(issuer="https://one.example", audience="https://api.example"),
        TrustedIssuer(
            issuer="https://two.example",
            audience=["https://api.example", "api"],
            introspection=ClientSecretPost("api", "secret"),
            token_prefix="two_",
        ),
        TrustedIssuer(
            issuer="https://three.example",
            audience="https://api.example",
            introspection=PrivateKeyJwt("api", "-----BEGIN PRIVATE KEY-----", "ES256"),
        ),
    ]
)
of_provider = providers.keycloak(
    "https://sso.example", realm="acme", audience=["a", "b"], clock_leeway_seconds=5
)
assert_type(of_provider, TrustedIssuer)
from_environment = Guard.from_env()
from_mapping = Guard.from_env(
    {"IINIIT_GUARD_ISSUER": "https://auth.example", "IINIIT_GUARD_AUDIENCE": "https://api.example"}
)
from_file = Guard.from_file("guard.toml")
assert_type(from_environment, Guard)
assert_type(from_file, Guard)


def decide(guard: Guard, request: Request) -> str | None:
    decision = guard.authenticate(request, Policy(scopes=("user:read",)))
    assert_type(decision, Allow | Deny | Unavailable)
    match decision:
        case Allow():
            return None
        case Deny() | Unavailable():
            assert_type(decision.status, int)
            assert_type(decision.body, bytes)
            return str(decision.status)
        case _:
            assert_never(decision)


async def decide_async(guard: Guard, request: Request) -> bool:
    return isinstance(await guard.authenticate_async(request), Allow)


def verify(guard: Guard, presented: str) -> AccessToken | None:
    try:
        token = guard.verify(presented)
    except TokenRefused as refused:
        assert_type(refused.reason, Reason)
        return None
    except IssuerUnavailable:
        raise
    assert_type(token, AccessToken)
    return token


async def verify_async(guard: Guard, presented: str) -> AccessToken:
    return await guard.verify_async(presented)


def read(token: AccessToken) -> None:
    assert_type(token.issuer, str)
    assert_type(token.scopes, frozenset[str])
    assert_type(token.claims, Mapping[str, Any])


def mend() -> tuple[str, ...]:
    try:
        Guard.from_env()
    except SettingsError as error:
        return error.faults
    except UsageError:
        return ()
    except GuardError:
        raise
    return ()


async def close(guard: Guard) -> None:
    with guard:
        pass
    async with guard:
        pass
    guard.close()
    await guard.aclose()
