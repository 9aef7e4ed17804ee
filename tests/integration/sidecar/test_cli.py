"""The command line."""

from __future__ import annotations

import runpy
import signal
import sys
from importlib import import_module

import pytest
from click.testing import CliRunner

from iiniit_guard.cli import main
from iiniit_guard.cli.commands import commands
from iiniit_guard.sidecar.server import start
from iiniit_guard.sidecar.settings.introspection_clients import matches
from tests.integration.sidecar.processes import Site


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.fixture(autouse=True)
def hangups():
    """Leave SIGHUP as it was: `serve` blocks it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_the_command_line(site, monkeypatch):
    seen = []
    monkeypatch.setattr(start, "serve", lambda *given: seen.append(given))
    done = CliRunner().invoke(
        commands,
        [
            "serve",
            "--config",
            str(site.file),
            "--bind",
            "127.0.0.1:1",
            "--bind",
            "unix:/x",
            "--workers",
            "2",
        ],
    )

    assert (done.exit_code, done.output) == (0, "")
    assert seen == [(site.file, {"bind": ("127.0.0.1:1", "unix:/x"), "workers": 2})]
    bad = CliRunner().invoke(
        commands, ["serve", "--config", str(site.file), "--admin-bind", "8080"]
    )
    assert bad.exit_code == 2
    assert "'8080' must be host:port" in bad.output


def test_faults_are_listed_one_a_line(site):
    site.write(top="colour = 1\nflavour = 2\n")
    done = CliRunner().invoke(commands, ["serve", "--config", str(site.file)])

    assert done.exit_code == 1
    assert "  colour: unknown setting in a file\n  flavour: " in done.output


def test_there_is_help_for_each_command():
    listed = CliRunner().invoke(commands, ["--help"]).output

    assert "serve" in listed
    assert "hash-secret" in listed
    assert "--public-bind" in CliRunner().invoke(commands, ["serve", "-h"]).output
    assert CliRunner().invoke(commands, ["fly"]).exit_code == 2


def test_a_secret_is_hashed_for_the_settings():
    done = CliRunner().invoke(commands, ["hash-secret"], input="a secret\n")

    assert matches("a secret", done.output.strip())
    assert CliRunner().invoke(commands, ["hash-secret"], input="\n").exit_code == 1


def test_without_click_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["iiniit-guard", "serve"])
    monkeypatch.delitem(sys.modules, "iiniit_guard.cli.commands", raising=False)
    monkeypatch.setitem(sys.modules, "click", None)
    with pytest.raises(
        SystemExit, match=r"^iiniit-guard: .*click.*; pip install 'iiniit-guard\[sidecar\]'$"
    ):
        main()


def test_python_can_run_it(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["iiniit-guard", "--help"])
    module = import_module("iiniit_guard.cli.__main__")  # the import does not run it
    with pytest.raises(SystemExit) as ended_with:
        runpy.run_path(str(module.__file__), run_name="__main__")

    assert ended_with.value.code == 0
    assert "Usage: iiniit-guard" in capsys.readouterr().out
