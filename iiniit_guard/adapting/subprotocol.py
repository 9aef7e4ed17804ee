"""The token of a WebSocket in a subprotocol, in the form of Kubernetes.

A browser cannot set `Authorization` for a WebSocket, but it can offer subprotocols (RFC 6455 §1.9).
One of them may be `base64url.bearer.authorization.k8s.io.` and the token in base64url.
"""

from __future__ import annotations

from typing import Final

from iiniit_guard.adapting.types import Scope
from iiniit_guard.core.http.bearer import AUTHORIZATION, WHITE_SPACE, is_b64token
from iiniit_guard.core.jose.encodings import decode_base64url

PREFIX: Final = b"base64url.bearer.authorization.k8s.io."
_FIELD: Final = b"sec-websocket-protocol"
_MALFORMED: Final = b"Bearer"  # the guard answers 400


def move_token(scope: Scope) -> None:
    """Move the token from the offered subprotocols of a connection to its `Authorization` field.

    The application sees the token there only, so it cannot select this subprotocol, which the
    server would send back. The guard checks the field as for any request. It refuses a connection
    with another credential or with two tokens.

    A browser fails a connection for which no offered subprotocol is selected. Like Kubernetes, the
    guard therefore refuses a connection that offers no subprotocol besides the token.

    Args:
        scope: The scope for the application. Its header fields and subprotocols are replaced.
    """
    headers, offered = [], []
    for name, value in scope["headers"]:
        if name != _FIELD:
            headers.append((name, value))
            continue
        names = [each.strip(WHITE_SPACE) for each in value.split(b",")]
        offered += names
        others = [each for each in names if not _holds_token(each)]
        if len(others) == len(names):
            headers.append((name, value))
        elif others:
            headers.append((name, b", ".join(others)))
    listed = [each.encode("latin-1", "replace") for each in scope.get("subprotocols") or ()]
    offered = offered or listed
    tokens = [each for each in offered if _holds_token(each)]
    is_alone = not any(each and not _holds_token(each) for each in offered)
    values = [_MALFORMED if is_alone else _authorization(each) for each in tokens]
    scope["headers"] = [*headers, *((AUTHORIZATION, value) for value in values)]
    if listed:
        scope["subprotocols"] = [
            each
            for each, encoded in zip(scope["subprotocols"], listed, strict=True)
            if not _holds_token(encoded)
        ]


def _holds_token(subprotocol: bytes) -> bool:
    # In any case of letters: the application must not see a token in another spelling either.
    return subprotocol[: len(PREFIX)].lower() == PREFIX


def _authorization(subprotocol: bytes) -> bytes:
    """Return the value of `Authorization` for a subprotocol that holds a token."""
    token = None
    if subprotocol.startswith(PREFIX):
        token = decode_base64url(subprotocol[len(PREFIX) :])
    return _MALFORMED if token is None or not is_b64token(token) else b"Bearer " + token
