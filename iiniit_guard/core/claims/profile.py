"""What each profile of an issuer requires of its JWTs.

Spec: RFC 9068 §2.2, §4; OAuth Transaction Tokens (draft), header, claims and validation; SPIFFE
JWT-SVID §3, SPIFFE Trust Domain and Bundle §4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from iiniit_guard.core.claims.token_kind import ASSERTION_TYPE, TRANSACTION_TYPE


@dataclass(frozen=True, slots=True)
class Profile:
    """The requirements of one profile.

    Attributes:
        types: The values of `typ` that a JWT may have; None stands for no `typ`.
        field: The only header field that carries the token, lower-case; None means `Authorization`
            or the setting `token_header`.
        required: Claims that must be non-empty strings.
        issued_at: Whether `iat` is required.
        unnamed: Whether a token may have no `iss`. The guard then has only this issuer.
        key_use: The value of `use` that a key may have, besides `sig`.
    """

    types: frozenset[str | None]
    field: bytes | None = None
    required: tuple[str, ...] = ()
    issued_at: bool = False
    unnamed: bool = False
    key_use: str = "sig"


PROFILES: Final[Mapping[str, Profile]] = {
    "rfc9068": Profile(frozenset({"at+jwt"})),
    "generic": Profile(frozenset({"at+jwt", "jwt", None})),
    "assertion": Profile(frozenset({ASSERTION_TYPE}), b"x-iiniit-assertion"),
    "txn": Profile(
        frozenset({TRANSACTION_TYPE}),
        b"txn-token",
        ("txn", "sub", "scope", "req_wl"),
        issued_at=True,
        unnamed=True,
    ),
    "jwt-svid": Profile(
        frozenset({"jwt", "jose", None}), required=("sub",), unnamed=True, key_use="jwt-svid"
    ),
}
