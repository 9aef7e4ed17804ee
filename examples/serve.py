"""Run one server process of the demo: `python -m examples.serve ROLE PORT`.

The port may be a Unix socket, `unix:/path`, for the role `plain`.

The first two roles read the settings file that DEMO_SETTINGS names. The process ends when its
standard input ends. The parent holds the other end of the pipe, so no server outlives the parent.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"


def authorization_server() -> Any:
    """Build the authorization server."""
    from examples.authorization_server import create_app
    from examples.authorization_server.settings import read_settings

    return create_app(read_settings(Path(os.environ["DEMO_SETTINGS"])))


def client_app() -> Any:
    """Build the client."""
    from examples.client_app import create_app
    from examples.client_app.settings import read_settings

    return create_app(read_settings(Path(os.environ["DEMO_SETTINGS"])))


def browser_app() -> Any:
    """Build the page whose script is the client, with its API."""
    from examples.browser_app import create_app

    return create_app(os.environ["IINIIT_GUARD_ISSUER"])


def flask_api() -> Any:
    """Build the profile API on Flask."""
    from examples.profile_api.flask_app import create_app

    return with_decisions(create_app, "beside_wsgi")


def django_api() -> Any:
    """Build the profile API on Django."""
    from examples.profile_api.django_app import create_app

    return with_decisions(create_app, "beside_wsgi")


def starlette_api() -> Any:
    """Build the profile API on Starlette."""
    from examples.profile_api.starlette_app import create_app

    return with_decisions(create_app, "beside_asgi")


def fastapi_api() -> Any:
    """Build the profile API on FastAPI."""
    from examples.profile_api.fastapi_app import create_app

    return with_decisions(create_app, "beside_asgi")


def plain_api() -> Any:
    """Build the profile API without a guard, for the gateway."""
    from examples.profile_api.plain_app import create_app

    return create_app()


def with_decisions(create_app: Callable[..., Any], beside: str) -> Any:
    """Build an API; with `DEMO_DECISIONS=1`, add the endpoint that explains step 7 of the demo."""
    from examples.decisions import Decisions
    from iiniit_guard import Guard

    if os.environ.get("DEMO_DECISIONS") != "1":
        return create_app()
    decisions = Decisions()
    return getattr(decisions, beside)(create_app(Guard.from_env(**decisions.listeners())))


def mcp_server() -> Any:
    """Build the profile API as an MCP server."""
    from examples.mcp_server import create_app

    return create_app()


def with_waitress(build: Callable[[], Any], port: int | str) -> None:
    """Serve a WSGI application with threads, on a port or at the path of a Unix socket."""
    import waitress

    # waitress warns about each request that waits for a thread, which is normal here.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    # clear_untrusted_proxy_headers is the default since waitress 4. Setting it avoids a warning.
    place = {"unix_socket": port} if isinstance(port, str) else {"host": HOST, "port": port}
    waitress.serve(build(), **place, threads=8, ident="", clear_untrusted_proxy_headers=True)


def with_gunicorn(build: Callable[[], Any], port: int) -> None:
    """Serve a WSGI application with one worker process, because the profiles are in its memory."""
    from gunicorn.app.base import BaseApplication

    class Application(BaseApplication):
        def load_config(self) -> None:
            settings = {
                "bind": f"{HOST}:{port}",
                "worker_class": "gthread",
                "threads": 8,
                "loglevel": "warning",
                "graceful_timeout": 2,
            }
            for name, value in settings.items():
                self.cfg.set(name, value)
            # The control socket is one file in the home directory, so two demos would conflict.
            if "control_socket_disable" in self.cfg.settings:
                self.cfg.set("control_socket_disable", True)

        def load(self) -> Any:
            return build()

    Application().run()


def with_uvicorn(build: Callable[[], Any], port: int) -> None:
    """Serve an ASGI application."""
    import uvicorn

    uvicorn.run(
        build(),
        host=HOST,
        port=port,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )


ROLES: dict[str, tuple[Callable[[], Any], Callable[[Callable[[], Any], Any], None]]] = {
    "authorization_server": (authorization_server, with_waitress),
    "client": (client_app, with_waitress),
    "browser": (browser_app, with_waitress),
    "flask": (flask_api, with_waitress),
    "django": (django_api, with_gunicorn),
    "starlette": (starlette_api, with_uvicorn),
    "fastapi": (fastapi_api, with_uvicorn),
    "plain": (plain_api, with_waitress),
    "mcp": (mcp_server, with_uvicorn),
}


def end_with_parent() -> None:
    """End this process when its standard input ends."""

    def wait() -> None:
        # Do not use sys.stdin: a thread that reads it holds a lock that the interpreter needs at
        # shutdown.
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True, name="end-with-parent").start()


def main() -> None:
    """Serve the role that the command line names."""
    role, place = sys.argv[1], sys.argv[2]
    build, serve = ROLES[role]
    end_with_parent()
    if serve is with_waitress:
        # waitress does not handle SIGTERM. SystemExit makes it shut down.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    socket_path = place.removeprefix("unix:")
    serve(build, int(place) if socket_path == place else socket_path)


if __name__ == "__main__":
    main()
