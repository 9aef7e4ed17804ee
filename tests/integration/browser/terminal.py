"""A command of `iiniit-guard` in a terminal, and its output as a page."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from html import escape
from pathlib import Path
from typing import Final

APPS: Final = Path(__file__).parents[2] / "unit" / "cli" / "apps"
COLUMNS: Final = 104
_CLASSES: Final = {
    "1": "bold",
    "2": "dim",
    "22": "normal",
    "31": "red",
    "32": "green",
    "33": "yellow",
}
_STYLE: Final = """
body { margin: 0; background: #16181d; }
pre { margin: 0; padding: 16px 20px; font: 13px/1.5 "DejaVu Sans Mono", monospace;
      color: #d7dae0; background: #16181d; width: fit-content; white-space: pre; }
b { color: #fff; } .bold { font-weight: 700; } .normal { font-weight: 400; }
.dim { color: #98a0ad; }
.red { color: #ff7b72; } .green { color: #56d364; } .yellow { color: #e3b341; }
"""


# The sample application makes its keys anew in each process, so the token comes from the same one.
_LAUNCH: Final = """
import io, sys
from shop_guard import TOKENS
sys.stdin = io.StringIO(TOKENS[sys.argv.pop(1)]())
from iiniit_guard.cli import main
main()
"""
_COLOUR_VARIABLES: Final = {"NO_COLOR", "FORCE_COLOR"}
_PATH: Final = os.pathsep.join([str(APPS), str(Path(__file__).parents[3])])


def shown(command: str, token: str, **environment: str) -> str:
    """Return what a command writes to a terminal of `COLUMNS` columns.

    Args:
        command: Without the name of the program.
        token: The name of the token that its standard input contains.
        environment: Further variables.
    """
    ours, theirs = pty.openpty()
    plain = {name: value for name, value in os.environ.items() if name not in _COLOUR_VARIABLES}
    with subprocess.Popen(
        [sys.executable, "-c", _LAUNCH, token, *command.split()],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        cwd=APPS,
        env={**plain, "COLUMNS": str(COLUMNS), "PYTHONPATH": _PATH, **environment},
    ):
        os.close(theirs)
        output = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return output.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux reports the end of the other side so
        return b""


def page(prompt: str, output: str) -> str:
    """Return a page that shows a prompt and the output below it, with its colours."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Terminal</title>'
        f"<style>{_STYLE}</style>"
        f"<pre><b>$ {escape(prompt)}</b>\n{_coloured(output.rstrip())}</pre></html>"
    )


def _coloured(output: str) -> str:
    parts, classes = [], list[str]()
    for index, part in enumerate(re.split(r"\x1b\[([0-9;]*)m", output)):
        if index % 2:
            codes = part.split(";")
            classes = [] if codes == ["0"] else [*classes, *(_CLASSES[code] for code in codes)]
        elif part:
            parts.append(f'<span class="{" ".join(classes)}">{escape(part)}</span>')
    return "".join(parts)
