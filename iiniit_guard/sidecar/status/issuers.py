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
    from iiniit_guard.io.store import Store


def describe_issuers(resource: ProtectedResource) -> list[JsonObject]:
    """Return the state of each issuer in a form that can be serialized as JSON.

    Returns:
        One mapping for each issuer: `issuer`; `jwt` and `introspects`, as configured; `healthy`;
        `keys`, the number of keys (None if keys are not used or not yet fetched); `keys_age` in
        seconds; `calls`, the introspection calls; `errors`: part (`keys`, `metadata`,
        `introspection`, `status lists`, `store`) → its last failure, unless it has succeeded since;
        `since`: part → when the failures began, if that is known. An error never holds a token, a
        secret or content that a server sent.
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
        known["since"] = {
            part: min(known["since"].get(part, began), began)
            for part, began in {**known["since"], **each["since"]}.items()
        }
        for name in ("keys", "keys_age"):
            known[name] = max(
                (one for one in (known[name], each[name]) if one is not None), default=None
            )
    return list(merged.values())


def failing_parts(issuers: Iterable[JsonObject]) -> list[str]:
    """Return the issuer, the part and the failure of each part that fails, for `/readyz`.

    Args:
        issuers: The states that `describe_issuers` returns.
    """
    return [
        f"{issuer['issuer']}: {part}: {what}"
        for issuer in issuers
        for part, what in sorted(issuer["errors"].items())
    ]


def describe_store(store: Store | None) -> JsonObject | None:
    """Return the state of the shared store: `failure` and `since`; None without a store.

    The failure is the class of the error, because the message may contain the URL of the store.
    """
    if store is None:
        return None
    failure, since = store.failing or (None, None)
    return {"failure": failure, "since": since}


def merge_stores(described: Iterable[JsonObject | None]) -> JsonObject | None:
    """Merge the states that the processes report for the store; the earliest failure counts."""
    found = [each for each in described if each is not None]
    failing = [each for each in found if each["failure"] is not None]
    return min(failing, key=lambda each: each["since"], default=found[0] if found else None)


def _describe(server: AuthorizationServer) -> JsonObject:
    errors, since = _failures(server)
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
        "since": since,
    }


def _failures(server: AuthorizationServer) -> tuple[dict[str, str], dict[str, float]]:
    """Return the last failure of each part that fails, and when the failures began."""
    found: Mapping[str, tuple[Unreachable | None, float | None]] = {
        "keys": (server.keys.failure, server.keys.failing_since),
        "metadata": (server.metadata.failure, server.metadata.failing_since),
        "introspection": (server.failure, server.introspecting.since),
        "store": (None if server.store is None else server.store.failure, None),
    }
    errors = {part: failure.detail for part, (failure, _) in found.items() if failure is not None}
    since = {part: began for part, (_, began) in found.items() if began is not None}
    lists = None if server.status is None else server.status.failures()
    if lists is not None:
        detail = lists.failure.detail.removeprefix("status list: ")
        fail = f"{lists.failing} of {lists.known} lists: " if lists.failing else ""
        errors["status lists"], since["status lists"] = f"{fail}{detail}", lists.since
    return errors, since
