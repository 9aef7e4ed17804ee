"""Helpers of the JOSE tests: parsing tokens and verifying signatures."""

from __future__ import annotations

import json
from collections import deque
from typing import Any, Final

from iiniit_guard.core.jose.jwk import JwkSet, VerificationKey, read_jwk_set
from iiniit_guard.core.jose.jws import ALGORITHMS, Jws, remember_header, verify_signature
from iiniit_guard.core.model.problem import Problem, Reason
from iiniit_guard.io.effects import run
from tests.contract.cases.jose_keys import PUBLIC
from tests.contract.cases.jws_texts import parse_jws

ALL: Final = frozenset(ALGORITHMS)
ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def parse_jwk_set(body: bytes) -> JwkSet | None:
    """Parse a JWK Set without yielding."""
    return run(read_jwk_set(body), lambda _: None)


def set_of(*jwks: Any, **members: Any) -> JwkSet:
    """Parse a JWK Set of these keys."""
    keys = parse_jwk_set(json.dumps({"keys": jwks, **members}).encode())
    assert keys is not None
    return keys


def key_for(alg: str, jwk: dict[str, Any] | None = None) -> VerificationKey:
    """Return the key that verifies `alg`, or the key of `jwk`."""
    (key,) = set_of(jwk or PUBLIC[alg]).find(None, alg)
    return key


def reason_of(outcome: object) -> Reason | None:
    """Return the reason of a refusal, and None for anything else."""
    return outcome.reason if isinstance(outcome, Problem) else None


def parsed(token: str, algorithms: frozenset[str] = ALL) -> Jws:
    """Parse a token that is well-formed."""
    jws = parse_jws(token, algorithms)
    assert isinstance(jws, Jws)
    return jws


def is_good(token: str, key: VerificationKey) -> bool:
    """Return whether a token is well-formed and signed by `key`; cache the header if so."""
    jws = parse_jws(token, ALL)
    if not isinstance(jws, Jws) or not verify_signature(jws, key):
        return False
    remember_header(jws.header, deque())
    return True
