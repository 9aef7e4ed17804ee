"""Build the applications of the listeners, for `iiniit-guard serve` and other ASGI servers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from iiniit_guard.adapting.types import Members
from iiniit_guard.errors import needs_extra
from iiniit_guard.sidecar.runtime import NOTHING_MORE
from iiniit_guard.sidecar.settings.sidecar_settings import read_settings
from iiniit_guard.sidecar.sidecar import Sidecar

if TYPE_CHECKING:
    from iiniit_guard.asgi import Application, Receive, Scope, Send

Listener: TypeAlias = Literal["gateway", "public", "admin"]
LISTENERS: Final[tuple[Listener, ...]] = ("gateway", "public", "admin")
FILE_VARIABLE: Final = "IINIIT_GUARD_FILE"


def make_app(sidecar: Sidecar, listener: Listener) -> Application:
    """Create the application of one listener."""
    with needs_extra("sidecar", "iiniit_guard.sidecar"):
        if listener == "gateway":
            from iiniit_guard.sidecar.apps.gateway_app import GatewayApp

            return GatewayApp(sidecar)
        if listener == "public":
            from iiniit_guard.sidecar.apps.public_app import PublicApp

            return PublicApp(sidecar)
        from iiniit_guard.sidecar.apps.admin_app import AdminApp

        return AdminApp(sidecar)


def create_app(
    file: str | os.PathLike[str] | None = None,
    listener: Listener = "gateway",
    *,
    more: Members = NOTHING_MORE,
) -> Application:
    """Create the application of one listener, for any ASGI server.

    With uvicorn: `uvicorn --factory iiniit_guard.sidecar:create_app --no-proxy-headers`. The
    server must pass the peer address of the socket (uvicorn: `--no-proxy-headers`), support HTTP,
    and run the lifespan of the application.

    Args:
        file: Path of `guard.toml`. None means the path in the environment variable
            `IINIIT_GUARD_FILE`, or `guard.toml` in the current directory if it is not set.
        listener: The listener whose application is created.
        more: Additional keyword arguments of `Guard` that a file cannot express.

    Raises:
        SettingsError: The settings have faults. The exception lists all of them.
    """
    path = file if file is not None else os.environ.get(FILE_VARIABLE, "guard.toml")
    sidecar = Sidecar(lambda: read_settings(path), more=more)
    return WithLifespan(sidecar, make_app(sidecar, listener))


class WithLifespan:
    """An ASGI application that starts and stops the sidecar in the lifespan of its server.

    Attributes:
        sidecar: The sidecar that the application starts and stops.
    """

    def __init__(self, sidecar: Sidecar, app: Application) -> None:
        self.sidecar = sidecar
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one HTTP connection, or the lifespan of the server."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.sidecar.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.sidecar.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return
