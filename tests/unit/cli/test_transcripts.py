"""Transcripts: a command, its output and its exit status, as a user sees them.

`WRITE_TRANSCRIPTS=1` rewrites the files. Read their difference before a commit.
"""

from __future__ import annotations

import os
import shlex
from importlib import import_module

import pytest

from iiniit_guard.cli.commands import COMMANDS
from tests.unit.cli.running import HERE, run

FILES = sorted((HERE / "transcripts").glob("*.txt"))


def played(command: str) -> str:
    """Return the transcript of a command line, `token NAME | iiniit-guard ...`."""
    first, pipe, second = command.partition(" | ")
    words = shlex.split(second if pipe else first)
    assert words[0] == "iiniit-guard"
    text = import_module("shop_guard").TOKENS[first.split()[1]]() if pipe else ""
    result = run(*words[1:], text=text)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    lines = [f"$ {command}", *result.output.splitlines(), f"(exit status {result.exit_code})"]
    return "\n".join(line.rstrip() for line in lines) + "\n"


# The texts of click differ from release to release, so only a checkout has exactly these.
ROWS = [
    pytest.param(
        file, id=file.stem, marks=[pytest.mark.checkout] if file.stem.startswith("help") else []
    )
    for file in FILES
]


@pytest.mark.parametrize("file", ROWS)
def test_a_command_shows_what_its_transcript_shows(file):
    written = file.read_text(encoding="utf-8")
    shown = played(written.partition("\n")[0].removeprefix("$ "))
    if os.environ.get("WRITE_TRANSCRIPTS"):
        file.write_text(shown, encoding="utf-8")
    assert shown == written


def test_each_command_has_a_transcript():
    names = {file.stem.partition("-")[0] for file in FILES}
    assert names >= {"doctor", "explain", "help", "routes"}
    helped = {file.stem.removeprefix("help-") for file in FILES if file.stem.startswith("help-")}
    assert helped == set(COMMANDS)
