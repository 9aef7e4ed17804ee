"""Messages of ASGI: their header fields and kinds, and what an application gets after a refusal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NoReturn

from iiniit_guard.adapting.refusal import add_headers
from iiniit_guard.adapting.types import Message, Scope
from iiniit_guard.errors import UsageError

DENIAL: Final = "websocket.http.response"
# Before ASGI 2.4 an application learns of the end of a connection only from `receive`. An
# application that does not call `receive` must not run without end.
MAX_DROPPED: Final = 64
DISCONNECT: Final[Message] = {"type": "http.disconnect"}
BODIES: Final = frozenset(
    {"http.response.body", "http.response.pathsend", "http.response.zerocopysend"}
)


class RefusalSent(OSError):
    """The application sends a message after the guard refused its request.

    Frameworks treat an OSError of `send` as the end of the connection.

    Spec: ASGI 2.4, "Disconnected Client - send exception".
    """

    def __init__(self) -> None:
        super().__init__(
            "the guard refused this request and sent its refusal, so nothing more can be sent"
        )


def decoded(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Return header fields as text."""
    return [
        (bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in headers
    ]


def encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Return header fields as the bytes of ASGI."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def with_headers(message: Message, added: Iterable[tuple[str, str]]) -> Message:
    """Return the message that starts a response, with further header fields."""
    present = decoded(message.get("headers") or ())
    return {**message, "headers": encoded(add_headers(added, present))}


def send_may_raise(scope: Scope) -> bool:
    """Return whether the ASGI version is at least 2.4, in which `send` may raise an OSError."""
    version = (scope.get("asgi") or {}).get("spec_version") or "2.0"
    return tuple(map(int, version.split("."))) >= (2, 4)


def abort() -> NoReturn:
    """Raise the exception for a refusal after the response has started."""
    raise UsageError(
        "a guarded function refused the request after its response had started, so the connection "
        "is closed: "
        "decorate the handler, or call the guarded function before the response starts"
    ) from None
