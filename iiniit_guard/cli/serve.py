"""`iiniit-guard serve`: run the guard as a separate process for API gateways."""

from __future__ import annotations

import logging
import signal
from pathlib import Path

import click

from iiniit_guard.adapting.types import JsonObject


@click.command(short_help="Decide for an API gateway.")
@click.option(
    "--config",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    default="guard.toml",
    show_default=True,
    help="Settings.",
)
@click.option(
    "--bind",
    multiple=True,
    metavar="PLACE",
    help="For the gateway: host:port or unix:/path; may be repeated.",
)
@click.option(
    "--public-bind",
    multiple=True,
    metavar="PLACE",
    help="For clients and upstreams: metadata and /jwks.",
)
@click.option(
    "--admin-bind", multiple=True, metavar="PLACE", help="For operators: status page and metrics."
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes.")
def serve(
    file: Path,
    bind: tuple[str, ...],
    public_bind: tuple[str, ...],
    admin_bind: tuple[str, ...],
    workers: int | None,
) -> None:
    """Serve authorization decisions to an API gateway.

    Command-line options override [server] in the settings file. SIGHUP reloads the file. SIGTERM
    stops the process after the requests in progress have completed.
    """
    from iiniit_guard.errors import SettingsError, needs_extra
    from iiniit_guard.sidecar.settings.listeners import bind_fault

    with needs_extra("sidecar", "iiniit-guard serve"):
        from iiniit_guard.sidecar.server.start import serve as serve_until_stopped
        from iiniit_guard.sidecar.server.worker import LOG_FORMAT

    # By default SIGHUP terminates the process. Block it until its handler is installed.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    overrides: JsonObject = {
        "bind": bind,
        "public_bind": public_bind,
        "admin_bind": admin_bind,
        "workers": workers,
    }
    for place in (*bind, *public_bind, *admin_bind):
        if (fault := bind_fault(place)) is not None:
            raise click.UsageError(fault)
    try:
        serve_until_stopped(file, {name: value for name, value in overrides.items() if value})
    except SettingsError as error:
        raise click.ClickException(
            "\n".join(["the settings have faults:", *(f"  {fault}" for fault in error.faults)])
        ) from None
