"""Goal 17: a request with a DPoP proof, the token cached, the proofs recorded.

In addition, without a goal: a request whose cached token is bound to a client certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Final

from iiniit_guard.adapting.admission import make_admission
from iiniit_guard.adapting.asgi_exchange import begin_scope
from iiniit_guard.core.dpop.replays import ProofCache
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.request import request_from_scope
from iiniit_guard.guard import Guard
from iiniit_guard.testing import Issuer, SigningKey, dpop_proof, make_key
from tests.contract.cases.mutual_tls import THUMBPRINT_OF_RFC9440 as _THUMBPRINT
from tests.contract.hosts.tls import RFC9440, pem_of
from tests.load.benchmarks.cold import parts_of, raw_signature
from tests.load.benchmarks.measure import BASELINE, Row, compare
from tests.load.benchmarks.tokens import AUDIENCE, SCOPE, make_issuer, scope_of

_PROOFS: Final = 256
_NONCE: Final = "with nonces"
_CLIENTS: Final = "each proof by another client"
_FIELD: Final = "bound to a certificate, `Client-Cert` (RFC 9440)"
_EXTENSION: Final = "bound to a certificate, TLS extension of ASGI"


def measure(rounds: int) -> list[Row]:
    """Compare with the verification of the proof's signature alone, the unavoidable part."""
    issuer, keys = make_issuer(), [make_key("ES256", "bench", n) for n in range(_PROOFS)]
    guard = issuer.guard(public_url=AUDIENCE)
    nonces = {"dpop_nonce": "required", "dpop_nonce_secret": "n" * 32}
    strict = issuer.guard(public_url=AUDIENCE, **nonces)
    signer = Issuer(signing_key=keys[0])
    verify = raw_signature(signer)
    made = _proofs(issuer, guard, [keys[0]] * _PROOFS)
    parts = cycle([parts_of(proof, "ES256") for _, proof in made])
    contestants = {
        "ours": _sending(guard, made),
        _NONCE: _sending(strict, _proofs(issuer, strict, [keys[0]] * _PROOFS)),
        _CLIENTS: _sending(guard, _proofs(issuer, guard, keys)),
        _FIELD: _presenting(issuer, in_field=True),
        _EXTENSION: _presenting(issuer, in_field=False),
    }
    measured = compare(lambda: verify(*next(parts)), contestants, rounds=rounds, calls=_PROOFS)
    return [
        Row(
            goal=17,
            name="a DPoP request, token cached, new proof, proofs recorded",
            limit=1.6,
            ours=measured["ours"],
            beside={name: measured[name] for name in measured if name not in ("ours", BASELINE)},
            note="the raw ES256 verification",
        )
    ]


def _presenting(issuer: Issuer, *, in_field: bool) -> Callable[[], object]:
    """Send one request repeatedly: a cached token, and the certificate to which it is bound."""
    scope = scope_of(issuer.token(SCOPE, cnf={"x5t#S256": _THUMBPRINT}, expires_in=3600))
    if in_field:
        guard = issuer.guard(client_certificate="rfc9440", trusted_proxies=["127.0.0.1"])
        scope["headers"].append((b"client-cert", f":{RFC9440}:".encode()))
    else:
        guard = issuer.guard(client_certificate="tls")
        scope["extensions"] = {"tls": {"client_cert_chain": [pem_of(RFC9440)]}}
    guard.authenticate(request_from_scope({**scope}))  # caches the token
    admission = make_admission()

    def ask() -> object:
        found = begin_scope(guard._engine, admission, scope, "asgi")
        if not isinstance(found, AccessToken):
            raise RuntimeError("a good certificate was refused")
        return found

    return ask


def _proofs(issuer: Issuer, guard: Guard, keys: list[SigningKey]) -> list[tuple[str, str]]:
    checks = guard._engine.resource.proofs
    nonce = None
    if checks.nonces is not None:
        for _ in checks.nonces.unlock():
            raise RuntimeError("the secret is in the settings")
        nonce = checks.nonces.current(issuer.clock.wall())
    tokens = {key: issuer.token(SCOPE, dpop_key=key, expires_in=3600) for key in set(keys)}
    return [
        (
            tokens[key],
            dpop_proof(key, "GET", f"{AUDIENCE}/me", tokens[key], nonce=nonce, clock=issuer.clock),
        )
        for key in keys
    ]


def _sending(guard: Guard, made: list[tuple[str, str]]) -> Callable[[], object]:
    """Send one proof after the other. Before the first one is repeated, all are removed."""
    scopes = []
    for token, proof in made:
        scope = scope_of(token)
        name, _ = scope["headers"][-1]
        headers = [*scope["headers"][:-1], (name, b"DPoP " + token.encode())]
        scopes.append({**scope, "headers": [*headers, (b"dpop", proof.encode())]})

    for scope in scopes:  # caches the token
        guard.authenticate(request_from_scope({**scope}))
    admission = make_admission()

    def asks() -> Iterator[AccessToken]:
        while True:
            proofs = guard._engine.resource.proofs
            proofs.replays = ProofCache(65_536)
            for scope in scopes:
                scope.pop("iiniit_guard.accepted_proofs", None)
                found = begin_scope(guard._engine, admission, scope, "asgi")
                if not isinstance(found, AccessToken):
                    raise RuntimeError("a good proof was refused")
                yield found

    return asks().__next__
