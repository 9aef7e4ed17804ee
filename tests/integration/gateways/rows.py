"""The form of the attack table's rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from iiniit_guard.core.jose.jws import ALGORITHMS

BEARER: Final = (("Authorization", "Bearer {good}"),)
WRITER: Final = (("Authorization", "Bearer {writer}"),)
METADATA: Final = 'resource_metadata="https://api.example/.well-known/oauth-protected-resource"'


@dataclass(frozen=True)
class Row:
    """One request and the answer that every gateway gives.

    Attributes:
        name: The attack that it tries.
        method: Of the request line.
        target: Of the request line; words in braces stand for tokens.
        headers: Besides Host.
        status: Of the answer.
        reason: In the body; None where the request passes.
        challenge: The whole field; None where there must be none.
        body: Sent.
        bare: Gateways that refuse it themselves, by their own page, and the status of that.
    """

    name: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 200
    reason: str | None = None
    challenge: str | None = None
    body: bytes = b""
    bare: Mapping[str, int] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def challenge(
    error: str | None = None, description: str | None = None, scope: str | None = None
) -> str:
    """Return the challenge that the guard of the recipes sends."""
    parts = ['Bearer realm="https://api.example"']
    if error is not None:
        parts += [f'error="{error}"', f'error_description="{description}"']
    if scope is not None:
        parts.append(f'scope="{scope}"')
    proof = ['DPoP realm="https://api.example"']
    if scope is not None and error != "insufficient_scope":
        proof.append(f'scope="{scope}"')
    algorithms = f'algs="{" ".join(ALGORITHMS)}"'
    return ", ".join([*parts, METADATA, *proof, algorithms, METADATA])


ANY_TOKEN: Final = challenge()
READ_TOKEN: Final = challenge(scope="user:read")
WRITE_TOKEN: Final = challenge(scope="user:write")
MALFORMED: Final = challenge("invalid_request", "The Authorization header is malformed.")
SEVERAL: Final = challenge("invalid_request", "The request has more than one credential.")
AMBIGUOUS_PATH: Final = challenge("invalid_request", "The path can be read in more than one way.")
OVERRIDE: Final = challenge("invalid_request", "The request overrides its method.")
