"""One DPoP proof: its checks before and after the token is verified.

The checks before it cost little, and none of them verifies a signature: length, structure, type,
algorithm, method, URI, time and token. Then the guard verifies the token. The signature of the
proof is verified only if its key is the one that the token is bound to.

Spec: RFC 9449 §4.2, §4.3, §7.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from iiniit_guard.core.jose.encodings import decode_base64url, load_object, parse_object
from iiniit_guard.core.jose.jwk import Jwk, JwkSet, parse_jwk
from iiniit_guard.core.jose.jws import check_header
from iiniit_guard.core.jose.public_key import thumbprint
from iiniit_guard.core.model.json_types import JsonObject
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from iiniit_guard.core.jose.public_key import Verifies
    from iiniit_guard.core.model.request import Request

FIELD: Final = b"dpop"
MAX_PROOF_BYTES: Final = 8192
"""Maximum length of a proof. One with a key of 4,096 bits has 3,000 bytes."""
MAX_ID_BYTES: Final = 256
"""Maximum length of `jti`."""
MAX_KEYS: Final = 4096
"""Maximum number of keys of clients that are kept."""
_MAX_KEPT_HEADER_BYTES: Final = 1024
_TYPE: Final = "dpop+jwt"
_COMMA: Final = ord(",")  # a search for bytes in bytes raises and catches an exception first

_MALFORMED: Final = PROBLEMS[Reason.MALFORMED_PROOF]


class ProofKey:
    """The key in the JOSE header of a proof.

    Attributes:
        thumbprint: The SHA-256 thumbprint of the key (RFC 7638).
        verifies: Checks a signature by the algorithm of the header.
    """

    __slots__ = ("thumbprint", "verifies")

    def __init__(self, thumbprint: str, verifies: Verifies) -> None:
        self.thumbprint: str = thumbprint
        self.verifies: Verifies = verifies


class Proof:
    """A well-formed proof. Its signature is not verified yet. Its `repr` shows nothing.

    Attributes:
        encoded_header: The JOSE header as received.
        key: The key, if its header is known; else None.
        members: The members of a header that is not known; else empty.
        claims: The payload, unverified.
        signing_input: The signed octets.
        signature: The decoded signature.
    """

    __slots__ = ("claims", "encoded_header", "key", "members", "signature", "signing_input")

    def __init__(
        self,
        encoded_header: bytes,
        key: ProofKey | None,
        members: JsonObject,
        claims: JsonObject,
        signing_input: bytes,
        signature: bytes,
    ) -> None:
        self.encoded_header: bytes = encoded_header
        self.key: ProofKey | None = key
        self.members: JsonObject = members
        self.claims: JsonObject = claims
        self.signing_input: bytes = signing_input
        self.signature: bytes = signature

    def __repr__(self) -> str:
        return "Proof()"


class ProofKeys:
    """The keys of clients by the encoded JOSE header of their proofs.

    A client writes the same header into each proof. Only the headers of accepted proofs are kept,
    so a sender without a token of the client can neither fill nor flush the table.
    """

    def __init__(self) -> None:
        self._keys: dict[bytes, ProofKey] = {}
        self.get: Callable[[bytes], ProofKey | None] = self._keys.get
        """Return the key in an encoded header, or None if the header is not known."""

    def keep(self, encoded_header: bytes, key: ProofKey) -> None:
        """Keep the key of an accepted proof."""
        if len(encoded_header) > _MAX_KEPT_HEADER_BYTES or encoded_header in self._keys:
            return
        if len(self._keys) >= MAX_KEYS:
            self._keys.clear()
        self._keys[encoded_header] = key


def only_proof(request: Request) -> bytes | Problem:
    """Return the proof of a request (RFC 9449 §4.3 item 1), or the problem."""
    values = [value for name, value in request.headers if name == FIELD]
    if len(values) == 1:
        value = values[0].strip(b" \t")
        if len(value) > MAX_PROOF_BYTES:
            return _MALFORMED
        if _COMMA in value:  # two fields that a server joined
            return PROBLEMS[Reason.SEVERAL_PROOFS]
        if value:
            return value
    return PROBLEMS[Reason.SEVERAL_PROOFS if len(values) > 1 else Reason.NO_PROOF]


def parse_proof(encoded: bytes, algorithms: frozenset[str], keys: ProofKeys) -> Proof | Problem:
    """Parse a proof (§4.3 items 2 to 5). Neither its key nor its signature is used.

    Args:
        encoded: As received, at most `MAX_PROOF_BYTES` long.
        algorithms: The allowed algorithms, all of them asymmetric.
        keys: The known headers.
    """
    signing_input, _, encoded_signature = encoded.rpartition(b".")
    encoded_header, _, encoded_claims = signing_input.partition(b".")
    key = keys.get(encoded_header)
    members = {} if key is not None else _header_members(encoded_header, algorithms)
    if members is None:
        return _MALFORMED
    # A further "." would be in the claims, where no character of base64url is one.
    payload, signature = decode_base64url(encoded_claims), decode_base64url(encoded_signature)
    if payload is None or not signature:
        return _MALFORMED
    try:
        claims = load_object(payload)
    except ValueError:
        return _MALFORMED
    return Proof(encoded_header, key, members, claims, signing_input, signature)


def _header_members(encoded: bytes, algorithms: frozenset[str]) -> JsonObject | None:
    """Return the members of the JOSE header of a proof, or None if the header is invalid."""
    octets = decode_base64url(encoded)
    members = None if octets is None else parse_object(octets)
    header = None if members is None else check_header(members, encoded)
    if members is None or header is None or isinstance(header, Problem):
        return None
    if header.typ != _TYPE or header.alg not in algorithms:  # items 4 and 5
        return None
    return members if isinstance(members.get("jwk"), dict) else None


def signer_of(proof: Proof, expected: str) -> ProofKey | Problem:
    """Return the key that signed a proof (§4.3 items 6, 7 and 12), or the problem.

    A JWK with a private member is refused, and so is a weak key. A signature is verified only if
    the token is bound to the key.

    Args:
        proof: The proof.
        expected: The thumbprint of the key that the token is bound to.
    """
    key = proof.key
    if key is None:
        parsed, alg = parse_jwk(proof.members["jwk"]), proof.members["alg"]
        if not isinstance(parsed, Jwk) or alg not in parsed.algorithms:
            return _MALFORMED
        if thumbprint(parsed.numbers) != expected:  # before any key object is made
            return PROBLEMS[Reason.WRONG_PROOF_KEY]
        found = JwkSet((parsed,)).find(None, alg)  # empty if this build of OpenSSL refuses the key
        key = ProofKey(expected, found[0].verifies) if found else None
    if key is None or key.thumbprint != expected:
        return PROBLEMS[Reason.WRONG_PROOF_KEY]
    if not key.verifies(proof.signing_input, proof.signature):
        return PROBLEMS[Reason.BAD_PROOF_SIGNATURE]
    return key
