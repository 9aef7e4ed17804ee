"""Settings from the environment and from a TOML file, under the names of the keywords."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.jose.encodings import parse_object
from iiniit_guard.core.model.json_types import JsonMapping, JsonObject
from iiniit_guard.core.settings.guard_settings import GUARD_SETTINGS, ISSUER_SETTINGS, make_settings
from iiniit_guard.errors import SettingsError
from iiniit_guard.io import provider_settings as preset
from iiniit_guard.io.settings_parts import PARTS, SECRET_FILES, assembled
from iiniit_guard.io.toml_file import read_toml

PREFIX: Final = "IINIIT_GUARD_"
NOTHING_MORE: Final[JsonMapping] = MappingProxyType({})

_LISTS: Final = frozenset(
    {"audience", "algorithms", "client_id_claims", "token_id_claims", "scope_claims"}
    | {"insecure_http_hosts", "resource_scopes", "key_issuers", *preset.PROVIDER_LISTS}
    | {"trusted_proxies", "dpop_algorithms", "resource_authorization_details_types"}
    | {"introspection_response_audience", "status_list_origins"}
)
_TABLES: Final = frozenset({"scope_aliases", "scope_implies", "require_claim", "http_headers"})
_FLAGS: Final = frozenset(
    {"insecure_accept_missing_audience", "insecure_accept_id_tokens", "insecure_query_token"}
    | {"event_subject", "websocket_subprotocol_token", "audience_exclusive"}
    | {"introspection_signed", *preset.PROVIDER_FLAGS}
)
# An empty variable would silently drop these requirements.
_NEVER_EMPTY: Final = frozenset({"require_claim", "algorithms", "profile"})
_WHOLE: Final = preset.PROVIDER_NUMBERS | {
    *("max_token_bytes", "max_cached_tokens", "max_cached_bytes", "max_dpop_proofs")
}
_ONLY_PYTHON: Final = frozenset(
    {"introspection", "discovery_authentication"}
    | {"on_event", "on_call", "error_body", "validators", "alternatives", "issuer_resolver"}
)
_TEXT_FORM: Final = (
    ((ISSUER_SETTINGS | GUARD_SETTINGS) - _ONLY_PYTHON) | SECRET_FILES | preset.PROVIDER_NAMES
)

# A placeholder for issuers with faults, so that the other settings are still checked.
_UNREAD: Final[Callable[[str], object]] = str


def settings_from_env(environ: Mapping[str, str], more: JsonMapping = NOTHING_MORE) -> JsonObject:
    """Read the variables `IINIIT_GUARD_*`.

    Lists are space-separated, tables are JSON, and an empty variable counts as unset. Variables
    whose absence would drop a requirement (`require_claim`, `algorithms`, `profile`) must not be
    empty.

    Args:
        environ: The variables.
        more: Keywords that override the environment.

    Raises:
        SettingsError: A variable is unknown or cannot be parsed; `faults` also names every other
            fault. No message contains the value of a variable.
    """
    faults: list[str] = []
    table: JsonObject = {}
    for variable, written in environ.items():
        name = variable[len(PREFIX) :].lower()
        if not variable.startswith(PREFIX) or not (written or name in _NEVER_EMPTY):
            continue
        if name not in _TEXT_FORM and name not in PARTS:
            faults.append(f"{name}: unknown setting in the environment ({variable})")
            continue
        try:
            table[name] = _parse_text(name, written)
        except ValueError as error:
            faults.append(f"{name}: {error}")
    return _complete(table, faults, more)


def settings_from_file(
    path: str | os.PathLike[str], more: JsonMapping = NOTHING_MORE
) -> JsonObject:
    """Read a TOML file.

    `[[issuers]]` holds several issuers; otherwise the settings of one issuer are at the top level.
    Tables for the gateway alone (`GATEWAY_TABLES`) are ignored.

    Args:
        path: For example `guard.toml`.
        more: Keywords that override the file.

    Raises:
        SettingsError: The file cannot be read, is not TOML (the message names line and column), or
            contains something other than settings.
    """
    return settings_from_table(
        {name: value for name, value in read_toml(path).items() if name not in GATEWAY_TABLES}, more
    )


GATEWAY_TABLES: Final = frozenset(
    {"rules", "gateway", "server", "upstream", "introspection_clients"}
)
"""Names at the top level of `guard.toml` that only `iiniit-guard serve` uses."""
FILE_NAMES: Final = GATEWAY_TABLES | _TEXT_FORM | PARTS | {"issuers"}
"""All names that are allowed at the top level of `guard.toml`."""


def settings_from_table(document: JsonMapping, more: JsonMapping = NOTHING_MORE) -> JsonObject:
    """Convert a parsed table into keywords for `Guard`.

    Args:
        document: Names and values; `issuers` is a list of such tables.
        more: Keywords that override the table.

    Raises:
        SettingsError: At least one setting is invalid; `faults` names every invalid setting.
    """
    faults: list[str] = []
    top = {name: value for name, value in document.items() if name != "issuers"}
    for name in sorted(top.keys() - _TEXT_FORM - PARTS):
        faults.append(f"{name}: unknown setting in a file")
        del top[name]
    listed = document.get("issuers")
    if listed is None:
        return _complete(top, faults, more)
    if not isinstance(listed, list) or not all(isinstance(table, dict) for table in listed):
        return _complete(
            {**top, "issuers": _UNREAD},
            [*faults, "issuers: must be an array of tables, [[issuers]]"],
            more,
        )
    issuers: list[TrustedIssuer] = []
    for position, table in enumerate(listed, start=1):
        strange = sorted(
            table.keys() - (ISSUER_SETTINGS - _ONLY_PYTHON) - PARTS - preset.PROVIDER_NAMES
        )
        found = [f"{name}: unknown setting" for name in strange]
        try:
            keywords = _complete(
                {name: value for name, value in table.items() if name not in strange},
                found,
                NOTHING_MORE,
            )
            made = make_settings(keywords).issuers  # raises for missing settings
            issuers += made if isinstance(made, tuple) else ()
        except SettingsError as error:
            faults += [f"issuers, number {position}: {fault}" for fault in error.faults]
    return _complete({**top, "issuers": _UNREAD if faults else issuers}, faults, more)


def _complete(table: JsonObject, faults: list[str], more: JsonMapping) -> JsonObject:
    """Return the keywords, or raise with the known faults and all others that can be found."""
    keywords, problems = preset.with_provider({**assembled(table, faults), **more})
    faults += [problem for problem in problems if not _follows(problem, faults)]
    if faults:
        try:
            make_settings(keywords)
        except SettingsError as error:
            faults += [fault for fault in error.faults if not _follows(fault, faults)]
        raise SettingsError(faults)
    return keywords


def _follows(fault: str, faults: list[str]) -> bool:
    """Return whether `fault` only follows from listed faults of the setting's parts.

    A setting whose parts have faults is not assembled, so it appears to be missing.
    """
    name = fault.partition(":")[0]
    return name in ("introspection", "store_secret", "dpop_nonce_secret") and any(
        other.startswith(f"{name}_") for other in faults
    )


def _parse_text(name: str, written: str) -> Any:
    if name in _NEVER_EMPTY and not written.strip():
        raise ValueError("the variable is empty; give it a value or remove it")
    if name == "scope_claims" and written.lstrip().startswith("["):
        return _parse_paths(written)
    if name in _LISTS:
        return written.split()
    if name in _TABLES:
        value = parse_object(written.encode("utf-8", "surrogateescape"))
        if value is None:
            raise ValueError("must be a JSON object")
        return value
    if name in _FLAGS:
        if written.lower() not in ("true", "false"):
            raise ValueError("must be true or false")
        return written.lower() == "true"
    if name in _WHOLE or name.endswith("_seconds"):
        try:
            return int(written) if name in _WHOLE else float(written)
        except ValueError:
            raise ValueError("must be a number") from None
    return written


def _parse_paths(written: str) -> Any:
    """Parse `scope_claims` as JSON, for paths that are lists and for names with spaces."""
    try:
        return json.loads(written)
    except ValueError:
        raise ValueError("must be names separated by spaces, or a JSON array") from None
