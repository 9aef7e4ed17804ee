"""The command-line interface `iiniit-guard`."""

from __future__ import annotations


def main() -> None:
    """Run the command line. This is the entry point of the console script."""
    import sys

    from iiniit_guard.errors import MissingExtra, needs_extra

    # The extra of `serve` contains the one of the other commands.
    extra = "sidecar" if sys.argv[1:2] == ["serve"] else "cli"
    try:
        with needs_extra(extra, "iiniit-guard"):
            from iiniit_guard.cli.commands import commands
        commands(prog_name="iiniit-guard")
    except MissingExtra as missing:
        raise SystemExit(str(missing)) from missing
