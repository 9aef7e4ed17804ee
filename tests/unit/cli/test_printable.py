"""The output of the commands: no value of a token or a server can control the terminal."""

from __future__ import annotations

import sys

import pytest

from iiniit_guard.cli.doctor.command import _line
from iiniit_guard.cli.doctor.finding import Finding
from iiniit_guard.cli.printable import printable
from iiniit_guard.testing import Issuer
from tests.unit.cli.running import run

CONTROLS = "\x1b]0;title\x07\n\u202e\x9b"
ESCAPED = r"\x1b]0;title\x07\n\u202e\x9b"


@pytest.mark.parametrize("text", ["é ü", "", "a b"])
def test_printable_text_is_unchanged(text):
    assert printable(text) == text


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
