"""The lifespan of an ASGI application behind the middleware.

Spec: ASGI 2.0, "Lifespan Protocol".
"""

from __future__ import annotations

from collections.abc import Callable

from iiniit_guard.adapting.types import Application, Message, Receive, Scope, Send
from iiniit_guard.engine import Engine
from iiniit_guard.errors import UsageError


async def run_lifespan(
    app: Application,
    engine: Engine,
    check: Callable[[], object],
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Run the lifespan of `app`, and release what the guard holds on this event loop at its end.

    Args:
        app: The application.
        engine: The engine of the guard.
        check: Checks the application before it starts.
        scope: The scope of the server.
        receive: The `receive` of the server.
        send: The `send` of the server.

    Raises:
        UsageError: The type of the scope is not `lifespan`.
    """
    if scope["type"] != "lifespan":
        # ASGI 3.0, "Applications": raise an exception for an unknown type.
        raise UsageError("unsupported ASGI scope type; use http, websocket or lifespan")
    try:
        check()
    except UsageError as fault:
        # The server would treat an exception as missing lifespan support.
        await receive()
        await send({"type": "lifespan.startup.failed", "message": str(fault)})
        return

    async def release_at_end(message: Message) -> None:
        if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            await engine.release_loop()
        await send(message)

    await app(scope, receive, release_at_end)
