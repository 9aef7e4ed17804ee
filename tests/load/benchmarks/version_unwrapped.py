"""An action of `version_actions.py` without the code that lets a refusal replace a response.

Older versions do not have this code, so nothing is removed from them. Two versions then differ in
the decision, and in the code of the adapter before the decision.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(__file__).parent))  # not first: PYTHONPATH names the version to measure
actions: Final = import_module("version_actions")


def unwrap_asgi() -> None:
    """Make the middleware pass the `send` of the server to its application, without a record."""
    asgi: Any = import_module("iiniit_guard.asgi")
    if not hasattr(asgi, "HttpExchange"):
        return

    async def call(self: Any, scope: Any, receive: Any, send: Any) -> None:
        if asgi._EXCHANGES.get(scope["type"]) is None:
            raise RuntimeError("only requests are measured")
        self._check()
        inner = dict(scope)
        inner["headers"] = [*scope["headers"]]
        inner[asgi.ENGINE_KEY] = engine = self._engine
        inner[asgi.RECORD_KEY] = inner[asgi.TOKEN_KEY] = inner[asgi.PRINCIPAL_KEY] = None
        if self._reads_subprotocol and scope["type"] == "websocket":
            raise RuntimeError("only requests are measured")
        found = asgi.begin_scope(engine, self.admission, inner, "asgi")
        if not isinstance(found, asgi.AccessToken):
            found = (await engine.finish_async(found, self.admission.policy)).token
        inner[asgi.TOKEN_KEY] = found
        running = self.app(inner, receive, send)
        del scope, inner, receive, send
        await running

    asgi.GuardMiddleware.__call__ = call


def unwrap_flask() -> None:
    """Make Flask call the `start_response` of the server, and return the body of Flask."""
    try:
        methods: Any = import_module("iiniit_guard.flask.methods")
    except ModuleNotFoundError:
        return
    methods.respond = lambda app, environ, start_response, record: app(environ, start_response)
    methods.GuardedMethods._is_plain = lambda self, answer: False


def unwrap(action: str) -> None:
    """Remove the code from the adapter of an action."""
    {"starlette": unwrap_asgi, "flask": unwrap_flask}[action]()


if __name__ == "__main__":
    name = sys.argv[1].removesuffix("-unwrapped")
    unwrap(name)
    actions.main(name)
