"""Other packages with the same token. Each is used as documented, with its checks; a missing
package is reported.
"""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Callable, Coroutine
from importlib import import_module, metadata
from typing import Any, Final, TypeAlias

from iiniit_guard.testing import Issuer
from tests.load.benchmarks.measure import step
from tests.load.benchmarks.tokens import AUDIENCE, ISSUER

Check: TypeAlias = Callable[[str], object]

NAMES: Final = (
    "PyJWT",
    "joserfc",
    "python-jose",
    "Authlib",
    "fastmcp",
    "flask-jwt-extended",
    "django-oauth-toolkit",
)


def versions() -> dict[str, str]:
    """Return the installed version of every peer, or that it is missing."""
    found = {}
    for name in NAMES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "does not install"
    return found


def peer(make: Callable[[], Any]) -> Any:
    """Create a peer; return the reason as a text if that fails."""
    try:
        with warnings.catch_warnings():
            # Deprecation warnings of other packages do not matter here.
            warnings.simplefilter("ignore")
            return make()
    except ImportError as missing:
        return f"not installed ({missing.name})"
    except Exception as fault:
        return f"{type(fault).__name__}: {fault}"[:80]


def split(contestants: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Separate the peers that run from the reasons of those that do not; each is called once."""
    able, unable = {}, {}
    for name, function in contestants.items():
        outcome = function if isinstance(function, str) else peer(function)
        if isinstance(outcome, str) and outcome.partition(":")[0].endswith(("Error", "Exception")):
            unable[name] = outcome
        elif isinstance(function, str):
            unable[name] = function
        else:
            able[name] = function
    return able, unable


def public_pem(issuer: Issuer) -> str:
    """Return the issuer's public key as libraries take it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = issuer.signing_key.private_key.public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def jwt_checks(issuer: Issuer) -> dict[str, Check | str]:
    """Return one function per library that checks signature, issuer, audience and times
    of a token.
    """
    makers = {
        "PyJWT": pyjwt,
        "joserfc": joserfc,
        "python-jose": python_jose,
        "Authlib": authlib,
        "fastmcp": fastmcp_jwt,
    }
    return {name: peer(lambda make=make: make(issuer)) for name, make in makers.items()}


def pyjwt(issuer: Issuer) -> Check:
    """PyJWT with a key object: the faster of its two ways."""
    import jwt

    algorithm = issuer.signing_key.algorithm
    key = issuer.signing_key.private_key.public_key()
    options: Any = {"require": ["exp", "iss", "aud"]}
    return lambda token: jwt.decode(
        token, key, algorithms=[algorithm], audience=AUDIENCE, issuer=ISSUER, options=options
    )


def joserfc(issuer: Issuer) -> Check:
    """The successor of Authlib's jose module."""
    jwt, jwk = import_module("joserfc.jwt"), import_module("joserfc.jwk")
    key = jwk.import_key(issuer.signing_key.jwk())
    algorithms = [issuer.signing_key.algorithm]
    wanted = {"essential": True}
    registry = jwt.JWTClaimsRegistry(
        iss={**wanted, "value": ISSUER}, aud={**wanted, "value": AUDIENCE}, exp=wanted
    )

    def check(token: str) -> object:
        decoded = jwt.decode(token, key, algorithms=algorithms)
        registry.validate(decoded.claims)
        return decoded

    return check


def python_jose(issuer: Issuer) -> Check:
    """python-jose with the backend cryptography."""
    jwt = import_module("jose.jwt")
    algorithm, key = (
        issuer.signing_key.algorithm,
        import_module("jose.jwk").construct(issuer.signing_key.jwk()),
    )
    return lambda token: jwt.decode(
        token, key, algorithms=[algorithm], audience=AUDIENCE, issuer=ISSUER
    )


def authlib(issuer: Issuer) -> Check:
    """Authlib's own jose module, as in its documentation of protecting resources."""
    jose = import_module("authlib.jose")
    jwt = jose.JsonWebToken([issuer.signing_key.algorithm])
    key = jose.JsonWebKey.import_key(issuer.signing_key.jwk())
    wanted = {
        "iss": {"essential": True, "value": ISSUER},
        "aud": {"essential": True, "value": AUDIENCE},
        "exp": {"essential": True},
    }

    def check(token: str) -> object:
        claims = jwt.decode(token, key, claims_options=wanted)
        claims.validate()
        return claims

    return check


def fastmcp_verifier(issuer: Issuer) -> Any:
    """Make its verifier of JWTs."""
    provider = import_module("fastmcp.server.auth.providers.jwt")
    return provider.JWTVerifier(
        public_key=public_pem(issuer),
        issuer=ISSUER,
        audience=AUDIENCE,
        algorithm=issuer.signing_key.algorithm,
    )


def fastmcp_jwt(issuer: Issuer) -> Check:
    """The JWT verifier of fastmcp, which caches nothing between requests."""
    return _stepped(fastmcp_verifier(issuer).verify_token)


def fastmcp_introspection(issuer: Issuer, token: str) -> Any:
    """Make its verifier by introspection with its cache on, and `token` in that cache."""
    provider, httpx2 = (
        import_module("fastmcp.server.auth.providers.introspection"),
        import_module("httpx2"),
    )
    answer = {
        "active": True,
        "scope": "user:read user:write",
        "client_id": "client-1",
        "exp": int(time.time()) + 3600,
        "aud": AUDIENCE,
    }
    client = httpx2.AsyncClient(
        transport=httpx2.MockTransport(lambda request: httpx2.Response(200, json=answer))
    )
    verifier = provider.IntrospectionTokenVerifier(
        introspection_url=f"{ISSUER}/introspect",
        client_id="api",
        client_secret="s",
        cache_ttl_seconds=300,
        http_client=client,
    )
    if asyncio.run(verifier.verify_token(token)) is None:
        raise RuntimeError("its verifier refused a good answer")
    return verifier


def fastmcp_cached(issuer: Issuer, token: str) -> Check:
    """The introspection verifier of fastmcp, with the response in its cache."""
    return _stepped(fastmcp_introspection(issuer, token).verify_token)


def _stepped(verify: Callable[[str], Coroutine[Any, Any, object]]) -> Check:
    def check(token: str) -> object:
        outcome = step(verify(token))
        if outcome is None:
            raise RuntimeError("it refused a good token")
        return outcome

    return check
