"""A WSGI application that returns the subject of the token as JSON. Its settings are in the
environment.

With two tokens in `WARM_TOKENS`, the guard is used before the server forks its workers (`gunicorn
--preload`).
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import signal
from collections.abc import Iterable
from typing import Any

from iiniit_guard import Guard
from iiniit_guard.wsgi import GuardMiddleware

faulthandler.register(signal.SIGUSR1, all_threads=True)  # see Serving.show_stacks
guard = Guard.from_env()


def whose(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    token = environ["iiniit_guard.access_token"]
    body = json.dumps(
        {"subject": None if token is None else token.subject, "pid": os.getpid()}
    ).encode()
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    )
    return [body]


app = GuardMiddleware(whose, guard, public=["/healthz"])

if "WARM_TOKENS" in os.environ:
    first, second = os.environ["WARM_TOKENS"].split()
    guard.verify(first)
    asyncio.run(guard.verify_async(second))
