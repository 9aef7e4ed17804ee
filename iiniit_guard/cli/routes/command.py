"""`iiniit-guard routes`: list the routes of an application and find those without a guard."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import click

from iiniit_guard.cli.progress import progress
from iiniit_guard.cli.routes.find import routes_of
from iiniit_guard.cli.routes.formats import as_json, as_markdown, as_text
from iiniit_guard.cli.routes.route import Verdict, verdicts_of
from iiniit_guard.errors import GuardError


@click.command(
    "routes",
    short_help="List routes and find unguarded ones.",
    epilog="Exit status: 0; 1 with --check if a route is unguarded or fails at every request, or "
    "an exception matches none; 2 for a wrong command line.",
)
@click.argument("application", metavar="MODULE:APP")
@click.option(
    "--check",
    is_flag=True,
    help="Exit with 1 if a route is unguarded or always fails, or an exception unused.",
)
@click.option(
    "--format",
    "shape",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
)
@click.option(
    "--allow",
    multiple=True,
    metavar="PATTERN",
    help="An unguarded route that is intended: '/health', 'GET /static/*'; may be repeated.",
)
@click.option(
    "--allow-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with one such pattern a line; # begins a comment.",
)
def list_routes(
    application: str, check: bool, shape: str, allow: tuple[str, ...], allow_file: Path | None
) -> None:
    """List every route of an application with the policy that the guard applies.

    MODULE:APP is the application of Flask, Starlette or FastAPI, also inside middleware, or a
    function that makes it, MODULE:create_app(). For Django, MODULE is the settings module, and a
    module with urlpatterns if DJANGO_SETTINGS_MODULE is set.

    A route is unguarded if a request without a token reaches its handler and nothing declares that
    (@public, public=, a public rule, an optional token).
    """
    try:
        with progress(f"importing {application}"):
            routes = routes_of(application)
        found = [verdict for route in routes for verdict in verdicts_of(route)]
    except GuardError as error:
        raise click.ClickException(f"{application}: {error}") from error
    patterns = [*allow, *_lines(allow_file)]
    allowed = frozenset(
        place
        for place, verdict in enumerate(found)
        if verdict.state == "unguarded" and any(_matches(each, verdict) for each in patterns)
    )
    unused = [each for each in patterns if not any(_matches(each, found[n]) for n in allowed)]
    if shape == "json":
        click.echo(as_json(found, allowed, unused))
    else:
        click.echo((as_text if shape == "text" else as_markdown)(found, allowed))
    unguarded = len([each for each in found if each.state == "unguarded"]) - len(allowed)
    if check:
        _report(unguarded, len([each for each in found if each.is_fault]), unused)


def _report(unguarded: int, failing: int, unused: Sequence[str]) -> None:
    """Print why a check fails, and exit."""
    faults: list[str] = []
    if unguarded:
        faults.append(
            f"{unguarded} unguarded: guard the route, mark it @public or list it in public=, "
            "or allow it with --allow"
        )
    if failing:
        faults.append(f"{failing} failing at every request: correct what the list says about them")
    faults += [
        f"--allow {pattern!r} matches no unguarded route; remove it, or correct it"
        for pattern in unused
    ]
    for fault in faults:
        click.secho(f"error: {fault}", fg="red", err=True)
    if faults:
        raise SystemExit(1)


def _lines(file: Path | None) -> list[str]:
    if file is None:
        return []
    lines = [line.partition("#")[0].strip() for line in file.read_text("utf-8").splitlines()]
    return [line for line in lines if line]


def _matches(pattern: str, verdict: Verdict) -> bool:
    """Return whether a pattern names a row: its path, or its methods and its path."""
    words = pattern.split()
    if not fnmatchcase(verdict.route.path, words[-1]):
        return False
    methods = {name for word in words[:-1] for name in word.upper().split(",")}
    return not methods or (bool(verdict.route.methods) and methods >= set(verdict.route.methods))
