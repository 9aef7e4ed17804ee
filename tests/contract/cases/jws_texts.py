"""The readers of a JWS, for tests whose tokens are text. The guard encodes a token as they do."""

from __future__ import annotations

from iiniit_guard.core.jose import jws
from iiniit_guard.core.jose.jws import JoseHeader, Jws
from iiniit_guard.core.model.problem import Problem


def parse_jws(
    token: str, algorithms: frozenset[str], header: JoseHeader | Problem | None = None
) -> Jws | Problem:
    return jws.parse_jws(token.encode("ascii", "replace"), algorithms, header)


def read_header(token: str) -> JoseHeader | Problem | None:
    return jws.read_header(token.encode("ascii", "replace"))


def is_jws(token: str) -> bool:
    """Return whether any reader could parse `token` as a JWS, with any number of parts."""
    return read_header(token) is not None
