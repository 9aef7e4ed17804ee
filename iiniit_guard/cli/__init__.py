"""The command `iiniit-guard`."""

from __future__ import annotations


def main() -> None:
    """Run the command line; the console script calls this."""
    try:
        from iiniit_guard.cli.commands import commands
    except ModuleNotFoundError as missing:
        if missing.name != "click":
            raise
        raise SystemExit("iiniit-guard needs click: pip install 'iiniit-guard[sidecar]'") from None
    commands(prog_name="iiniit-guard")
