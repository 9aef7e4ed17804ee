"""The attack table, part 2: targets that a gateway, a guard and an API could parse differently."""

from __future__ import annotations

from typing import Final

AMBIGUOUS: Final = (
    "//v1/user/profile",
    "/v1//user/profile",
    "/v1/user//profile",
    "/v1/./user/profile",
    "/v1/user/profile/.",
    "/v1/x/../user/profile",
    "/healthz/../v1/user/profile",
    "/v1/%2e/user/profile",
    "/v1/x/%2e%2e/user/profile",
    "/healthz/%2E%2E/v1/user/profile",
    "/v1/x/.%2e/user/profile",
    "/v1%2fuser/profile",
    "/v1/user%2Fprofile",
    "/v1/user%5cprofile",
    "/v1/user\\profile",
    "/v1/user/profile;x",
    "/v1/user/profile;/",
    "/v1/user/profile%3bx",
    "/v1;x=y/user/profile",
    "/v1/user/profile%00",
    "/v1/user/profile%0a",
    "/v1/user/%2570rofile",
    "/v1/user/profile%ff",
    "/v1/user/pr\xe4file",
    "/v1/user/profile%",
    "/v1/user/profile%zz",
)
"""Around a path that wants a token: read in more than one way, or in none."""

GUARDED: Final = (
    "/v1/user/profile/",
    "/V1/User/Profile",
    "/v1/user/profile%20",
    "/v1/user/profile.",
    "/v1/user/profile?/healthz",
    "/v1/user/profile?x=/../../healthz",
    "/v1/user/%70rofile",  # some routers do not decode it
    "http://api.example/v1/user/profile",
    "http://elsewhere.example/v1/user/profile",
    "https://api.example:8000/v1/user/profile",
    "*",
    "v1/user/profile",
    "/v1/user/profile#/healthz",
)
"""Around the same path, and read in one way."""

AROUND_PUBLIC: Final = (
    "/healthzx",
    "/healthz/",
    "/healthz/x",
    "/healthz//",
    "//healthz",
    "/./healthz",
    "/x/../healthz",
    "/healthz/..;/v1/user/profile",
    "/healthz;/../v1/user/profile",
    "/healthz;x",
    "/healthz%2f..%2fv1/user/profile",
    "/healthz%2f",
    "/healthz%3f",
    "/healthz%23",
    "/healthz#/../v1/user/profile",
    "/HEALTHZ",
    "/healthz%20",
    "/healthz%00",
    "/healthz\\",
    "/%68ealthz",
    "/healthz?/v1/user/profile",
    "http://api.example/healthz",
    "http://elsewhere.example/healthz",
    "/.well-known/oauth-protected-resource/",
    "/.well-known/oauth-protected-resource/x",
    "/.well-known/oauth-protected-resource/../../v1/user/profile",
    "/.well-known/../v1/user/profile",
    "/_iiniit/auth",
    "/_iiniit/answer",
    "/auth",
    "/answer",
)
"""Around paths that want none."""

HARMLESS: Final = frozenset({"/healthz", "/healthz?/v1/user/profile"})
"""What may arrive at the API without a token: each is /healthz to every reader."""

NORMAL: Final = frozenset(
    {
        "/v1/user/profile",
        "/v1/user/profile/",  # the rules match it; an API without such a route answers 404
        "/v1/user/profile?/healthz",
        "/v1/user/profile?x=/../../healthz",
    }
)
"""What may arrive with a token that reads profiles: each is that path to every reader."""

ASKS_RAW: Final = frozenset(
    {"nginx", "nginx-cache", "caddy", "caddy-current", "haproxy", "apache", "envoy"}
)
"""Gateways that ask about the path as it was sent, so that the guard's 400 is what the client gets.
"""
