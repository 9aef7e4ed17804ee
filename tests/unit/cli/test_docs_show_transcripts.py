"""The documentation shows the transcripts that the commands really print.

`WRITE_TRANSCRIPTS=1` rewrites the blocks.
"""

from __future__ import annotations

import os
import re

import pytest

from tests.unit.cli.running import HERE

DOCS = HERE.parents[2] / "docs"
PAGES = [
    *(DOCS / "how-to" / f"{name}.md" for name in ("check-routes", "explain-a-refusal", "doctor")),
    DOCS / "reference" / "cli.md",
]
BLOCK = re.compile(r"^```text\n(\$ [^\n]*)\n.*?^```$", re.MULTILINE | re.DOTALL)
STATUS = re.compile(r"\(exit status (\d+)\)\n$")
TRANSCRIPTS = {
    text.partition("\n")[0]: text
    for file in sorted((HERE / "transcripts").glob("*.txt"))
    for text in [file.read_text(encoding="utf-8")]
}


def block_of(command: str) -> str:
    """Return the block of a command; a status other than 0 is shown."""
    text = TRANSCRIPTS[command]
    status = STATUS.search(text)
    assert status is not None
    shown = text if status[1] != "0" else text[: status.start()]
    return f"```text\n{shown.rstrip()}\n```"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_block_is_a_transcript(page):
    written = page.read_text(encoding="utf-8")
    shown = BLOCK.sub(lambda found: block_of(found[1]), written)
    if os.environ.get("WRITE_TRANSCRIPTS"):
        page.write_text(shown, encoding="utf-8")
    assert "```text\n$ " in shown
    assert shown == written
