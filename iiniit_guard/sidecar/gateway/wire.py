"""Writing a short complete answer to uvicorn's connection at once, past ASGI's two messages.

`RequestResponseCycle.send` looks at each header with two regular expressions and joins them anew: for the seven headers of a grant that
is as much as the decision itself. A grant's bytes are the same for each request with that token, so they are kept whole.

This goes by the insides of uvicorn's httptools protocol, hence only with releases that were looked at; with any other one, and under any
other server, answers go the way of ASGI.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from iiniit_guard.sidecar.gateway.identity import Header

LOOKED_AT: Final = frozenset({"0.54"})
"""Releases of uvicorn whose `RequestResponseCycle.send` does at its end what `write_whole` does."""


@lru_cache(maxsize=4096)
def grant_bytes(identity: tuple[Header, ...], rest: tuple[Header, ...]) -> bytes:
    """Write a 200 without a body, as uvicorn writes it."""
    fields = b"".join(name + b": " + value + b"\r\n" for name, value in (*rest, *identity))
    return b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n"


def find_cycle_type() -> type[Any] | None:
    """Give the type whose `send` may be gone past, None where there is none that was looked at."""
    try:
        import uvicorn
        from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
    except ImportError:
        return None
    return RequestResponseCycle if uvicorn.__version__.rpartition(".")[0] in LOOKED_AT else None


def write_whole(cycle: Any, answer: bytes) -> bool:
    """Write an answer and end the exchange; False where that must be left to `send`."""
    if cycle.flow.write_paused or cycle.disconnected or not cycle.keep_alive or cycle.default_headers or cycle.response_started:
        return False
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(answer)
    cycle.message_event.set()
    cycle.on_response()
    return True
