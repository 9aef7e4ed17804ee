"""Settings that consist of several parts in text form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from iiniit_guard.core.issuer.client_authentication import (
    BearerToken,
    ClientAuthentication,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
    Secret,
    SecretFile,
    TlsClient,
)
from iiniit_guard.core.model.json_types import JsonObject

SECRET_FILE: Final = "store_secret_file"
SECRET_FILES: Final = frozenset({SECRET_FILE, "dpop_nonce_secret_file"})
"""The settings that name the file of another setting, whose name they begin with."""
_AUTH: Final = "introspection_client_auth"
_ID: Final = "introspection_client_id"
_TOKEN, _TOKEN_FILE = "discovery_token", "discovery_token_file"
_OF_INTROSPECTION: Final = frozenset(
    {
        _AUTH,
        _ID,
        "introspection_client_secret",
        "introspection_client_secret_file",
        "introspection_private_key_file",
        "introspection_algorithm",
        "introspection_key_id",
        "introspection_audience",
        "introspection_certificate_file",
        "introspection_key_file",
        "introspection_token",
        "introspection_token_file",
    }
)
PARTS: Final = _OF_INTROSPECTION | {_TOKEN, _TOKEN_FILE}
"""The parts of the settings of one issuer."""


def assembled(table: JsonObject, faults: list[str]) -> JsonObject:
    """Assemble the settings that have parts in text form, and return all settings."""
    parts = {name: value for name, value in table.items() if name in _OF_INTROSPECTION}
    rest = {name: value for name, value in table.items() if name not in PARTS}
    for name in sorted(SECRET_FILES & rest.keys()):
        file, secret = rest.pop(name), name.removesuffix("_file")
        if not isinstance(file, str) or not file:
            faults.append(f"{name}: must be a non-empty string")
        elif secret in rest:
            faults.append(f"{name}: {secret} is set too; set only one of them")
        else:
            rest[secret] = SecretFile(file)
    _assemble_token(rest, table, faults)
    if parts:
        strange = [name for name, value in parts.items() if not isinstance(value, str) or not value]
        faults += [f"{name}: must be a non-empty string" for name in strange]
        if not strange:
            method = _client_authentication(parts, faults)
            if method is not None:
                rest["introspection"] = method
    return rest


def _assemble_token(rest: JsonObject, table: JsonObject, faults: list[str]) -> None:
    given = [name for name in (_TOKEN, _TOKEN_FILE) if name in table]
    strange = [name for name in given if not isinstance(table[name], str) or not table[name]]
    faults += [f"{name}: must be a non-empty string" for name in strange]
    if len(given) > 1:
        faults.append(f"{_TOKEN_FILE}: {_TOKEN} is set too; set only one of them")
    elif given and not strange:
        value = table[given[0]]
        token = SecretFile(value) if given == [_TOKEN_FILE] else value
        rest["discovery_authentication"] = BearerToken(token)


def _client_authentication(parts: dict[str, str], faults: list[str]) -> ClientAuthentication | None:
    used = {_AUTH}

    def take(name: str) -> str:
        used.add(name)
        if name not in parts:
            faults.append(f"{name}: {_AUTH} = {way} needs it")
        return parts.get(name, "")

    def take_optional(name: str) -> str | None:
        return take(name) if name in parts else None

    def take_secret(name: str) -> Secret:
        file = f"{name}_file"
        if file not in parts:
            return take(name)
        used.add(file)
        return SecretFile(parts[file])

    way = parts.get(_AUTH, "client_secret_basic" if _ID in parts else "")
    makers: dict[str, Callable[[], ClientAuthentication]] = {
        "client_secret_basic": lambda: ClientSecretBasic(
            take(_ID), take_secret("introspection_client_secret")
        ),
        "client_secret_post": lambda: ClientSecretPost(
            take(_ID), take_secret("introspection_client_secret")
        ),
        "private_key_jwt": lambda: _private_key_jwt(take, take_optional),
        "tls_client_auth": lambda: TlsClient(
            take(_ID),
            take("introspection_certificate_file"),
            take("introspection_key_file"),
        ),
        "bearer": lambda: BearerToken(take_secret("introspection_token")),
    }
    if way not in makers:
        faults.append(f"{_AUTH}: must be one of {', '.join(makers)}")
        return None
    method = makers[way]()
    faults += [f"{name}: {_AUTH} = {way} has no use for it" for name in sorted(parts.keys() - used)]
    return method


def _private_key_jwt(
    take: Callable[[str], str], take_optional: Callable[[str], str | None]
) -> PrivateKeyJwt:
    return PrivateKeyJwt(
        take(_ID),
        SecretFile(take("introspection_private_key_file")),
        take_optional("introspection_algorithm") or "ES256",
        take_optional("introspection_audience"),
        take_optional("introspection_key_id"),
    )
