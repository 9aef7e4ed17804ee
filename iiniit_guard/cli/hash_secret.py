"""`iiniit-guard hash-secret`: what `secret_hash` of a caller wants."""

from __future__ import annotations

import sys

import click


@click.command("hash-secret")
def hash_secret() -> None:
    """Hash a secret from standard input, for [[callers]] of guard.toml.

    One final line break is not part of the secret. To make one: openssl rand -hex 32
    """
    from iiniit_guard.sidecar.settings.introspection_clients import make_secret_hash

    secret = sys.stdin.read().removesuffix("\n")
    if not secret:
        raise click.ClickException("nothing came from standard input")
    click.echo(make_secret_hash(secret))
