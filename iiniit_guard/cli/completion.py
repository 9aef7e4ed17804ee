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


@click.command()
@click.argument("shell", type=click.Choice(sorted(_SHELLS)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    r"""Print the completion of SHELL for commands and options.

    \b
    bash: iiniit-guard completion bash > ~/.local/share/bash-completion/completions/iiniit-guard
    zsh:  iiniit-guard completion zsh > "${fpath[1]}/_iiniit-guard"
    fish: iiniit-guard completion fish > ~/.config/fish/completions/iiniit-guard.fish
    """
    command = ctx.find_root().command
    made = _SHELLS[shell](command, {}, "iiniit-guard", "_IINIIT_GUARD_COMPLETE")
    click.echo(made.source())
