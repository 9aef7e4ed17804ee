"""The attack table, part 1, continued: invalid tokens, and the answers to them."""

from __future__ import annotations

from typing import Final

from tests.integration.gateways.rows import (
    ANY_TOKEN,
    BEARER,
    MALFORMED,
    OVERRIDE,
    READ_TOKEN,
    SEVERAL,
    WRITE_TOKEN,
    Row,
    challenge,
)

PROFILE: Final = "/v1/user/profile"


def _bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("Authorization", f"Bearer {token}"),)


def _invalid(description: str) -> str:
    return challenge("invalid_token", description, "user:read")


INACTIVE: Final = _invalid("The access token is not active.")
NO_SCOPE: Final = challenge(
    "insufficient_scope", "The access token does not have the scope that is needed.", "user:read"
)
NO_WRITE: Final = challenge(
    "insufficient_scope", "The access token does not have the scope that is needed.", "user:write"
)


REFUSED: Final = [
    Row("no token", "GET", PROFILE, (), 401, "no_token", READ_TOKEN),
    Row(
        "another scheme",
        "GET",
        PROFILE,
        (("Authorization", "Basic dXNlcjpzZWNyZXQ="),),
        401,
        "no_token",
        READ_TOKEN,
    ),
    Row(
        "Bearer and nothing",
        "GET",
        PROFILE,
        (("Authorization", "Bearer"),),
        400,
        "malformed_header",
        MALFORMED,
    ),
    Row(
        "a token with a space",
        "GET",
        PROFILE,
        _bearer("{good} x"),
        400,
        "malformed_header",
        MALFORMED,
    ),
    Row(
        "two tokens in one field",
        "GET",
        PROFILE,
        _bearer("{good}, Bearer {good}"),
        400,
        "several_credentials",
        SEVERAL,
    ),
    Row(
        "two Authorization fields",
        "GET",
        PROFILE,
        (*BEARER, *BEARER),
        400,
        "several_credentials",
        SEVERAL,
        bare={"nginx": 400, "nginx-cache": 400},
    ),
    Row(
        "an Authorization field of another scheme beside it",
        "GET",
        PROFILE,
        (("Authorization", "Basic dXNlcjpzZWNyZXQ="), *BEARER),
        400,
        "several_credentials",
        SEVERAL,
        bare={"nginx": 400, "nginx-cache": 400},
    ),
    Row(
        "a token in the query",
        "GET",
        PROFILE + "?access_token={good}",
        (),
        400,
        "token_in_query",
        challenge(
            "invalid_request",
            "An access token in the query is not accepted: send it in the Authorization header.",
        ),
    ),
    Row(
        "a token longer than the guard takes",
        "GET",
        PROFILE,
        _bearer("x" * 17_000),
        400,
        "token_too_long",
        challenge("invalid_request", "The access token is too long."),
    ),
    Row(
        "an expired token",
        "GET",
        PROFILE,
        _bearer("{expired}"),
        401,
        "expired",
        _invalid("The access token has expired."),
    ),
    Row(
        "a token for another API",
        "GET",
        PROFILE,
        _bearer("{foreign}"),
        401,
        "wrong_audience",
        _invalid("The access token is not meant for this resource."),
    ),
    Row(
        "a forged signature",
        "GET",
        PROFILE,
        _bearer("{forged}"),
        401,
        "bad_signature",
        _invalid("The signature of the access token is not valid."),
    ),
    Row("junk", "GET", PROFILE, _bearer("junk"), 401, "inactive", INACTIVE),
    Row("junk that looks like a JWT", "GET", PROFILE, _bearer("a.b.c"), 401, "inactive", INACTIVE),
    Row(
        "an optional token, a bad one",
        "GET",
        "/v1/news",
        _bearer("junk"),
        401,
        "inactive",
        challenge("invalid_token", "The access token is not active."),
    ),
    Row(
        "a token without the scope",
        "GET",
        PROFILE,
        _bearer("{other}"),
        403,
        "missing_scope",
        NO_SCOPE,
    ),
    Row(
        "reading is not writing",
        "PATCH",
        PROFILE,
        BEARER,
        403,
        "missing_scope",
        NO_WRITE,
        body=b"{}",
    ),
    Row("a method without a rule", "DELETE", PROFILE, BEARER, 403, "no_rule"),
    Row("a method without a rule and no token", "DELETE", PROFILE, (), 401, "no_token", ANY_TOKEN),
    Row("a method of one's own", "FROB", PROFILE, BEARER, 403, "no_rule", bare={"envoy": 400}),
    Row(
        "a method in lower case",
        "get",
        PROFILE,
        BEARER,
        403,
        "no_rule",
        bare={"envoy": 400, "nginx": 400, "nginx-cache": 400},
    ),
    Row("a path without a rule", "GET", "/v1/elsewhere", BEARER, 403, "no_rule"),
    Row(
        "OPTIONS that is no preflight",
        "OPTIONS",
        PROFILE,
        (("Origin", "https://app.example"),),
        401,
        "no_token",
        ANY_TOKEN,
    ),
    Row(
        "a preflight",
        "OPTIONS",
        PROFILE,
        (
            ("Origin", "https://app.example"),
            ("Access-Control-Request-Method", "PATCH"),
            ("Access-Control-Request-Headers", "authorization"),
        ),
        401,
        "no_token",
        ANY_TOKEN,
    ),
    Row(
        "a preflight with a cookie",
        "OPTIONS",
        PROFILE,
        (
            ("Origin", "https://app.example"),
            ("Access-Control-Request-Method", "PATCH"),
            ("Cookie", "a=b"),
        ),
        401,
        "no_token",
        ANY_TOKEN,
    ),
    Row("HEAD without a token", "HEAD", PROFILE, (), 401, None, READ_TOKEN),
    Row("HEAD without the scope", "HEAD", PROFILE, _bearer("{other}"), 403, None, NO_SCOPE),
    Row(
        "POST with a body and no token",
        "POST",
        PROFILE,
        (),
        401,
        "no_token",
        WRITE_TOKEN,
        body=b"x" * 20_000,
    ),
    *(
        Row(
            f"{name} on POST",
            "POST",
            PROFILE,
            (*BEARER, (name, "GET")),
            400,
            "method_override",
            OVERRIDE,
        )
        for name in ("X-HTTP-Method-Override", "x-http-method", "X-Method-Override")
    ),
    Row(
        "a preflight with an override",
        "OPTIONS",
        PROFILE,
        (
            ("Origin", "https://app.example"),
            ("Access-Control-Request-Method", "PATCH"),
            ("X-HTTP-Method-Override", "DELETE"),
        ),
        400,
        "method_override",
        OVERRIDE,
    ),
    Row(
        "an override on a public path",
        "GET",
        "/healthz",
        (("X-HTTP-Method-Override", "DELETE"),),
        400,
        "method_override",
        OVERRIDE,
    ),
    Row(
        "_method in the query",
        "POST",
        PROFILE + "?_method=GET",
        BEARER,
        400,
        "method_override",
        OVERRIDE,
    ),
]
