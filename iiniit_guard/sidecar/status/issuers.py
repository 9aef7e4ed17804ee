"""The state of the issuers, as this process knows it, for the status page and the metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import TYPE_CHECKING

from iiniit_guard.adapting.types import JsonObject
from iiniit_guard.core.warm_up import verifies

if TYPE_CHECKING:
    from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
    from iiniit_guard.core.model.flow import Unreachable
    from iiniit_guard.core.resource import ProtectedResource


def describe_issuers(resource: ProtectedResource) -> list[JsonObject]:
    """Return the state of each issuer in a form that can be serialized as JSON.

    Returns:
        One mapping for each issuer: `issuer`; `jwt` and `introspects`, as configured; `healthy`;
        `keys`, the number of keys (None if keys are not used or not yet fetched); `keys_age` in
        seconds; `calls`, the introspection calls; `errors`: part (`keys`, `metadata`,
        `introspection`) → its last failure, unless it has succeeded since. An error never holds a
        token, a secret or content that a server sent.
    """
    return [_describe(server) for server in resource.servers]


def calls_made(resource: ProtectedResource) -> int:
    """Return the number of introspection calls to all issuers."""
    return sum(server.calls.made for server in resource.servers)


def merge_issuers(described: Iterable[list[JsonObject]]) -> list[JsonObject]:
    """Merge the issuer states of several workers.

    The result holds the worst state of each issuer, and the sum of the introspection calls.
    """
    merged: dict[str, JsonObject] = {}
    for each in (issuer for issuers in described for issuer in issuers):
        known = merged.get(each["issuer"])
        if known is None:
            merged[each["issuer"]] = dict(each)
            continue
        known["healthy"] = known["healthy"] and each["healthy"]
        known["calls"] += each["calls"]
        known["errors"] = {**known["errors"], **each["errors"]}
        for name in ("keys", "keys_age"):
            known[name] = max(
                (one for one in (known[name], each[name]) if one is not None), default=None
            )
    return list(merged.values())


def _describe(server: AuthorizationServer) -> JsonObject:
    failures: Mapping[str, Unreachable | None] = {
        "keys": server.keys.failure,
        "metadata": server.metadata.failure,
        "introspection": server.failure,
    }
    errors = {part: failure.detail for part, failure in failures.items() if failure is not None}
    keys = server.keys.value if verifies(server) else None
    age = server.keys.age
    return {
        "issuer": server.issuer,
        "jwt": server.settings.jwt,
        "introspects": server.introspects,
        "healthy": not errors and (not verifies(server) or server.keys.usable),
        "keys": None if keys is None else len(keys),
        "keys_age": age if keys is not None and isfinite(age) else None,
        "calls": server.calls.made,
        "errors": errors,
    }
