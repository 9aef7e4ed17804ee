"""A sidecar without sockets, and the authorization request of each gateway."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from iiniit_guard.sidecar.apps.build import make_app
from iiniit_guard.sidecar.settings.sidecar_settings import settings_from_document
from iiniit_guard.sidecar.sidecar import Sidecar
from iiniit_guard.testing import Issuer
from tests.contract.hosts.calling import Answer, Lines, drive

SECRET: Final = "a-secret-of-128-random-bits"
CALLERS: Final = [
    {
        "id": "kong",
        "secret_hash": "sha256:" + hashlib.sha256(SECRET.encode()).hexdigest(),
        "audiences": ["https://api.test"],
    },
]
RULES: Final = [
    {"method": "GET", "path": "/v1/user/profile", "scope": "user:read"},
    {"method": "PATCH", "path": "/v1/user/profile", "scope": "user:write"},
    {"method": "GET", "path": "/open", "public": True},
]
_FORWARDED: Final = {
    "method": "x-forwarded-method",
    "uri": "x-forwarded-uri",
    "scheme": "x-forwarded-proto",
    "host": "x-forwarded-host",
}
FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "nginx": {
        "method": "x-original-method",
        "uri": "x-original-uri",
        "scheme": "x-original-proto",
        "host": "x-original-host",
    },
    "traefik": _FORWARDED,
    "caddy": _FORWARDED,
    "apache": _FORWARDED,
    "haproxy": _FORWARDED,
}
GATEWAYS: Final = (*FIELDS, "envoy")


def make_sidecar(
    issuer: Issuer,
    gateway: str = "nginx",
    *,
    more: Mapping[str, Any] | None = None,
    **document: Any,
) -> Sidecar:
    """Create the sidecar that `guard.toml` describes, with an in-memory issuer."""
    written = {"gateway": gateway, "issuer": issuer.issuer, "audience": issuer.audience, **document}
    wired = {
        "transport": issuer.handle,
        "clock": issuer.clock.clock,
        "introspection": issuer.credentials("client_secret_basic"),
    }
    return Sidecar(lambda: settings_from_document(written), more={**wired, **(more or {})})


def question(
    gateway: str, method: str, target: str, *, scheme: str = "https", host: str = "api.test"
) -> tuple[str, str, str, Lines]:
    """Return the request of a gateway to the guard: method, path, query and header lines."""
    if gateway == "envoy":
        path, _, query = target.partition("?")
        return (
            method,
            f"/auth{path}",
            query,
            [(b"host", host.encode()), (b"x-forwarded-proto", scheme.encode())],
        )
    said = {"method": method, "uri": target, "scheme": scheme, "host": host}
    lines = [
        (FIELDS[gateway][name].encode(), value.encode("latin-1")) for name, value in said.items()
    ]
    return "GET", "/auth", "", [(b"host", b"guard"), *lines]


def ask(
    sidecar: Sidecar,
    method: str = "GET",
    target: str = "/v1/user/profile",
    headers: Lines = (),
    **scope: Any,
) -> Answer:
    """Call `/auth` as the configured gateway does."""
    asked, path, query, lines = question(sidecar.current.settings.gateway, method, target)
    return drive(make_app(sidecar, "gateway"), asked, path, [*lines, *headers], query, **scope)


def bearer(token: str) -> list[tuple[bytes, bytes]]:
    """The header line of a token."""
    return [(b"authorization", f"Bearer {token}".encode())]


def identity(answer: Answer) -> dict[str, str | None]:
    """The identity headers for the upstream."""
    return {
        name: answer.header(f"x-iiniit-{name}") for name in ("subject", "client", "scope", "issuer")
    }


def render(sidecar: Sidecar, answer: Answer, method: str = "GET") -> Answer:
    """Render a refusal of `/auth` as nginx does: keep its header and fetch `/answer`."""
    folded = answer.header("x-iiniit-answer")
    assert (answer.status, answer.body) == (403, b"")
    assert folded is not None
    return drive(
        make_app(sidecar, "gateway"), method, "/answer", [(b"x-iiniit-answer", folded.encode())]
    )
