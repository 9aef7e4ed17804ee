"""Valid and invalid values of each setting of the API."""

from __future__ import annotations

import math
from typing import Any, Final

from iiniit_guard.core.issuer.client_authentication import SecretFile
from tests.unit.core.stepping import API

SECRET: Final = "s" * 32

# A new setting without values fails the test.
ROWS: Final[dict[str, tuple[list[Any], list[Any]]]] = {
    "issuers_max_age_seconds": (
        [0, 0.5, 60, 3_600],
        [-1, 3_601, math.nan, math.inf, "60", True, None],
    ),
    "realm": (["mine", None], ["", " ", "é", 1]),
    "resource": ([API, None], ["http://api.test", "x", API + "#x", 1]),
    "resource_authorization_details_types": ([[], ["payment"]], ["payment", [1], [""], b"", None]),
    "client_certificate": (["tls", None], ["caddy", b"tls", 1, True, ""]),
    "client_certificate_header": ([None], ["X Cert", "Dpop", "a_b", 1, b"", ""]),
    "resource_scopes": ([[], ["user:read"]], ["user:read", [1], [""], b"", None]),
    "max_token_bytes": ([1], [0, -1, "1", True, 1.0, None]),
    "max_cached_tokens": ([1], [0, -1, 1.5, True, None]),
    "max_cached_bytes": (
        [65_536, 64 * 1024**3],
        [0, 65_535, 64 * 1024**3 + 1, 1e6, "1000000", True, None],
    ),
    "on_event": ([print, None], ["print", "", 0, False]),
    "on_call": ([print, None], ["print", "", 0, False]),
    "error_body": ([print, None], ["print", "", 0, False]),
    "event_subject": ([True, False], [1, "false", "", None]),
    "validators": ([[], [print]], [print, ["x"], [None], [print, None], "", 0, None]),
    "alternatives": ([{}, {"ApiKey": print, "X-Y": print}], [[], "", {"ApiKey": None}, None]),
    "issuer_resolver": ([print, None], ["x", "", 0, False]),
    "token_header": (
        ["X-Goog-IAP-JWT-Assertion", "x-forwarded-authorization", "X1", None],
        [
            *("", " ", "X Y", "X_Y", "X-", "-X", "X--Y", "X:", "1X", "X-é", 1, b"X", True),
            *("Authorization", "authorization", "Cookie", "HOST", "Content-Type", "DPoP"),
            *("Proxy-Authorization", "X-Iiniit-Assertion", "Sec-WebSocket-Protocol"),
        ],
    ),
    "websocket_subprotocol_token": ([True, False], ["true", 0, 1, "", None]),
    "query_token": (["refuse", "ignore"], ["accept", "Ignore", "", True, None]),
    "insecure_query_token": ([True, False], ["yes", "false", 0, 1, None]),
    "public_url": (
        [
            "https://api.test",
            "https://api.test/v1",
            "http://localhost:8000",
            "http://api.test",
            "https://a.test/",
            None,
        ],
        [
            "ftp://api.test",
            "https://u@api.test",
            "api.test",
            "https://a.test/v1/",
            "https://a.test?",
            "https://a#x",
            1,
        ],
    ),
    "trusted_proxies": (
        [[], ["10.0.0.0/8", "::1", "unix"]],
        ["10.0.0.0/8", ["10.0.0.1/8"], ["proxy"], [None], b"", None],
    ),
    "dpop": (["optional", "required", "off"], ["Off", "", True, None]),
    "dpop_algorithms": (
        [["ES256"], ["PS256", "EdDSA"]],
        [[], "ES256", ["HS256"], ["none"], ["es256"], [1], None],
    ),
    "dpop_proof_age_seconds": ([1, 300, 600], [0, -1, 601, math.inf, "60", True, None]),
    "dpop_proof_ahead_seconds": ([0, 5, 300, 600], [-1, 601, math.nan, "5", True, None]),
    "dpop_nonce": (["off"], ["required ", "Off", "", True, None]),
    "dpop_nonce_seconds": ([1, 60, 3_600], [0, -1, 3_601, "60", True, None]),
    "dpop_nonce_secret": (
        [SECRET, SecretFile("/run/secret"), None],
        ["s" * 31, "", " " * 40, 1, b"s" * 32],
    ),
    "max_dpop_proofs": ([1, 65_536, 2**24], [0, -1, 2**24 + 1, 1e6, "1", True, None]),
    "store_url": (
        ["redis://s.test", "rediss://s.test", "unix:///s"],
        ["http://s.test", "s.test", 1],
    ),
    "store_secret": (
        [SECRET, SecretFile("/run/secret")],
        ["s" * 31, "", " " * 40, "s" * 31 + " ", 1, b"s" * 32],
    ),
}

# The maximum of each setting in seconds. A new setting without one fails the test.
LONGEST = {
    "expiry_leeway_seconds": 600,
    "clock_leeway_seconds": 600,
    "revocation_delay_seconds": 3_600,
    "inactive_seconds": 3_600,
    "status_list_max_age_seconds": 86_400,
    "keys_max_age_seconds": 86_400,
    "keys_cooldown_seconds": 3_600,
    "keys_stale_seconds": 86_400,
    "connect_timeout_seconds": 60,
    "timeout_seconds": 60,
}
