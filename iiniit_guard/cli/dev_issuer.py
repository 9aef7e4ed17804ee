"""`iiniit-guard dev-issuer`: an authorization server for development on this machine."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import click


@click.command("dev-issuer", short_help="Serve an issuer for development.")
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8765, show_default=True, help="0: a free one."
)
@click.option(
    "--audience", default="https://api.test", show_default=True, help="The audience of the tokens."
)
@click.option(
    "--algorithm",
    type=click.Choice(["ES256", "RS256", "PS256", "EdDSA"]),
    default="ES256",
    show_default=True,
)
def dev_issuer(host: str, port: int, audience: str, algorithm: str) -> None:
    """Serve an authorization server for development and for tests in any language.

    It has discovery, /jwks, /token (client credentials), /introspect, /revoke, /control (failures),
    and a page on which people get tokens. It issues any token to any client, so it accepts
    connections from this machine only, and requests only to its own address. Keys and tokens end
    with the process.

    The first line of the output is the issuer identifier. The settings of a guard follow.
    """
    from iiniit_guard.testing.page import settings_text
    from iiniit_guard.testing.server import IssuerServer

    try:
        server = IssuerServer(audience, host=host, port=port, algorithm=algorithm)
    except ValueError as error:
        raise click.UsageError(f"--host: {error}") from None
    except OSError as error:
        raise click.ClickException(
            f"port {port}: {error.strerror}; choose another --port"
        ) from None
    signal.signal(signal.SIGTERM, _stop)
    click.echo(server.url)
    click.echo("")
    click.echo(settings_text(server.issuer))
    click.echo(f"Open {server.url}/ for a token. Ctrl+C stops the issuer.")
    sys.stdout.flush()
    try:
        server.serve()
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
    finally:
        server.close()


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
