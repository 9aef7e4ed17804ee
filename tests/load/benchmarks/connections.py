"""Goal 19: memory and idle CPU of long-lived connections that end with their token."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from typing import Any, Final, cast

from iiniit_guard.asgi import GuardMiddleware
from tests.load.benchmarks.measure import Row, Spread
from tests.load.benchmarks.tokens import BROWSER, make_guard, make_issuer, token_of

NUMBER: Final = 10_000
_TOKENS: Final = 1_000
_WINDOWS, _WINDOW_SECONDS = 7, 2.0
_KINDS: Final = {"http": "streaming response", "websocket": "WebSocket"}


def measure(rounds: int) -> list[Row]:
    """Open the connections in one process for each kind and setting."""
    rows = []
    for kind, name in _KINDS.items():
        bare, off, end = (_in_a_process(kind, mode) for mode in ("bare", "unwatched", "end"))
        rows.append(
            Row(
                goal=19,
                name=f"memory that lets an idle {name} end with its token, {NUMBER:,} open",
                limit=1024,
                unit="bytes",
                ours=_single(end["bytes"] - off["bytes"]),
                beside={
                    "the guard in total": _single(end["bytes"] - bare["bytes"]),
                    "the connection without a guard": _single(bare["bytes"]),
                },
                note="allocated bytes, minus those of the same guard without the watch",
            )
        )
        rows.append(
            Row(
                goal=19,
                name=f"CPU of {NUMBER:,} idle connections ({name}) that end with their token",
                limit=10,
                unit="ms each second",
                ours=_single(1000 * end["cpu"]),
                beside={"without the watch": _single(1000 * off["cpu"])},
                note=f"CPU time of the process, median of {_WINDOWS} windows of 2 s",
            )
        )
    return rows


def _single(value: float) -> Spread:
    return Spread(value, value, value)


def _in_a_process(kind: str, mode: str) -> dict[str, float]:
    command = [sys.executable, "-m", __name__, kind, mode]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return cast("dict[str, float]", json.loads(done.stdout))


async def _idle(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await receive()


def _scope(kind: str, token: str) -> dict[str, Any]:
    """Return a scope as uvicorn makes it."""
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "scheme": "http",
        "root_path": "",
        "path": "/events",
        "raw_path": b"/events",
        "query_string": b"",
        "method": "GET",
        "subprotocols": [],
        "headers": [*BROWSER, (b"authorization", b"Bearer " + token.encode())],
        "state": {},
    }


async def _open(kind: str, mode: str) -> dict[str, float]:
    issuer = make_issuer("ES256")
    tokens = [token_of(issuer, number=number) for number in range(_TOKENS)]
    app: Any = _idle
    if mode != "bare":
        app = GuardMiddleware(_idle, make_guard(issuer))
        for token in tokens:
            app.guard.verify(token)
    if mode == "unwatched":
        app._watcher.watch = lambda *_: None
    waiting = asyncio.Event()

    async def send(message: Any) -> None:
        pass

    async def connect(number: int) -> None:
        connected: list[bool] = []

        async def receive() -> Any:
            if kind == "websocket" and not connected:
                connected.append(True)
                return {"type": "websocket.connect"}
            await waiting.wait()
            raise AssertionError

        await app(_scope(kind, tokens[number % _TOKENS]), receive, send)

    tracemalloc.start(1)
    tasks = [asyncio.create_task(connect(number)) for number in range(NUMBER)]
    await asyncio.sleep(3)  # the first check is over
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0] / NUMBER
    tracemalloc.stop()
    windows = []
    for _ in range(_WINDOWS):
        started, used = time.monotonic(), time.process_time()
        await asyncio.sleep(_WINDOW_SECONDS)
        windows.append((time.process_time() - used) / (time.monotonic() - started))
    if any(task.done() for task in tasks):
        raise RuntimeError("a connection has ended")
    return {"bytes": taken, "cpu": statistics.median(windows)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_open(sys.argv[1], sys.argv[2]))), flush=True)
    os._exit(0)
