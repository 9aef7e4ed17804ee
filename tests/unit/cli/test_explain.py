"""`iiniit-guard explain`: where the token comes from, what is called, and what is never shown."""

from __future__ import annotations

import json
import sys

import click
import pytest

from iiniit_guard.cli.explain.words import number, time_text, value
from iiniit_guard.testing import Issuer, SettableClock, make_key
from tests.unit.cli.running import run


@pytest.fixture
def issuer():
    return Issuer("https://auth.example", "https://api.example", clock=SettableClock(1.8e9))


@pytest.fixture
def place(issuer, monkeypatch):
    """Return where the guard of a test is, for `--settings`."""
    made = []

    def put(guard):
        module = type(sys)("put")
        vars(module)["app"] = app = type(sys)("app")
        vars(app)["guard"] = guard
        monkeypatch.setitem(sys.modules, "put", module)
        made.append(guard)
        return "put:app"

    yield put
    for guard in made:
        guard.close()


@pytest.fixture
def settings_file(tmp_path, issuer):
    file = tmp_path / "guard.toml"
    file.write_text('issuer = "https://auth.example"\naudience = "https://api.example"\n')
    return file


@pytest.fixture
def jwks_file(tmp_path, issuer):
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(issuer.jwk_set()))
    return file


@pytest.mark.parametrize(
    "form", ["{}", "Bearer {}\n", "  authorization: bearer {}  ", "\n{}\n\n", "JSON {}"]
)
def test_the_token_may_have_its_scheme(issuer, settings_file, jwks_file, form):
    token = issuer.token()
    text = form.format(token)
    if form.startswith("JSON"):
        text = json.dumps({"access_token": token, "token_type": "Bearer"})
    arguments = ("--settings", str(settings_file), "--jwks", str(jwks_file), "--at", "1800000000")
    result = run("explain", *arguments, text=text)

    assert result.exit_code == 0
    assert "accepted" in result.output


def test_the_default_file_is_guard_toml(settings_file, monkeypatch, issuer):
    monkeypatch.chdir(settings_file.parent)
    result = run("explain", text=issuer.token())

    assert result.exit_code == 3
    assert result.output.startswith("settings  guard.toml\n")


def test_the_environment_is_used_without_a_file(tmp_path, monkeypatch, issuer):
    monkeypatch.chdir(tmp_path)
    assert "there are no settings" in run("explain", text="x").output
    monkeypatch.setenv("IINIIT_GUARD_ISSUER", "https://auth.example")
    monkeypatch.setenv("IINIIT_GUARD_AUDIENCE", "https://api.example")
    result = run("explain", text=issuer.token())

    assert result.output.startswith("settings  the variables IINIIT_GUARD_*\n")


def test_faults_of_settings_are_listed(tmp_path):
    file = tmp_path / "guard.toml"
    file.write_text('issuer = "x"\nodd = 1\n')
    result = run("explain", "--settings", str(file), text="x")

    assert result.exit_code == 2
    assert "odd: unknown setting" in result.output
    assert "audience: required" in result.output


def test_without_fetch_no_call_is_made(issuer, settings_file, monkeypatch):
    monkeypatch.setattr("socket.create_connection", None)
    monkeypatch.setattr("socket.getaddrinfo", None)
    result = run("explain", "--settings", str(settings_file), "--json", text=issuer.token())

    assert result.exit_code == 3
    found = json.loads(result.output)
    assert (found["verdict"], found["summary"][:16]) == ("undecided", "no call was made")
    assert "--jwks FILE" in found["cure"]


def test_with_fetch_the_issuer_is_called(settings_file):
    settings_file.write_text('issuer = "http://127.0.0.1:1"\naudience = "a"\n')
    token = Issuer("http://127.0.0.1:1", "a").token()
    result = run("explain", "--settings", str(settings_file), "--fetch", text=token)

    assert result.exit_code == 3
    assert "no call was made" not in result.output
    assert "ConnectionRefusedError" in result.output


def test_an_application_that_breaks_the_rules_is_named(issuer, place):
    guard = issuer.guard(issuer_resolver=lambda request: 1)
    result = run("explain", "--settings", place(guard), text=issuer.token())

    assert result.exit_code == 1
    assert "issuer_resolver must return" in result.output


def test_neither_the_token_nor_its_signature_is_shown(issuer, settings_file, jwks_file):
    forged = issuer.token(sign_with=make_key("ES256", "x"), header={"kid": "es256-1"})
    for token in (issuer.token(), forged, issuer.opaque_token()):
        for flag in ((), ("--json",)):
            arguments = ("--settings", str(settings_file), "--jwks", str(jwks_file), *flag)
            output = run("explain", *arguments, text=token).output
            assert token not in output
            assert token.rpartition(".")[2] not in output


def test_the_refusing_check_is_red(issuer, settings_file, jwks_file):
    files = ("--settings", str(settings_file), "--jwks", str(jwks_file), "--at", "1800000000")
    result = run("explain", *files, text=issuer.token(expires_in=-9), color=True)

    assert "\x1b[31m\x1b[1m✗   exp" in result.output


def test_on_a_terminal_the_token_is_asked_for(settings_file, monkeypatch):
    class Terminal:
        def isatty(self):
            return True

    asked = {}

    def prompt(text, **settings):
        asked.update(settings)
        return "abc"

    monkeypatch.setattr(click, "prompt", prompt)
    monkeypatch.setattr("iiniit_guard.cli.explain.command.sys.stdin", Terminal(), raising=False)
    from iiniit_guard.cli.explain import command

    monkeypatch.setattr(command, "sys", type("", (), {"stdin": Terminal()}))
    result = run("explain", "--settings", str(settings_file))

    assert result.exit_code == 1
    assert asked["hide_input"]


def test_values_are_short_and_escaped():
    assert value(["a", "\x1b"]) == '["a", "\\x1b"]'
    assert value(["a"] * 11).endswith('"a", ...]')
    assert (value(True), value(None), value(1.5), value(3)) == ("true", "none", "1.5", "3")
    assert (value({}), value([1])) == ("a JSON object", "a JSON array")
    assert number(2, "key") == "2 keys"


def test_times_are_shown_with_their_distance():
    assert time_text(1.8e9 + 200_000, 1.8e9) == "2027-01-17T15:33:20Z (in 2 d)"
    assert time_text(1.8e9 - 90, 1.8e9) == "2027-01-15T07:58:30Z (90 s ago)"
    assert time_text("x", 1.8e9) == '"x"'
    assert time_text(1e300, 1.8e9) == "1e+300"
    assert time_text(None, 1.8e9) == "(absent)"
