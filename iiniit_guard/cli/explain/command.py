"""`iiniit-guard explain`: every check of one token, with the one that refused it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal

import click

from iiniit_guard.cli.explain.explanation import explain
from iiniit_guard.cli.explain.formats import as_json, as_text
from iiniit_guard.cli.observed import observed
from iiniit_guard.cli.progress import progress
from iiniit_guard.cli.settings_source import Source, faults_text, read_settings, settings_option
from iiniit_guard.core.jose.encodings import parse_object
from iiniit_guard.core.model.policy import Policy, make_policy
from iiniit_guard.errors import GuardError, SettingsError

_EXIT: Final = {"accepted": 0, "refused": 1, "undecided": 3}


@click.command(
    "explain",
    short_help="Show why a token is accepted or refused.",
    epilog="Exit status: 0 if the token is accepted; 1 if it is refused; 2 for a wrong command "
    "line or wrong settings; 3 if it cannot be decided without a call, or in an outage.",
)
@settings_option
@click.option(
    "--jwks",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="A file with the key set of the issuer, in place of its own keys.",
)
@click.option("--fetch", is_flag=True, help="Call the issuer for metadata, keys and introspection.")
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="A required scope.")
@click.option("--any-scope", multiple=True, metavar="SCOPE", help="One of these is required.")
@click.option("--acr", multiple=True, metavar="VALUE", help="An acceptable acr (RFC 9470).")
@click.option("--max-age", type=int, metavar="SECONDS", help="Of the authentication (RFC 9470).")
@click.option(
    "--at",
    metavar="TIME",
    help="Decide as at this time: 2026-01-31T12:00:00Z, or seconds since the epoch.",
)
@click.option("--json", "shows_json", is_flag=True, help="Print a JSON object.")
def explain_command(
    place: str | None,
    jwks: str | None,
    fetch: bool,
    scopes: tuple[str, ...],
    any_scope: tuple[str, ...],
    acr: tuple[str, ...],
    max_age: int | None,
    at: str | None,
    shows_json: bool,
) -> None:
    """Explain why the guard accepts or refuses a token.

    The token comes from standard input, or from a prompt that does not show it. It is never an
    argument: other users of a machine can read the arguments of a process. It is not printed.

    The guard's own code decides, with empty caches. No network is used without --fetch.
    """
    try:
        source = read_settings(place)
        policy = _policy(scopes, any_scope, acr, max_age)
    except SettingsError as error:
        raise click.UsageError(faults_text(error)) from None
    except GuardError as error:
        raise click.UsageError(str(error)) from None
    resource, observer = observed(
        source.settings,
        may_call=fetch,
        transport=None if fetch else source.transport,
        jwks_file=jwks,
        wall=_wall(at, source),
    )
    token = _read_token()
    with progress("calling the issuer"):
        try:
            explanation = explain(token, resource, observer, policy)
        except GuardError as error:
            raise click.ClickException(str(error)) from error
        finally:
            observer.runner.close()
    if shows_json:
        click.echo(json.dumps({"settings": source.name, **as_json(explanation)}, indent=2))
    else:
        click.echo(as_text(explanation, source.name))
    raise SystemExit(_EXIT[explanation.verdict])


def _policy(
    scopes: tuple[str, ...], any_scope: tuple[str, ...], acr: tuple[str, ...], max_age: int | None
) -> Policy:
    if scopes and any_scope:
        raise click.UsageError("--scope and --any-scope exclude each other")
    wanted = [name for text in scopes or any_scope for name in text.split()]
    match: Literal["all", "any"] = "any" if any_scope else "all"
    return make_policy(wanted, match=match, acr_values=acr, max_age=max_age)


def _wall(at: str | None, source: Source) -> Callable[[], float]:
    if at is None:
        return source.wall or time.time
    try:
        moment = float(at)
    except ValueError:
        try:
            read = datetime.fromisoformat(at)
        except ValueError:
            raise click.UsageError(
                "--at: must be a time such as 2026-01-31T12:00:00Z, or seconds since the epoch"
            ) from None
        moment = (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    return lambda: moment


def _read_token() -> str:
    """Return the token without white space around it, and without its scheme.

    A token response is accepted too: its `access_token` is the token (RFC 6749 §5.1).

    Raises:
        UsageError: Standard input has no token.
    """
    if sys.stdin.isatty():
        text = click.prompt("Token (not shown)", hide_input=True, err=True)
    else:
        text = sys.stdin.read()
    response = parse_object(text.strip().encode("utf-8", "replace"))
    words = text.split() if response is None else str(response.get("access_token", "")).split()
    if words and words[0].lower() == "authorization:":
        words = words[1:]
    if len(words) == 2 and words[0].lower() == "bearer":
        words = words[1:]
    if not words:
        raise click.UsageError("standard input has no token; pass the token on it")
    return " ".join(words)
