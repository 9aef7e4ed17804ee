"""`iiniit-guard hash-secret`: print a value for `secret_hash` of an introspection client."""

from __future__ import annotations

import sys

import click


@click.command("hash-secret", short_help="Hash a secret for guard.toml.")
def hash_secret() -> None:
    """Hash a secret from standard input, for [[introspection_clients]] in guard.toml.

    One trailing line break is stripped. To generate a secret, run: openssl rand -hex 32
    """
    from iiniit_guard.sidecar.settings.introspection_clients import make_secret_hash

    secret = sys.stdin.read().removesuffix("\n")
    if not secret:
        raise click.ClickException("standard input is empty; pass the secret on it")
    click.echo(make_secret_hash(secret))
