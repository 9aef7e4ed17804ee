"""Signed assertions about the caller of a request, for one upstream.

An assertion is a JWT that is valid for at most one minute. It is not an access token.

Spec: RFC 7519, RFC 7518 §3.4 (ES256), RFC 8725 §3.11 (a distinct `typ` keeps a recipient from
    accepting the assertion as another kind of token).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from iiniit_guard.adapting.types import JsonObject, Members
from iiniit_guard.core.claims.token_kind import ASSERTION_TYPE
from iiniit_guard.core.jose.encodings import encode_base64url, encode_number
from iiniit_guard.core.model.access_token import AccessToken, thaw
from iiniit_guard.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from iiniit_guard.core.model.clock import Clock
    from iiniit_guard.sidecar.settings.sidecar_settings import Upstream

LIFETIME_SECONDS: Final = 60.0
SHORTEST_SECONDS: Final = 5.0
"""Shortest useful lifetime: a shorter assertion may expire before the upstream checks it.

If a new introspection can extend the lifetime, the guard introspects the token first.
"""

_REUSED_SECONDS: Final = 15.0
_REMEMBERED: Final = 8192


class AssertionKey:
    """A P-256 signing key.

    Attributes:
        kid: RFC 7638 thumbprint of the public key.
        jwk: The public key as a JWK, as `/jwks` publishes it.
    """

    def __init__(self, key: EllipticCurvePrivateKey) -> None:
        from iiniit_guard.core.jose.ec_key import CURVES, EcPoint
        from iiniit_guard.core.jose.public_key import thumbprint

        numbers = key.public_key().public_numbers()
        self.kid: str = thumbprint(EcPoint(CURVES["P-256"], numbers.x, numbers.y))
        self.jwk: dict[str, str] = {
            "kty": "EC",
            "crv": "P-256",
            "x": encode_number(numbers.x, 32),
            "y": encode_number(numbers.y, 32),
            "kid": self.kid,
            "use": "sig",
            "alg": "ES256",
        }
        self._key = key
        header = {"alg": "ES256", "typ": ASSERTION_TYPE, "kid": self.kid}
        self._header = encode_base64url(json.dumps(header, separators=(",", ":")).encode())

    def sign(self, claims: Members) -> bytes:
        """Return `claims` as a signed JWS in compact serialization."""
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
        from cryptography.hazmat.primitives.hashes import SHA256

        signing_input = (
            self._header
            + b"."
            + encode_base64url(json.dumps(claims, separators=(",", ":")).encode())
        )
        r, s = decode_dss_signature(self._key.sign(signing_input, ECDSA(SHA256())))
        return (
            signing_input + b"." + encode_base64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        )


def read_keys(files: Sequence[str]) -> tuple[AssertionKey, ...]:
    """Read P-256 private keys from PEM files (unencrypted PKCS #8 or SEC 1).

    Raises:
        SettingsError: A file cannot be read or does not hold a P-256 key. The faults do not quote
            the content of a file.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    keys, faults = [], []
    for file in files:
        try:
            key = load_pem_private_key(Path(file).read_bytes(), None)
        except (
            OSError,
            ValueError,
            TypeError,
            UnsupportedAlgorithm,
        ) as error:  # TypeError: the key is encrypted
            faults.append(
                f"upstream.assertion_keys: {file}: {type(error).__name__}: cannot be read as an "
                "unencrypted PEM private key"
            )
            continue
        if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            faults.append(f"upstream.assertion_keys: {file}: must be a P-256 key")
            continue
        keys.append(AssertionKey(key))
    if faults:
        raise SettingsError(faults)
    return tuple(keys)


class Asserted(NamedTuple):
    """A signed assertion.

    Attributes:
        value: The JWS in compact serialization.
        ends: `exp` of the assertion, in seconds since the epoch.
    """

    value: bytes
    ends: float


class Assertions:
    """Creates assertions and caches them for a few seconds.

    The cache exists because a signature costs more than everything else in a request.

    Args:
        upstream: Settings of the upstream.
        keys: The first key signs; all are published.
        clock: Provides wall-clock and monotonic time.
        unique: Returns a new value for `jti`.
    """

    def __init__(
        self,
        upstream: Upstream,
        keys: tuple[AssertionKey, ...],
        clock: Clock,
        unique: Callable[[], str],
    ) -> None:
        self._upstream = upstream
        self._keys = keys
        self._clock = clock
        self._unique = unique
        self._kept: dict[bytes, tuple[AccessToken, Asserted, float]] = {}

    def jwk_set(self) -> JsonObject:
        """Return the JWK Set with which upstreams verify assertions.

        The set holds all configured keys, so that upstreams know a new key before it signs, and
        still know the previous key after a rotation.
        """
        return {"keys": [key.jwk for key in self._keys]}

    def assertion(self, token: AccessToken, digest: bytes, remaining: float) -> Asserted:
        """Return an assertion about a token, from the cache or newly signed.

        Args:
            token: An access token that the guard has just accepted.
            digest: The digest of the token.
            remaining: Seconds for which the guard may use its cached result for the token. The
                assertion does not outlive them.
        """
        monotonic = self._clock.monotonic()
        kept = self._kept.get(digest)
        # Compare identity, not equality: a later introspection creates a new object, whose claims
        # or lifetime may differ.
        if kept is not None and kept[0] is token and monotonic < kept[2]:
            return kept[1]
        now = self._clock.wall()
        ends = now + min(LIFETIME_SECONDS, remaining)
        if token.expires_at is not None:
            ends = min(ends, token.expires_at)
        made = Asserted(self._keys[0].sign(self._claims(token, now, ends)), ends)
        if len(self._kept) >= _REMEMBERED:
            del self._kept[next(iter(self._kept))]
        self._kept[digest] = (
            token,
            made,
            monotonic + min(_REUSED_SECONDS, ends - now - SHORTEST_SECONDS),
        )
        return made

    def _claims(self, token: AccessToken, now: float, ends: float) -> JsonObject:
        claims: JsonObject = {
            "iss": self._upstream.assertion_issuer,
            "aud": self._upstream.audience,
            "iat": int(now),
            "exp": round(ends, 3),
            "jti": self._unique(),
            "token_issuer": token.issuer,
            "scope": " ".join(sorted(token.scopes)),
        }
        named = (("sub", token.subject), ("client_id", token.client_id))
        claims.update({name: value for name, value in named if value is not None})
        claims.update(
            {
                name: thaw(token.claims[name])
                for name in self._upstream.assertion_claims
                if name in token.claims and name not in claims
            }
        )
        return claims
