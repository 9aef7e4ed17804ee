"""The kind of a token: marks of access tokens, and marks of other tokens of the same issuer.

Spec: RFC 9068 §5; RFC 8725 §3.11, §3.12; OpenID Connect Core §2, §3.1.3.6, §3.3.2.11; FAPI 1.0 part
    2 §5.2.2; RFC 8417 §2.2; RFC 9701 §5; OpenID JARM §2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, TypeAlias

from iiniit_guard.core.model.json_types import JsonMapping
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason, wrong_type

WrittenScopes: TypeAlias = Callable[[JsonMapping], Collection[str] | None]

ASSERTION_TYPE: Final = "iiniit-assertion+jwt"
"""The `typ` of a gateway's assertion about a request.

No other profile accepts it, so an assertion is never accepted as an access token.
"""

TRANSACTION_TYPE: Final = "txntoken+jwt"
"""The `typ` of a transaction token, which is never an access token."""

OTHER_KINDS: Final = ("events", "token_introspection", "code")
"""Claims that no access token has.

They belong to security event and logout tokens, introspection responses and authorization
responses.
"""

_ID_TOKEN_HASHES: Final = ("at_hash", "c_hash", "s_hash")
KIND_CLAIMS: Final = frozenset({*OTHER_KINDS, *_ID_TOKEN_HASHES, "nonce", "token_use", "typ"})
"""Claims that may mark the kind of a token."""

_EXPLICIT_TYPES: Final = frozenset({"at+jwt", ASSERTION_TYPE})
_ACCESS_USES: Final = frozenset({"access", "access_token"})
_ACCESS_TYPES: Final = frozenset({"bearer", "dpop"})
_OTHER_NAMES: Final = (
    "id",
    "id_token",
    "refresh",
    "refresh_token",
    "offline",
    "offline_token",
    "logout",
    "logout_token",
    "logout+jwt",
)
_OTHER_WORDS: Final = frozenset(
    {*_OTHER_NAMES, *(f"urn:ietf:params:oauth:token-type:{name}" for name in _OTHER_NAMES)}
)  # RFC 8693 §3
# Scopes that only request an ID token, its claims, or a refresh token. `allatclaims` belongs to AD
# FS.
_LOGIN_SCOPES: Final = frozenset(
    {"openid", "profile", "email", "address", "phone", "offline_access", "allatclaims"}
)

_OTHER_KIND: Final = PROBLEMS[Reason.WRONG_TYPE].about(check="kind")
_HASHED: Final = {
    name: wrong_type(
        f"The token carries the claim {name} of an ID token and no mark of an access token."
    )
    for name in _ID_TOKEN_HASHES
}
_WITH_NONCE: Final = wrong_type(
    "The token carries the claim nonce of an ID token, no mark of an access token and no scope for "
    "an API."
)


def explicit_problem(claims: JsonMapping) -> Problem | None:
    """Return the refusal of a token or introspection response explicitly marked as another kind.

    None if there is no such mark. Case is ignored (RFC 6749 §5.1). An unknown value does not count
    as a mark. A `token_use` that is not a string is refused, because the claim has no other purpose
    than to name the kind.
    """
    for name in OTHER_KINDS:
        if name in claims:
            return _OTHER_KIND
    use, typ = claims.get("token_use", ""), claims.get("typ", "")
    if not isinstance(use, str) or use.lower() in _OTHER_WORDS:
        return _OTHER_KIND
    if isinstance(typ, str):
        return _OTHER_KIND if typ.lower() in _OTHER_WORDS else None
    words = typ if isinstance(typ, list) else ()
    return (
        _OTHER_KIND
        if any(isinstance(word, str) and word.lower() in _OTHER_WORDS for word in words)
        else None
    )


def id_token_problem(
    claims: JsonMapping, typ: str | None, written_scopes: WrittenScopes
) -> Problem | None:
    """Return the refusal of a JWT that looks like an ID token, or None.

    It has claims of an ID token and no mark of an access token. `client_id` is not a mark: Zitadel
    writes it into ID tokens.

    Args:
        claims: `explicit_problem` found no problem in them.
        typ: Of the JOSE header, see `JoseHeader.typ`.
        written_scopes: Reads `scope` or `scp`; None if it is malformed.
    """
    for name, problem in _HASHED.items():
        if name in claims:
            return None if _is_marked(claims, typ) else problem
    if "nonce" not in claims or _is_marked(claims, typ):
        return None
    return _WITH_NONCE if _LOGIN_SCOPES.issuperset(written_scopes(claims) or ()) else None


def names_dpop(claims: JsonMapping) -> bool:
    """Return whether an introspection response marks the token as bound by DPoP (RFC 9449 §5).

    It may do so without `cnf`.
    """
    typ = claims.get("typ")
    words = (claims.get("token_type"), *(typ if isinstance(typ, list) else (typ,)))
    return any(isinstance(word, str) and word.lower() == "dpop" for word in words)


def _is_marked(claims: JsonMapping, typ: str | None) -> bool:
    return (
        typ in _EXPLICIT_TYPES
        or _says(claims.get("token_use"), _ACCESS_USES)
        or _says(claims.get("typ"), _ACCESS_TYPES)
    )


def _says(value: object, words: frozenset[str]) -> bool:
    return isinstance(value, str) and value.isascii() and value.lower() in words
