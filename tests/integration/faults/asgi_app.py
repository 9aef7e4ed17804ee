"""An ASGI application that returns the subject of the token as JSON. Its settings are in the
environment.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal

from iiniit_guard import Guard
from iiniit_guard.asgi import GuardMiddleware, Receive, Scope, Send

faulthandler.register(signal.SIGUSR1, all_threads=True)  # see Serving.show_stacks


async def whose(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        for event in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{event}.complete"})
        return
    token = scope["iiniit_guard.access_token"]
    body = json.dumps(
        {"subject": None if token is None else token.subject, "pid": os.getpid()}
    ).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


app = GuardMiddleware(whose, Guard.from_env(), public=["/healthz"])
