"""The proof of one request, while the guard decides about it and afterwards."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Final

from iiniit_guard.core.dpop.proof import Proof, ProofKey
from iiniit_guard.core.model.copying import CopiedAsItself
from iiniit_guard.core.model.request import Request

ACCEPTED: Final = "iiniit_guard.accepted_proofs"
"""The key of the accepted proofs in the scope or environ of a request."""


class PresentedProof(CopiedAsItself):
    """The proof of one request and the results of its checks. Its `repr` shows nothing.

    Copies of the scope or environ of the request hold the same object.

    Attributes:
        checks: Identifies the checks that the proof has passed.
        ledger: Identifies where they record it.
        encoded: The proof as received.
        token: The access token of the request.
        proof: The parsed proof; None if it was accepted for this request before.
        signer: The key that signed it, once that is verified.
        uri: The normal form of `htu`.
        until: When the proof is no longer accepted.
        digest: The SHA-256 of the token, once it was computed.
        recorded: What identifies the proof, if it was recorded for this request.
        awaited: The call by which another handler of this request records the proof in the shared
            store; None if there is none.
    """

    __slots__ = (
        "awaited",
        "checks",
        "digest",
        "encoded",
        "ledger",
        "proof",
        "recorded",
        "signer",
        "token",
        "until",
        "uri",
    )

    def __init__(self, checks: object, ledger: object, encoded: bytes, token: str) -> None:
        self.checks: object = checks
        self.ledger: object = ledger
        self.encoded: bytes = encoded
        self.token: str = token
        self.proof: Proof | None = None
        self.signer: ProofKey | None = None
        self.uri: str = ""
        self.until: float = 0.0
        self.digest: bytes | None = None
        self.recorded: bytes | None = None
        self.awaited: Future[object] | None = None


def accepted_proofs(request: Request) -> tuple[PresentedProof, ...]:
    """Return the proofs that were accepted for this request."""
    native = request.native
    found = native.get(ACCEPTED, ()) if isinstance(native, dict) else ()
    return found if isinstance(found, tuple) else ()
