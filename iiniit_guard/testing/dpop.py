"""DPoP proofs and tokens that are bound to a key (RFC 9449), for tests."""

from __future__ import annotations

import time
import uuid
from hashlib import sha256
from typing import TYPE_CHECKING, cast

from iiniit_guard.adapting.types import JsonObject, Members
from iiniit_guard.core.jose.jwk import parse_jwk
from iiniit_guard.core.jose.public_key import thumbprint
from iiniit_guard.testing.jws import encode, write_jws
from iiniit_guard.testing.keys import without_none

if TYPE_CHECKING:
    from iiniit_guard.core.jose.jwk import Jwk
    from iiniit_guard.testing.clock import SettableClock
    from iiniit_guard.testing.keys import Signer, SigningKey


def key_thumbprint(key: SigningKey) -> str:
    """Return the thumbprint of the public half of a key (RFC 7638), as in `cnf.jkt`."""
    public = key.jwk(use=None, alg=None, kid=None)
    return thumbprint(cast("Jwk", parse_jwk(public)).numbers)


def dpop_proof(
    key: SigningKey,
    method: str,
    url: str,
    token: str | None = None,
    *,
    nonce: str | None = None,
    clock: SettableClock | None = None,
    header: Members | None = None,
    sign_with: SigningKey | Signer | None = None,
    **claims: object,
) -> str:
    """Return a DPoP proof, the value of the header field `DPoP`.

    >>> from iiniit_guard.testing import Issuer, make_key
    >>> issuer, key = Issuer(), make_key("ES256")
    >>> token = issuer.token(dpop_key=key)
    >>> proof = dpop_proof(key, "GET", "https://api.test/users", token, clock=issuer.clock)

    Args:
        key: The key of the client. Its public half is the `jwk` of the proof.
        method: The method of the request, `htm`.
        url: The URL of the request. The proof contains it without query and fragment, `htu`.
        token: The access token of the request, for `ath`; None omits `ath`.
        nonce: The `DPoP-Nonce` that the resource server sent.
        clock: The clock of the issuer and the guard; None means the present.
        header: Header parameters to replace or add; a value of None removes one.
        sign_with: Another key, or any function from signing input to signature.
        claims: Claims to replace or add; None removes one.
    """
    usual: JsonObject = {
        "jti": uuid.uuid4().hex,
        "htm": method,
        "htu": url.partition("#")[0].partition("?")[0],
        "iat": int(time.time() if clock is None else clock.wall()),
        "ath": None if token is None else encode(sha256(token.encode()).digest()),
        "nonce": nonce,
    }
    public = key.jwk(use=None, alg=None, kid=None)
    members = {"typ": "dpop+jwt", "alg": key.algorithm, "jwk": public, **(header or {})}
    payload = without_none({**usual, **claims})
    return write_jws(payload, {"kid": None, **members}, sign_with or key)


def bound_to(key: SigningKey | None, claims: JsonObject) -> JsonObject:
    """Return claims with the `cnf` of a token that is bound to `key`; None binds to no key."""
    if key is None:
        return claims
    bound = {"cnf": {"jkt": key_thumbprint(key)}, **claims}
    return {**bound, "token_type": "DPoP"} if bound.get("token_type") == "Bearer" else bound
