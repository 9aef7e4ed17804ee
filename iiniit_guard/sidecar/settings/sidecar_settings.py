"""The settings of `iiniit-guard serve` in `guard.toml`, in addition to the settings of the guard.

The settings are validated once, and all faults are reported in one error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeVar

from iiniit_guard.adapting.types import JsonObject, Members
from iiniit_guard.core.issuer import validators as check
from iiniit_guard.core.settings.guard_settings import GuardSettings, make_settings
from iiniit_guard.errors import SettingsError
from iiniit_guard.io.settings import GATEWAY_TABLES, settings_from_table
from iiniit_guard.io.toml_file import read_toml
from iiniit_guard.rules import Rules, from_openapi, rules_from_tables
from iiniit_guard.sidecar.preflights import GatewayPreflights
from iiniit_guard.sidecar.settings.dialects import GATEWAYS, Gateway
from iiniit_guard.sidecar.settings.introspection_clients import (
    CLIENT_NAMES,
    IntrospectionClient,
    parse_clients,
)
from iiniit_guard.sidecar.settings.listeners import bind_fault
from iiniit_guard.sidecar.settings.peers import DEFAULT_PEERS, network_fault

T = TypeVar("T")

DecisionLog = Literal["refusals", "all", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """The upstream for which assertions are signed.

    Attributes:
        audience: `aud` of the assertion, which identifies the upstream.
        assertion_issuer: `iss` of the assertion, an identifier distinct from any token issuer.
        assertion_keys: PEM files of P-256 keys. The first key signs; all are published.
        assertion_claims: Claims that are copied from the token into the assertion, if the token
            has them.
    """

    audience: str
    assertion_issuer: str
    assertion_keys: tuple[str, ...]
    assertion_claims: tuple[str, ...] = ("acr", "auth_time", "authorization_details")


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarSettings:
    """The settings of the sidecar.

    Attributes:
        gateway: The gateway whose headers are read.
        guard: Keyword arguments of `Guard`.
        rules: The access rules. None means that any valid token allows any request.
        upstream: The upstream of assertions. None means that no assertions are created.
        introspection_clients: The clients that may use `/introspect`. Empty disables the endpoint.
        bind: Addresses of the gateway listener: `host:port`, `[v6]:port` or `unix:/path`.
        public_bind: Addresses of the listener for metadata and `/jwks`. Empty disables it.
        admin_bind: Addresses of the listener for the status page and metrics. Empty disables it.
        admin_hosts: Host names that the admin listener accepts, in addition to loopback.
        workers: Number of worker processes.
        stop_seconds: Seconds that a shutdown waits for requests in progress.
        log: The decisions that are logged.
        preflights: `pass` lets CORS preflights through; `auto` and `guard` treat them like any
            other request, and `auto` logs a refused preflight.
        trusted_proxies: Networks of the gateway, and `unix` for its Unix socket.
        client_certificates: Whether the gateway's header with the client certificate is trusted.
        auth_max_age_seconds: Seconds for which the gateway may cache a grant under the key of
            `gateway.reply.cache_key`. 0 disables caching.
    """

    gateway: Gateway
    guard: Members = field(repr=False)
    rules: Rules | None = None
    upstream: Upstream | None = None
    introspection_clients: tuple[IntrospectionClient, ...] = ()
    bind: tuple[str, ...] = ("127.0.0.1:8080",)
    public_bind: tuple[str, ...] = ()
    admin_bind: tuple[str, ...] = ("127.0.0.1:9090",)
    admin_hosts: tuple[str, ...] = ()
    workers: int = 1
    stop_seconds: float = 30
    log: DecisionLog = "refusals"
    preflights: GatewayPreflights = "auto"
    trusted_proxies: tuple[str, ...] = DEFAULT_PEERS
    client_certificates: bool = False
    auth_max_age_seconds: int = 0


def _each(fault: Callable[[object], str | None]) -> check.Check:
    def find_fault(value: object) -> str | None:
        listed = check.names(value)
        if listed is not None:
            return listed
        return next((found for item in value if (found := fault(item)) is not None), None)  # type: ignore[attr-defined]  # a sequence

    return find_fault


def _whole_or_none(value: object) -> str | None:
    return (
        None
        if type(value) is int and value >= 0
        else "must be a whole number of seconds, 0 or more"
    )


_SERVER: Final[Mapping[str, check.Check]] = {
    "bind": _each(bind_fault),
    "public_bind": _each(bind_fault),
    "admin_bind": _each(bind_fault),
    "admin_hosts": check.names,
    "workers": check.count,
    "stop_seconds": check.at_most(3_600, check.seconds_or_none),
    "log": check.one_of("refusals", "all", "none"),
    "preflights": check.one_of("auto", "pass", "guard"),
    "trusted_proxies": _each(network_fault),
    "client_certificates": check.flag,
    "auth_max_age_seconds": check.at_most(300, _whole_or_none),
}
_OF_RULES: Final[Mapping[str, check.Check]] = {
    "method_override": check.one_of("refuse", "judge"),
    "mcp_headers": check.one_of("ignore", "compared"),
    "openapi_file": check.text,
}
_LISTS: Final = ("bind", "public_bind", "admin_bind", "admin_hosts", "trusted_proxies")
_UPSTREAM: Final[Mapping[str, check.Check]] = {
    "audience": check.text,
    "assertion_issuer": check.text,
    "assertion_keys": check.texts,
    "assertion_claims": check.names,
}


def read_settings(path: str | os.PathLike[str]) -> SidecarSettings:
    """Read the settings from `guard.toml`.

    Raises:
        SettingsError: The file cannot be read or has faults. The exception lists all faults.
    """
    return settings_from_document(read_toml(path))


def settings_from_document(document: Members) -> SidecarSettings:
    """Return the settings in a parsed `guard.toml`.

    Raises:
        SettingsError: The settings have faults. The exception lists all of them.
    """
    faults: list[str] = []
    gateway = document.get("gateway")
    if gateway not in GATEWAYS:
        faults.append(
            f"gateway: required; set one of {', '.join(GATEWAYS)}, whose header fields are read"
        )
    server = _table(document, "server", {**_SERVER, **_OF_RULES}, faults)
    rules = _rules(document, server, faults)
    if rules is not None and rules.reads_mcp_headers and server.get("auth_max_age_seconds"):
        faults.append(
            "server.auth_max_age_seconds: with mcp_method in the rules it must be 0, because a "
            "grant for one tool would be reused for another"
        )
    guard = _collect(
        faults,
        lambda: settings_from_table(
            {name: value for name, value in document.items() if name not in GATEWAY_TABLES}
        ),
    )
    made = None if guard is None else _collect(faults, lambda: make_settings(guard))
    audiences = frozenset[str]() if made is None else _audiences(made, faults)
    upstream = _upstream(document, faults) if "upstream" in document else None
    introspection_clients = parse_clients(
        document.get("introspection_clients", []), audiences, faults
    )
    if faults:
        raise SettingsError(faults)
    values: JsonObject = {
        name: tuple(value) if name in _LISTS else value
        for name, value in server.items()
        if name in _SERVER
    }
    values["gateway"] = gateway
    return SidecarSettings(
        guard=guard or {},
        rules=rules,
        upstream=upstream,
        introspection_clients=introspection_clients,
        **values,
    )


def _audiences(made: GuardSettings, faults: list[str]) -> frozenset[str]:
    """Return the audiences of all issuers, and add the faults of settings for a middleware."""
    if made.websocket_subprotocol_token:
        faults.append(
            "websocket_subprotocol_token: the guard cannot remove the token from a request that "
            "the gateway forwards; remove the setting"
        )
    # A file lists its issuers, so no callable looks them up at run time.
    issuers = made.issuers if isinstance(made.issuers, tuple) else ()
    return frozenset(name for issuer in issuers for name in issuer.audiences)


def _collect(faults: list[str], make: Callable[[], T]) -> T | None:
    try:
        return make()
    except SettingsError as error:
        faults += error.faults
        return None


def _table(
    document: Members, name: str, checks: Mapping[str, check.Check], faults: list[str]
) -> JsonObject:
    """Return the values of one table. A string in place of a list becomes a list of one item."""
    table = document.get(name, {})
    if not isinstance(table, Mapping):
        faults.append(f"{name}: must be a table, [{name}]")
        return {}
    found = {}
    for key, value in table.items():
        if key not in checks:
            faults.append(f"{name}.{key}: unknown setting")
            continue
        # A setting that takes a list also takes one string. The fault is then that of the string.
        takes_list = isinstance(value, str) and checks[key](value) == check.texts(value)
        listed = [value] if takes_list else value
        fault = checks[key](listed)
        if fault is not None:
            faults.append(f"{name}.{key}: {fault}")
        else:
            found[key] = listed
    return found


def _rules(document: Members, server: Members, faults: list[str]) -> Rules | None:
    tables, file = document.get("rules"), server.get("openapi_file")
    override = server.get("method_override", "refuse")
    mcp = server.get("mcp_headers", "ignore")
    if tables is None and file is None:
        return None
    written = _collect(
        faults,
        lambda: rules_from_tables(
            () if tables is None else tables, method_override=override, mcp_headers=mcp
        ),
    )
    if file is None or written is None:
        return written
    try:
        described = json.loads(Path(file).read_text("utf-8"))
    except (OSError, ValueError) as error:
        faults.append(f"server.openapi_file: {type(error).__name__}: {file} cannot be read as JSON")
        return None
    if not isinstance(described, Mapping):
        faults.append(f"server.openapi_file: {file} does not contain a JSON object")
        return None
    return _collect(
        faults,
        lambda: from_openapi(
            described, rules=written.rules, method_override=override, mcp_headers=mcp
        ),
    )


def _upstream(document: Members, faults: list[str]) -> Upstream | None:
    found: list[str] = []
    values = _table(document, "upstream", _UPSTREAM, found)
    found += [
        f"upstream.{name}: it is missing"
        for name in ("audience", "assertion_issuer", "assertion_keys")
        if name not in values and not found
    ]
    faults += found
    if found:
        return None
    frozen: JsonObject = {
        name: value if isinstance(value, str) else tuple(value) for name, value in values.items()
    }
    return Upstream(**frozen)


__all__ = ["CLIENT_NAMES", "SidecarSettings", "Upstream", "read_settings", "settings_from_document"]
