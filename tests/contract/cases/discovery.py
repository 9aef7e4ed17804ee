"""Discovery of endpoints: RFC 8414, OpenID Connect Discovery, or settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.testing import Issuer
from tests.contract.cases.case import (
    ALLOWED,
    ISSUER,
    UNAVAILABLE,
    Allowed,
    Case,
    Refused,
    token,
)


def _discovery() -> list[Case]:
    def metadata(**members: Any) -> Callable[[Issuer], object]:
        return lambda issuer: issuer.metadata.update(members)

    def documents(*names: Any) -> Callable[[Issuer], object]:
        return lambda issuer: setattr(issuer, "documents", names)

    def body(text: str) -> Callable[[Issuer], object]:
        return lambda issuer: issuer.fail(
            HttpResponse(200, (("content-type", "application/json"),), text.encode()),
            at="discovery",
        )

    fixed = {"jwks_uri": f"{ISSUER}/jwks", "introspection_endpoint": f"{ISSUER}/introspect"}
    rows: list[
        tuple[
            str,
            str,
            Callable[[Issuer], object] | None,
            dict[str, Any],
            Refused | Allowed,
            tuple[str, ...] | None,
        ]
    ] = [
        (
            "RFC 8414 only",
            "RFC 8414 §3",
            documents("oauth-authorization-server"),
            {},
            ALLOWED,
            ("discovery", "jwks"),
        ),
        (
            "OpenID Connect only",
            "OpenID Connect Discovery §4",
            documents("openid-configuration"),
            {},
            ALLOWED,
            ("discovery", "discovery", "jwks"),
        ),
        ("neither", "RFC 8414 §3", documents(), {}, UNAVAILABLE, ("discovery", "discovery")),
        (
            "neither, jwks_uri set by hand",
            "IINIIT (no discovery documented)",
            documents(),
            fixed,
            ALLOWED,
            ("jwks",),
        ),
        (
            "another issuer",
            "RFC 8414 §3.3 (identical)",
            metadata(issuer="https://evil.test"),
            {},
            UNAVAILABLE,
            None,
        ),
        (
            "the issuer with a slash",
            "RFC 8414 §3.3 (identical)",
            metadata(issuer=ISSUER + "/"),
            {},
            UNAVAILABLE,
            None,
        ),
        ("no issuer", "RFC 8414 §2 (required)", metadata(issuer=None), {}, UNAVAILABLE, None),
        ("a list of issuers", "RFC 8414 §2", metadata(issuer=[ISSUER]), {}, UNAVAILABLE, None),
        (
            "another issuer that is named",
            "RFC 8414 §3.3 (insecure_metadata_issuer names another)",
            metadata(issuer="https://inside.test"),
            {"insecure_metadata_issuer": "https://inside.test"},
            ALLOWED,
            None,
        ),
        ("no jwks_uri", "RFC 8414 §2", metadata(jwks_uri=None), {}, UNAVAILABLE, None),
        (
            "jwks_uri over http",
            "RFC 8414 §2 (https)",
            metadata(jwks_uri="http://issuer.test/jwks"),
            {},
            UNAVAILABLE,
            ("discovery",),
        ),
        (
            "jwks_uri as a file",
            "CVE-2026-48522",
            metadata(jwks_uri="file:///etc/passwd"),
            {},
            UNAVAILABLE,
            ("discovery",),
        ),
        (
            "jwks_uri with a user",
            "RFC 9110 §4.2.4",
            metadata(jwks_uri="https://a:b@issuer.test/jwks"),
            {},
            UNAVAILABLE,
            ("discovery",),
        ),
        (
            "jwks_uri relative",
            "RFC 8414 §2 (a URL)",
            metadata(jwks_uri="/jwks"),
            {},
            UNAVAILABLE,
            ("discovery",),
        ),
        ("jwks_uri empty", "RFC 8414 §2", metadata(jwks_uri=""), {}, UNAVAILABLE, ("discovery",)),
        ("jwks_uri a number", "RFC 8414 §2", metadata(jwks_uri=1), {}, UNAVAILABLE, ("discovery",)),
        (
            "jwks_uri with a line break",
            "CWE-93",
            metadata(jwks_uri="https://issuer.test/jwks\r\nX: y"),
            {},
            UNAVAILABLE,
            ("discovery",),
        ),
        (
            "jwks_uri elsewhere",
            "RFC 8414 §2 (any host)",
            metadata(jwks_uri="https://keys.test/jwks"),
            {},
            ALLOWED,
            ("discovery", "jwks"),
        ),
        *(
            (
                f"{name} at {url}, {settings}",
                "RFC 8414 §2 (https)",
                metadata(**{name: url}),
                settings,
                UNAVAILABLE,
                asked,
            )
            for name, settings, asked in (
                ("jwks_uri", {}, ("discovery",)),
                ("introspection_endpoint", {"jwt": "both"}, ("discovery", "jwks")),
                ("introspection_endpoint", {"jwt": "introspect"}, ("discovery",)),
                ("jwks_uri", {"insecure_http_hosts": ["inside.test"]}, ("discovery",)),
            )
            for url in (
                "http://127.0.0.1:2375/keys",
                "http://localhost/",
                "http://a.localhost/",
                "http://[::1]:9090/",
            )
        ),
        (
            "jwks_uri at a host that may be called over http",
            "RFC 8414 §2 (https, except insecure_http_hosts)",
            metadata(jwks_uri="http://127.0.0.1/jwks"),
            {"insecure_http_hosts": ["127.0.0.1"]},
            ALLOWED,
            ("discovery", "jwks"),
        ),
        (
            "jwks_uri on loopback, written by hand",
            "RFC 8414 §2 (https, except loopback set by hand)",
            metadata(jwks_uri="http://127.0.0.1/jwks"),
            {"jwks_uri": "http://127.0.0.1/jwks", "introspection": None},
            ALLOWED,
            ("jwks",),
        ),
        (
            "a document that is a list",
            "RFC 8414 §3.2",
            body("[]"),
            {},
            UNAVAILABLE,
            ("discovery", "discovery"),
        ),
        (
            "a document that repeats a name",
            "RFC 8259 §4",
            body(
                f'{{"issuer":"{ISSUER}","jwks_uri":"https://evil.test/",'
                f'"jwks_uri":"{ISSUER}/jwks"}}'
            ),
            {},
            UNAVAILABLE,
            None,
        ),
        (
            "metadata_url set by hand",
            "RFC 8414 §3 (metadata_url names another place)",
            None,
            {"metadata_url": f"{ISSUER}/.well-known/openid-configuration"},
            ALLOWED,
            ("discovery", "jwks"),
        ),
    ]
    return [
        Case(
            f"discovery: {name}",
            clause,
            token(),
            expected,
            given=given,
            settings=settings,
            asked=asked,
        )
        for name, clause, given, settings, expected, asked in rows
    ]


CASES: Final[list[Case]] = _discovery()
