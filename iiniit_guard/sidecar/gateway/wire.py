"""Write a complete grant to the connection of uvicorn, bypassing the two messages of ASGI.

`RequestResponseCycle.send` checks each header with two regular expressions and joins the headers
again. For the seven headers of a grant, that costs as much as the decision itself. The bytes of a
grant are the same for each request with the same token, so they are cached. Through ASGI, a request
costs the gateway and the sidecar a fifth more CPU time.

The module depends on internals of uvicorn's httptools protocol, so it is active only with the
reviewed releases in `LOOKED_AT`. With other releases and servers, responses are sent through ASGI.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from iiniit_guard.sidecar.gateway.identity import Header

LOOKED_AT: Final = frozenset({"0.54"})
"""Reviewed releases of uvicorn.

`RequestResponseCycle.send` of these releases ends with the same steps as `write_whole`.
"""


@lru_cache(maxsize=4096)
def grant_bytes(identity: tuple[Header, ...], rest: tuple[Header, ...]) -> bytes:
    """Return the bytes of a 200 response without a body, in the format of uvicorn."""
    fields = b"".join(name + b": " + value + b"\r\n" for name, value in (*rest, *identity))
    return b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n"


def find_cycle_type() -> type[Any] | None:
    """Return uvicorn's class whose `send` may be bypassed; None if the release was not reviewed."""
    try:
        import uvicorn
        from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
    except ImportError:
        return None
    return RequestResponseCycle if uvicorn.__version__.rpartition(".")[0] in LOOKED_AT else None


def write_whole(cycle: Any, answer: bytes) -> bool:
    """Write a response and complete the exchange.

    Returns:
        False if nothing was written and the caller must use `send`.
    """
    if (
        cycle.flow.write_paused
        or cycle.disconnected
        or not cycle.keep_alive
        or cycle.default_headers
        or cycle.response_started
    ):
        return False
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(answer)
    cycle.message_event.set()
    cycle.on_response()
    return True
