"""The command line itself: missing extras, completion, progress, and the development issuer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import httpx2
import pytest

from iiniit_guard.cli import main
from iiniit_guard.cli.commands import COMMANDS
from iiniit_guard.cli.progress import progress
from tests.unit.cli.running import run


def test_every_command_has_help():
    for name in COMMANDS:
        result = run(name, "--help")
        assert (result.exit_code, "Usage: iiniit-guard" in result.output) == (0, True)


def test_an_unknown_command_is_named():
    result = run("explian")

    assert result.exit_code == 2
    assert "No such command 'explian'" in result.output


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_the_completion_of_each_shell_is_printed(shell, monkeypatch):
    monkeypatch.setattr("click.shell_completion.BashComplete._check_version", lambda *_: None)
    result = run("completion", shell)

    assert result.exit_code == 0
    assert "_IINIIT_GUARD_COMPLETE" in result.output


def test_a_shell_completes_commands():
    environ = {
        **os.environ,
        "_IINIIT_GUARD_COMPLETE": "bash_complete",
        "COMP_WORDS": "iiniit-guard ro",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", "from iiniit_guard.cli import main; main()"],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "plain,routes\n"


@pytest.mark.parametrize(("arguments", "extra"), [(["serve"], "sidecar"), (["routes"], "cli")])
def test_a_missing_extra_is_named(monkeypatch, arguments, extra):
    monkeypatch.setattr(sys, "argv", ["iiniit-guard", *arguments])
    monkeypatch.setitem(sys.modules, "iiniit_guard.cli.commands", None)
    monkeypatch.setitem(sys.modules, "click", None)
    monkeypatch.delitem(sys.modules, "iiniit_guard.cli.commands")

    with pytest.raises(SystemExit, match=rf"pip install 'iiniit-guard\[{extra}\]'"):
        main()


def test_the_entry_point_runs_a_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["iiniit-guard", "--version"])

    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().out.startswith("iiniit-guard, version ")


class Terminal:
    def isatty(self):
        return True


def test_progress_is_shown_to_people_who_wait(monkeypatch):
    shown = []
    monkeypatch.setattr(click, "echo", lambda text, err: shown.append((text, err)))
    with progress("calling the issuer", 0):
        assert shown == []
    monkeypatch.setattr("iiniit_guard.cli.progress.sys", type("", (), {"stderr": Terminal()}))
    with progress("calling the issuer", 60):
        pass
    assert shown == []
    with progress("calling the issuer", 0):
        limit = time.monotonic() + 10
        while not shown and time.monotonic() < limit:
            time.sleep(0.01)
    assert shown == [("calling the issuer ...", True)]


class TestDevIssuer:
    def test_it_serves_until_it_is_stopped(self):
        command = [sys.executable, "-m", "iiniit_guard.cli", "dev-issuer", "--port", "0"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path.cwd()
        ) as process:
            assert process.stdout
            assert process.stderr
            url = process.stdout.readline().strip()
            lines = [process.stdout.readline() for _ in range(7)]
            found = httpx2.get(f"{url}/.well-known/oauth-authorization-server")
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
            assert process.stderr.read() == "stopped\n"
        assert found.json()["issuer"] == url
        assert f'issuer = "{url}"\n' in lines

    def test_its_output_is_shown_in_this_process(self, monkeypatch):
        from iiniit_guard.testing import IssuerServer

        def stop(server):
            signal.raise_signal(signal.SIGTERM)

        before = signal.getsignal(signal.SIGTERM)
        monkeypatch.setattr(IssuerServer, "serve", stop)
        try:
            result = run("dev-issuer", "--port", "0", "--audience", "https://x.test")
        finally:
            signal.signal(signal.SIGTERM, before)

        assert result.exit_code == 0
        assert 'audience = "https://x.test"' in result.output

    def test_only_loopback_addresses_are_accepted(self):
        result = run("dev-issuer", "--host", "0.0.0.0")

        assert result.exit_code == 2
        assert "is not a loopback address" in result.output

    def test_a_port_in_use_is_named(self):
        from iiniit_guard.testing import IssuerServer

        with IssuerServer() as server:
            port = server.url.rpartition(":")[2]
            result = run("dev-issuer", "--port", port)

        assert result.exit_code == 1
        assert f"port {port}: Address already in use; choose another --port" in result.output
