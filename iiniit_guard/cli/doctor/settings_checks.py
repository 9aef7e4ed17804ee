"""Findings that need no call: risky settings, the environment, and the revocation delay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from iiniit_guard.cli.doctor.finding import Finding
from iiniit_guard.cli.explain.words import number
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.resource import ProtectedResource
from iiniit_guard.core.settings.guard_settings import GuardSettings

_RISKS: Final[Mapping[str, str]] = {
    "insecure_accept_missing_audience": "tokens for other APIs of this issuer are accepted",
    "insecure_accept_id_tokens": "ID tokens of this issuer for this audience are accepted",
    "insecure_metadata_issuer": "the owner of the named issuer can act as this one",
    "insecure_http_hosts": "an attacker on the network path can read and forge every answer",
}
_USUAL_FIELD_LIMIT: Final = 8_000


def check_settings(settings: GuardSettings, name: str) -> Iterator[Finding]:
    """Return the findings about valid settings.

    Args:
        settings: The settings.
        name: Where they come from.
    """
    known = settings.issuers if isinstance(settings.issuers, tuple) else ()
    text = number(len(known), "issuer") if known else "a callable finds the issuers"
    yield Finding("settings", "ok", "", f"{name}: valid, {text}")
    for issuer in known:
        for setting, risk in _RISKS.items():
            if getattr(issuer, setting):
                cure = f"remove {setting} when the issuer no longer needs it"
                yield Finding("settings", "warning", issuer.issuer, f"{setting}: {risk}", cure)
    if settings.insecure_query_token:
        cure = "remove insecure_query_token; let clients send the token in Authorization"
        text = "insecure_query_token: tokens are in URLs, and so in logs and histories"
        yield Finding("settings", "warning", "", text, cure)
    if settings.token_header is not None:
        text = (
            f"token_header: every client that reaches the process can write {settings.token_header}"
        )
        cure = "let only the proxy reach the process, and let it remove the field of clients"
        yield Finding("settings", "warning", "", text, cure)
    if settings.max_token_bytes > _USUAL_FIELD_LIMIT:
        yield Finding("header limits", "info", "", _LIMITS.format(settings.max_token_bytes))


_LIMITS: Final = (
    "the guard accepts tokens of {} bytes; nginx, Apache and gunicorn by default answer header "
    "fields of more than about 8,000 bytes themselves (400, 431); --url measures the limit"
)


def check_environment(environ: Mapping[str, str], settings: GuardSettings) -> Iterator[Finding]:
    """Return the findings about environment variables of servers and proxies.

    Args:
        environ: The variables.
        settings: The settings of the guard.
    """
    arguments = environ.get("GUNICORN_CMD_ARGS", "")
    allowed = environ.get("FORWARDED_ALLOW_IPS")
    if allowed == "*" or "--forwarded-allow-ips=*" in arguments.replace('"', "").replace("'", ""):
        text = "FORWARDED_ALLOW_IPS=*: every client can claim another address, host and scheme"
        cure = "name the addresses of the proxies, and no other"
        yield Finding("proxies", "warning", "", text, cure)
    proxies = sorted({name.upper() for name in environ if name.lower() in _PROXY_VARIABLES})
    issuers = settings.issuers if isinstance(settings.issuers, tuple) else ()
    if proxies and any(issuer.http_proxy is None for issuer in issuers):
        text = f"{', '.join(proxies)} is set, and the guard ignores it: it calls issuers directly"
        cure = "set http_proxy if this host reaches the issuer only through a proxy"
        yield Finding("proxies", "info", "", text, cure)
    if not proxies and allowed is None:
        text = "no variable of a proxy is set (FORWARDED_ALLOW_IPS, http_proxy)"
        yield Finding("proxies", "ok", "", text)


_PROXY_VARIABLES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy"})


def revocation_delays(resource: ProtectedResource) -> Iterator[Finding]:
    """Return how long a revoked token may be accepted, for each issuer and kind of token."""
    for server in resource.servers:
        yield Finding("revocation", "info", server.issuer, f"JWT: {_delay_of_jwt(server)}")
        opaque = (
            f"refused at most {server.settings.revocation_delay_seconds:g} s after its revocation"
            if server.introspects
            else "not accepted (no introspection)"
        )
        yield Finding("revocation", "info", server.issuer, f"opaque token: {opaque}")


def _delay_of_jwt(server: AuthorizationServer) -> str:
    settings = server.settings
    listed = (
        f"refused at most {settings.status_list_max_age_seconds:g} s after its status list reports "
        "its revocation"
    )
    if settings.status_list == "required":
        return listed
    if settings.jwt == "verify":
        longest = settings.keys_max_age_seconds + settings.keys_stale_seconds
        named = f"{listed}; without a status list: " if settings.status_list == "check" else ""
        leeway = server.checks.expiry_leeway_seconds
        return (
            f"{named}accepted until its exp + {leeway:g} s, also after its revocation; "
            'set jwt="introspect" or "both" for a shorter delay (a withdrawn key ends '
            f"its tokens within {settings.keys_max_age_seconds:g} s, {longest:g} s in an outage)"
        )
    return f"refused at most {settings.revocation_delay_seconds:g} s after its revocation"
