"""The signature of a JWT of an issuer that is not an access token.

Spec: RFC 7515 §5.2, RFC 8725 §3.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from iiniit_guard.core.jose.jws import Jws, verify_signature
from iiniit_guard.core.model.flow import Flow, Unreachable

if TYPE_CHECKING:
    from iiniit_guard.core.cache.entry import KeyValidity
    from iiniit_guard.core.claims.checks import ClaimChecks
    from iiniit_guard.core.issuer.key_source import KeySource
    from iiniit_guard.core.issuer.origin_headers import OriginHeaders
    from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
    from iiniit_guard.core.jose.jwk import JwkSet
    from iiniit_guard.core.model.clock import Clock
    from iiniit_guard.core.model.flow import Connection


class SigningIssuer(Protocol):
    """The part of `AuthorizationServer` that verifies what the issuer signed."""

    issuer: str
    settings: TrustedIssuer
    clock: Clock
    algorithms: frozenset[str]
    checks: ClaimChecks
    keys: KeySource
    connection: Connection
    headers_of_origins: OriginHeaders | None

    def report(self, failure: Unreachable) -> None:
        """Report a failure that no request waits for."""
        ...


def signer_of(jws: Jws, server: SigningIssuer) -> Flow[KeyValidity | Unreachable | None]:
    """Return the validity of the key of the issuer that signed `jws`; None if no key did.

    Newer keys are fetched if they may help.
    """
    keys = yield from server.keys.get()
    if isinstance(keys, Unreachable):
        return keys
    found = _signer(jws, keys, server)
    if found is not None:
        return found
    newer = yield from server.keys.refresh_for(keys)
    if newer is None or isinstance(newer, Unreachable):
        return newer
    return _signer(jws, newer, server)


def _signer(jws: Jws, keys: JwkSet, server: SigningIssuer) -> KeyValidity | None:
    for key in keys.find(jws.header.kid, jws.header.alg):
        if verify_signature(jws, key):
            return server.keys.validity_of(key)
    return None
