"""Run one server process: listeners on uvicorn, signal handlers, and graceful shutdown."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import uvicorn

from iiniit_guard.sidecar.apps.build import Listener, make_app
from iiniit_guard.sidecar.server.connection_limits import Bounds, make_bounds

if TYPE_CHECKING:
    from iiniit_guard.asgi import Application
    from iiniit_guard.sidecar.sidecar import Sidecar

# The gateway must close idle connections before the guard does, or a request could meet a closed
# connection. Gateways keep them for less time (nginx: 60 s), or retry (Envoy: 1 h).
_KEEP_ALIVE_SECONDS: Final = 120
_log: Final = logging.getLogger("iiniit_guard.sidecar")


class Server(uvicorn.Server):
    """A uvicorn server that leaves signal handling to `work`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers."""
        yield


def protocol_type(bounds: Bounds) -> type[asyncio.Protocol]:
    """Create the protocol class of a listener, with its connection limits.

    The class uses httptools if it is installed, and h11 otherwise.
    """
    if find_spec("httptools"):
        from iiniit_guard.sidecar.server.protocol import BoundedHttpTools

        return type("Protocol", (BoundedHttpTools,), {"bounds": bounds})
    from iiniit_guard.sidecar.server.protocol_h11 import BoundedH11

    return type("Protocol", (BoundedH11,), {"bounds": bounds})


def make_server(app: Application, listener: Listener, stop_seconds: float) -> Server:
    """Create a uvicorn server. The peer address is the one of the socket, never one in a header."""
    bounds = make_bounds(listener, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    config = uvicorn.Config(
        app,
        http=protocol_type(bounds),
        backlog=bounds.backlog,
        ws="none",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        access_log=False,
        log_config=None,
        log_level="error",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(stop_seconds),
    )
    return Server(config)


async def work(
    sidecar: Sidecar, sockets: Mapping[Listener, list[socket.socket]], *, parent: int | None = None
) -> None:
    """Serve until SIGTERM or SIGINT. SIGHUP reloads the settings.

    Args:
        sidecar: The sidecar of this process.
        sockets: The sockets of each listener. They are closed on shutdown.
        parent: A file descriptor. The process stops when it becomes readable or is closed at the
            other end.
    """
    loop = asyncio.get_running_loop()
    stop_seconds = sidecar.current.settings.stop_seconds
    servers = {
        listener: make_server(make_app(sidecar, listener), listener, stop_seconds)
        for listener in sockets
    }
    reloads: set[asyncio.Task[bool]] = set()

    def stop() -> None:
        if parent is not None:
            loop.remove_reader(parent)
        sidecar.drain()
        for server in servers.values():
            server.force_exit = server.should_exit  # a second signal skips the graceful shutdown
            server.should_exit = True

    def reload() -> None:
        task = loop.create_task(sidecar.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, reload)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    if parent is not None:
        loop.add_reader(parent, stop)
    await sidecar.start()
    try:
        await asyncio.gather(
            *(server.serve(sockets[listener]) for listener, server in servers.items())
        )
    finally:
        await sidecar.stop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
    _log.info("stopped")


def run(
    sidecar: Sidecar, sockets: Mapping[Listener, list[socket.socket]], *, parent: int | None = None
) -> None:
    """Run `work` on a new event loop, which is uvloop's if uvloop is installed."""
    factory = None
    if find_spec("uvloop"):
        import uvloop

        factory = uvloop.new_event_loop
    gc.collect()
    gc.freeze()  # modules and settings live until the process ends: exclude them from collections
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work(sidecar, sockets, parent=parent))
