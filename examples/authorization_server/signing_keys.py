"""The keys that sign JWT access tokens.

They are in the database, so another process can rotate them while the server runs.
"""

from __future__ import annotations

import json
import time
from typing import Any, Literal

from joserfc.jwk import ECKey, KeySet, RSAKey

from examples.authorization_server.store import Store


class SigningKeys:
    """The key set of the authorization server."""

    def __init__(
        self, store: Store, algorithm: Literal["RS256", "ES256"], access_token_seconds: int
    ) -> None:
        """Create the first key if there is none."""
        self._store = store
        # A retired key stays published until the last token that it signed has expired.
        self._kept_seconds = access_token_seconds + 60
        if not store.keys(published_after=time.time()):
            self._store.add_key(*_new_key(algorithm))

    def signing_set(self) -> KeySet:
        """Return a set with only the key that signs.

        Authlib writes a `kid` only for key sets, and selects a random key from a larger set.
        """
        jwks = [jwk for jwk, signs in self._store.keys(published_after=time.time()) if signs]
        return KeySet.import_key_set({"keys": [json.loads(jwks[0])]})

    def published(self) -> dict[str, Any]:
        """Return the JWK Set without private members (RFC 7517 §5)."""
        keys = [
            json.loads(jwk)
            for jwk, _ in self._store.keys(published_after=time.time() - self._kept_seconds)
        ]
        return {
            "keys": [
                KeySet.import_key_set({"keys": [key]}).keys[0].as_dict(private=False)
                for key in keys
            ]
        }


def rotate(store: Store) -> str:
    """Create a new signing key with the algorithm of the current one, and return its key ID."""
    current = next(
        json.loads(jwk) for jwk, signs in store.keys(published_after=time.time()) if signs
    )
    kid, jwk = _new_key(current["alg"])
    store.add_key(kid, jwk)
    return kid


def _new_key(algorithm: str) -> tuple[str, str]:
    key = ECKey.generate_key("P-256") if algorithm == "ES256" else RSAKey.generate_key(2048)
    kid = key.thumbprint()
    return kid, json.dumps(
        {**key.as_dict(private=True), "kid": kid, "use": "sig", "alg": algorithm}
    )
