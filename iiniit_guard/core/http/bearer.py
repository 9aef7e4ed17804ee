"""Reading exactly one credential from a request, or the reason for a refusal.

Spec: RFC 6750 §2.1 (header), §2.3 (query, refused here), §3.1 (more than one method is an
    `invalid_request`), RFC 9110 §11.4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias
from urllib.parse import unquote_to_bytes

from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request, reserved_names, value_of_query_token

BEARER: Final = "bearer"
DPOP: Final = "dpop"
TOKEN_SCHEMES: Final = frozenset({BEARER, DPOP})
"""The schemes whose credential is an access token (RFC 6750 §2.1, RFC 9449 §7.1)."""
AUTHORIZATION: Final = b"authorization"
ASSERTION_FIELD: Final = b"x-iiniit-assertion"

QueryToken: TypeAlias = Literal["refuse", "ignore", "accept"]

_B64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
# RFC 9110 §5.5: trailing white space is not part of a field's value. Some servers remove it and
# some do not.
WHITE_SPACE: Final = b" \t"
# RFC 9110 §11.4: credentials = auth-scheme [ 1*SP ( token68 / #auth-param ) ]; auth-scheme = token
# (§5.6.2)
_CREDENTIALS: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?: +(.*))?", re.DOTALL)
# One credential's list of parameters (RFC 9110 §11.2). Possessive quantifiers: an attacker's header
# must not cause backtracking.
_PARAMETER: Final = (
    rb"[ \t]*+[!#$%&'*+\-.^_`|~0-9A-Za-z]++[ \t]*+=[ "
    rb"\t]*+(?:[^\s\",=]++|\"(?:[^\"\\]|\\.)*+\")[ \t]*+"
)
_PARAMETERS: Final = re.compile(rb"%b(?:,%b)*+" % (_PARAMETER, _PARAMETER), re.DOTALL)


@dataclass(slots=True)
class Credential:
    """The credential of a request.

    Attributes:
        scheme: Authentication scheme in lower case, one of those accepted.
        value: The text after the scheme; for `bearer` and `dpop` a b64token. Never shown.
    """

    scheme: str
    value: str = field(repr=False)


def credential_of(
    request: Request,
    schemes: frozenset[str],
    max_token_bytes: int,
    query_token: QueryToken = "refuse",
    field: bytes = AUTHORIZATION,
    only: bytes | None = None,
) -> Credential | Problem:
    """Return the one credential of a request, or a problem.

    Args:
        request: Only its header and its query are read, never its body.
        schemes: Accepted schemes in lower case. The guard checks the grammar of the value for
            `TOKEN_SCHEMES` only.
        max_token_bytes: A longer credential is refused before it is parsed.
        query_token: Handling of `access_token` in the query. To accept it is a risk: such URLs end
            up in logs (RFC 6750 §2.3). OAuth 2.1 §5.1 says to ignore it.
        field: The only header field that is read, lower-case. In another field than
            `Authorization`, a token may stand without a scheme.
        only: The value of the field, if the caller has found it and no second one.

    Returns:
        The credential or the problem. The problem is `NO_TOKEN` also if the request uses only
        another scheme.
    """
    values = request.header_values(field) if only is None else (only,)
    if request.query and query_token != "ignore" and request.reserved_names.access_token:
        if query_token != "accept":
            return PROBLEMS[Reason.TOKEN_IN_QUERY]
        return (
            PROBLEMS[Reason.SEVERAL_CREDENTIALS]
            if values
            else _token_from_query(request.query, max_token_bytes)
        )
    if not values:
        return PROBLEMS[Reason.NO_TOKEN]
    if len(values) > 1:
        return PROBLEMS[Reason.SEVERAL_CREDENTIALS]
    value = values[0].rstrip(WHITE_SPACE)
    if value[:7] == b"Bearer " and len(value) <= max_token_bytes and is_b64token(value[7:]):
        # The usual form: no list and no second credential can have it.
        return Credential(BEARER, value[7:].decode("ascii"))
    if (
        value[:5] == b"DPoP "
        and DPOP in schemes
        and len(value) <= max_token_bytes
        and is_b64token(value[5:])
    ):
        return Credential(DPOP, value[5:].decode("ascii"))
    if field != AUTHORIZATION and value:
        return _parse_own_field(value, schemes, max_token_bytes)
    return _parse_field(value, schemes, max_token_bytes)


def assertion_of(
    request: Request, max_token_bytes: int, field: bytes = ASSERTION_FIELD
) -> Credential | Problem:
    """Return the token in a header field of its own, or a problem.

    It is the gateway's assertion about a request, or a transaction token. `Authorization` is
    ignored.

    Args:
        request: The request.
        field: The name of the field, lower-case.
        max_token_bytes: As for `credential_of`.
    """
    values = request.header_values(field)
    if len(values) > 1:
        return PROBLEMS[Reason.SEVERAL_CREDENTIALS]
    value = values[0].rstrip(WHITE_SPACE) if values else b""
    return _check_bearer(value, max_token_bytes) if value else PROBLEMS[Reason.NO_TOKEN]


def has_query_token(query: bytes) -> bool:
    """Return whether the query has a parameter `access_token`, plain or percent-encoded."""
    return (b"%" in query or b"access_token" in query) and reserved_names(query).access_token


def _token_from_query(query: bytes, max_token_bytes: int) -> Credential | Problem:
    value = value_of_query_token(query)
    return (
        PROBLEMS[Reason.SEVERAL_CREDENTIALS]
        if value is None
        else _check_bearer(unquote_to_bytes(value), max_token_bytes)
    )


def _parse_own_field(
    value: bytes, schemes: frozenset[str], max_token_bytes: int
) -> Credential | Problem:
    """Return the credential in a field that a proxy writes: bare, or after a scheme."""
    first, space, _ = value.partition(b" ")
    if b"," in first:  # two fields that a server joined, as in `_parse_field`
        return PROBLEMS[Reason.SEVERAL_CREDENTIALS]
    if space or first.lower() in (scheme.encode("ascii") for scheme in schemes):
        return _parse_field(value, schemes, max_token_bytes)
    return _check_bearer(value, max_token_bytes)


def _parse_field(
    value: bytes, schemes: frozenset[str], max_token_bytes: int
) -> Credential | Problem:
    if not value:
        return PROBLEMS[Reason.NO_TOKEN]
    match = _CREDENTIALS.fullmatch(value)
    if match is None:
        return PROBLEMS[Reason.MALFORMED_HEADER]
    scheme, rest = match[1].decode("ascii").lower(), match[2] or b""
    # Many servers join repeated fields with a comma, so two credentials may arrive as one value
    # with a comma.
    if b"," in rest and (scheme in TOKEN_SCHEMES or _PARAMETERS.fullmatch(rest) is None):
        return PROBLEMS[Reason.SEVERAL_CREDENTIALS]
    if scheme not in schemes:
        return PROBLEMS[Reason.NO_TOKEN]
    if scheme in TOKEN_SCHEMES:
        return _check_bearer(rest, max_token_bytes, scheme)
    if len(rest) > max_token_bytes:
        return replace(PROBLEMS[Reason.TOKEN_TOO_LONG], scheme=scheme)
    if not rest or not rest.isascii() or not rest.decode("ascii").isprintable():
        return replace(PROBLEMS[Reason.MALFORMED_HEADER], scheme=scheme)
    return Credential(scheme, rest.decode("ascii"))


def is_b64token(value: bytes) -> bool:
    """Return whether all characters of `value` are allowed in a bearer token.

    On a long value this takes half the time of a regular expression.

    Spec: RFC 6750 §2.1: b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
    """
    characters = value.rstrip(b"=")
    return characters != b"" and characters.translate(None, _B64) == b""


def _check_bearer(token: bytes, max_token_bytes: int, scheme: str = BEARER) -> Credential | Problem:
    if len(token) > max_token_bytes:
        return replace(PROBLEMS[Reason.TOKEN_TOO_LONG], scheme=scheme)
    if not is_b64token(token):
        return replace(PROBLEMS[Reason.MALFORMED_HEADER], scheme=scheme)
    return Credential(scheme, token.decode("ascii"))
