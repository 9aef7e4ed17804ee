"""Applications under production servers, each in its own process."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.integration.servers.loopback import closed_port

ROOT: Final = Path(__file__).parents[3]
WSGI: Final = "tests.integration.faults.wsgi_app:app"
ASGI: Final = "tests.integration.faults.asgi_app:app"

SERVERS: Final[dict[str, Sequence[str]]] = {
    "gunicorn sync": (
        "gunicorn",
        "--worker-class",
        "sync",
        "--workers",
        "1",
        "--bind",
        "127.0.0.1:{port}",
        WSGI,
    ),
    "gunicorn threads": (
        "gunicorn",
        "--worker-class",
        "gthread",
        "--threads",
        "8",
        "--bind",
        "127.0.0.1:{port}",
        WSGI,
    ),
    "waitress": ("waitress", "--threads", "8", "--listen", "127.0.0.1:{port}", WSGI),
    "uvicorn": ("uvicorn", "--log-level", "warning", "--port", "{port}", ASGI),
    "uvicorn h11 asyncio": (
        "uvicorn",
        "--log-level",
        "warning",
        "--http",
        "h11",
        "--loop",
        "asyncio",
        "--port",
        "{port}",
        ASGI,
    ),
    "hypercorn": ("hypercorn", "--bind", "127.0.0.1:{port}", ASGI),
}
PRELOADED: Final = (
    "gunicorn",
    "--preload",
    "--workers",
    "3",
    "--threads",
    "4",
    "--bind",
    "127.0.0.1:{port}",
    WSGI,
)
CROWDED: Final[dict[str, Sequence[str]]] = {
    "gunicorn threads": (
        "gunicorn",
        "--worker-class",
        "gthread",
        "--threads",
        "200",
        "--bind",
        "127.0.0.1:{port}",
        WSGI,
    ),
    "waitress": ("waitress", "--threads", "200", "--listen", "127.0.0.1:{port}", WSGI),
    "uvicorn": SERVERS["uvicorn"],
}


@dataclass(frozen=True)
class Reply:
    """A response as a client received it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def document(self) -> dict[str, Any]:
        """The body as JSON."""
        document: dict[str, Any] = json.loads(self.body)
        return document


class Serving:
    """A running server process."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    def get(self, token: str | None = None, path: str = "/me", timeout: float = 20) -> Reply:
        """Make one request on a connection of its own."""
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(
                "GET", path, headers={} if token is None else {"Authorization": f"Bearer {token}"}
            )
            got = connection.getresponse()
            body = got.read()
        finally:
            connection.close()
        return Reply(
            got.status,
            {name.lower(): value for name, value in got.getheaders()},
            body,
            time.monotonic() - started,
        )

    def get_all(self, tokens: Sequence[str], at_once: int = 1_000) -> list[Reply]:
        """Make one request for each token, `at_once` at the same time, each on a connection of its
        own.
        """
        return asyncio.run(_get_all(self.port, tokens, at_once))

    def show_stacks(self) -> None:
        """Make the application print the stack of each thread; the test then fails with that
        output.
        """
        self.process.send_signal(signal.SIGUSR1)
        time.sleep(1)

    @property
    def memory_bytes(self) -> int:
        """Resident memory of the process."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024


@contextlib.contextmanager
def serving(
    command: Sequence[str], environment: Mapping[str, str], *, may_complain: bool = False
) -> Iterator[Serving]:
    """Run a server, and stop it as an operator does. It must exit immediately and log no
    complaints, unless they are allowed.
    """
    port = closed_port()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", *(part.format(port=port) for part in command)],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "LANG": "C.UTF-8",
                "PYTHONUNBUFFERED": "1",
                **environment,
            },
            stdout=said,
            stderr=said,
        )
        try:
            running = Serving(process, port)
            _wait_until_it_answers(running)
            yield running
            process.send_signal(signal.SIGTERM)
            process.wait(10)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            said.seek(0)
            words = said.read().decode()
    if not may_complain and any(
        word in words for word in ("Traceback", "Warning", "Exception", "Current thread")
    ):
        raise AssertionError(words)


def _wait_until_it_answers(running: Serving) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            if running.get(path="/healthz").status == 200:
                return
        except OSError:
            if time.monotonic() > deadline or running.process.poll() is not None:
                raise
            time.sleep(0.05)


async def _get_all(port: int, tokens: Sequence[str], at_once: int) -> list[Reply]:
    places = asyncio.Semaphore(at_once)

    async def get(token: str) -> Reply:
        async with places:
            started = time.monotonic()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(
                    (
                        f"GET /me HTTP/1.1\r\nHost: api.example\r\nAuthorization: Bearer "
                        f"{token}\r\nConnection: close\r\n\r\n"
                    ).encode()
                )
                raw = await reader.read()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
            head, _, body = raw.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines)
            }
            return Reply(int(first.split()[1]), headers, body, time.monotonic() - started)

    return await asyncio.gather(*map(get, tokens))
