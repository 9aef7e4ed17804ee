"""A guard and tokens that are the same at every run: fixed clock, key names and identifiers."""

from __future__ import annotations

from iiniit_guard.testing import Issuer, SettableClock, make_key

NOW = 1_800_000_000
clock = SettableClock(NOW)
issuer = Issuer(
    "https://auth.example",
    "https://api.example",
    clock=clock,
    signing_key=make_key("ES256", "transcripts"),
)
guard = issuer.guard()
local = issuer.guard(introspection=None)
introspecting = issuer.guard(jwt="both")
strict = issuer.guard(profile="rfc9068", require_claim={"tenant": ["a", "b"]})


OPAQUE = issuer.opaque_token("user:read", jti="t")  # its number is the first one in every order


def _by_unknown_key() -> str:
    return issuer.token(sign_with=make_key("ES256", "another"), header={"kid": "es256-1"})


TOKENS = {
    "good": lambda: issuer.token("user:read", jti="t"),
    "expired": lambda: issuer.token(expires_in=-400, jti="t"),
    "other-audience": lambda: issuer.token(aud="https://other.example\x1b[31m", jti="t"),
    "other-issuer": lambda: issuer.token(iss="https://evil.example", jti="t"),
    "forged": _by_unknown_key,
    "id-token": lambda: issuer.token(header={"typ": "JWT"}, at_hash="x", jti="t"),
    "opaque": lambda: OPAQUE,
    "none": lambda: issuer.sign({}, {"alg": "none"}),
    "nothing": lambda: "",
}
