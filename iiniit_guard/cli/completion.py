"""`iiniit-guard completion`: print the shell function that completes commands and options."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

_SHELLS: Final[dict[str, type[ShellComplete]]] = {
    "bash": BashComplete,
    "fish": FishComplete,
    "zsh": ZshComplete,
}
# After \b, click keeps the line breaks of a paragraph.
_PLACES: Final = """\b
bash: DIR=~/.local/share/bash-completion/completions
      iiniit-guard completion bash > $DIR/iiniit-guard
zsh:  iiniit-guard completion zsh > "${fpath[1]}/_iiniit-guard"
fish: iiniit-guard completion fish > ~/.config/fish/completions/iiniit-guard.fish
"""


@click.command(short_help="Print the completion of a shell.", epilog=_PLACES)
@click.argument("shell", type=click.Choice(sorted(_SHELLS)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion of SHELL for commands and options."""
    command = ctx.find_root().command
    made = _SHELLS[shell](command, {}, "iiniit-guard", "_IINIIT_GUARD_COMPLETE")
    click.echo(made.source())
