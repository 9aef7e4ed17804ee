"""The output of the commands: no value of a token or a server can control the terminal."""

from __future__ import annotations

import io
import re
import sys
from contextlib import redirect_stdout

import pytest

from iiniit_guard.cli.doctor.command import _line
from iiniit_guard.cli.doctor.finding import Finding
from iiniit_guard.cli.explain.explanation import Explanation, Step
from iiniit_guard.cli.explain.formats import as_text
from iiniit_guard.cli.printable import fits, folded, printable
from iiniit_guard.testing import Issuer
from tests.unit.cli.running import run

CONTROLS = "\x1b]0;title\x07\n\u202e\x9b"
ESCAPED = r"\x1b]0;title\x07\n\u202e\x9b"


@pytest.mark.parametrize("text", ["é ü", "", "a b"])
def test_printable_text_is_unchanged(text):
    assert printable(text) == text


class Terminal(io.StringIO):
    """An output that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def on_terminal(monkeypatch):
    """Return a function that calls another one with a terminal of some columns as its output.

    pytest replaces the output at the beginning of a test, so a fixture cannot.
    """

    def call(function, *arguments, columns=60):
        monkeypatch.setenv("COLUMNS", str(columns))
        with redirect_stdout(Terminal()):
            return function(*arguments)

    return call


LONG = "area  " + "word " * 20 + "https://auth.example/" + "x" * 80


def test_a_file_gets_one_line():
    assert folded(LONG, 6) == LONG
    assert fits(LONG)


def test_a_terminal_gets_lines_that_fit(on_terminal):
    lines = on_terminal(folded, LONG, 6).splitlines()

    assert len(lines) > 3
    assert max(map(len, lines)) <= 60
    assert all(line.startswith(" " * 6) and line[6] != " " for line in lines[1:])
    assert "".join("".join(lines).split()) == "".join(LONG.split())
    assert on_terminal(fits, "x" * 60)
    assert not on_terminal(fits, "x" * 61)
    assert on_terminal(folded, "short", 6) == "short"


def test_a_narrow_terminal_gets_lines_of_some_width(on_terminal):
    lines = on_terminal(folded, LONG, 6, columns=10).splitlines()

    assert max(map(len, lines)) == 46


def test_an_explanation_fits_a_terminal(on_terminal):
    steps = (
        Step("format", "token", "passed", "3 parts", "a JWT of three parts, or an opaque token"),
        Step("algorithm", "token", "passed", "ES256", "ES256"),
        Step("audience", "token", "refused", "x" * 80, "https://api.example"),
    )
    found = Explanation("refused", 401, "wrong_audience", steps, LONG, LONG, None)
    text = on_terminal(as_text, found, "guard.toml")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()

    assert max(map(len, lines)) <= 60
    assert "✓   format     3 parts" in lines
    assert "               [a JWT of three parts, or an opaque token]" in lines
    assert "✓   algorithm  ES256  [ES256]" in lines


def test_a_finding_is_printable():
    """A proxy, or a server in between, writes the field Server of an answer."""
    lines = _line(Finding("proxies", "fault", CONTROLS, CONTROLS, CONTROLS)).splitlines()

    assert [line.count(ESCAPED) for line in lines] == [2, 1]


def test_the_values_of_a_token_are_printable(monkeypatch):
    """A user may choose the subject."""
    issuer = Issuer()
    module = type(sys)("put")
    vars(module)["guard"] = guard = issuer.guard()
    monkeypatch.setitem(sys.modules, "put", module)
    token = issuer.token(subject=CONTROLS, client_id=CONTROLS)
    with guard:
        result = run("explain", "--settings", "put:guard", text=token)

    assert f"subject={ESCAPED} client={ESCAPED} scopes=" in result.output
    assert {"\x1b", "\x07", "\u202e", "\x9b"}.isdisjoint(result.output)
