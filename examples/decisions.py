"""The decisions of a guard, for step 7 of the demo.

`examples.serve` adds this to an API if `DEMO_DECISIONS=1`, which the demo sets. A production API
must not have such an endpoint. The answers hold no token: they name it by its digest.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs

from iiniit_guard import Event
from iiniit_guard.core.model.outgoing_call import CallResult, OutgoingCall

PATH = "/demo/decisions"
_PEERS = frozenset({"127.0.0.1", "::1"})
_HOSTS = frozenset({"127.0.0.1", "localhost"})
_TOLERANCE_SECONDS = 0.2


class Decisions:
    """The last decisions of one guard, and the calls that it made for them."""

    def __init__(self) -> None:
        """Store nothing yet."""
        self._lock = threading.Lock()
        self._decisions: deque[dict[str, Any]] = deque(maxlen=100)
        self._calls: deque[tuple[float, dict[str, Any]]] = deque(maxlen=100)

    def listeners(self) -> dict[str, Any]:
        """Return the settings of a guard that reports to this object."""
        return {"on_event": self._note_decision, "on_call": self._note_call}

    def of_token(self, digest: str) -> list[dict[str, Any]]:
        """Return the decisions about a token, the oldest first: events with their `calls`.

        Args:
            digest: `Event.token_digest`.
        """
        with self._lock:
            return [each for each in self._decisions if each["token_digest"] == digest]

    def _note_decision(self, event: Event) -> None:
        # The calls that ended while the decision was made. Those of another request at the same
        # time would be among them, but the demo has one user.
        begun = time.monotonic() - event.seconds - _TOLERANCE_SECONDS
        with self._lock:
            calls = [call for ended, call in self._calls if ended >= begun]
            self._calls.clear()
            self._decisions.append({**asdict(event), "calls": calls})

    def _note_call(self, call: OutgoingCall) -> Callable[[CallResult], None]:
        made = {"purpose": call.purpose, "method": call.method, "url": call.url}

        def note(result: CallResult) -> None:
            with self._lock:
                self._calls.append((time.monotonic(), {**made, **asdict(result)}))

        return note

    def beside_wsgi(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """Return `app` with the endpoint in front of it. The guard in `app` does not see it."""

        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            if environ["PATH_INFO"] != PATH:
                return app(environ, start_response)
            status, body = self._answer(
                environ.get("REMOTE_ADDR", ""),
                environ.get("HTTP_HOST", ""),
                environ.get("QUERY_STRING", ""),
            )
            start_response(status, [("Content-Type", "application/json")])
            return [body]

        return answer

    def beside_asgi(self, app: Callable[..., Any]) -> Callable[..., Any]:
        """Return `app` with the endpoint in front of it. The guard in `app` does not see it."""

        async def answer(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or scope["path"] != PATH:
                await app(scope, receive, send)
                return
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            query = scope["query_string"].decode("latin-1")
            status, body = self._answer((scope["client"] or ("",))[0], host, query)
            await send(
                {
                    "type": "http.response.start",
                    "status": int(status[:3]),
                    "headers": [(b"content-type", b"application/json")],
                }
            )
            await send({"type": "http.response.body", "body": body})

        return answer

    def _answer(self, peer: str, host: str, query: str) -> tuple[str, bytes]:
        # A page of another site could reach this address by a name that it controls. `Host` is
        # that name.
        if peer not in _PEERS or host.rpartition(":")[0] not in _HOSTS:
            return "403 Forbidden", b"{}"
        digest = parse_qs(query).get("token_digest", [""])[0]
        return "200 OK", json.dumps(self.of_token(digest)).encode()
