"""`iiniit-guard routes --check` accepts the sample applications."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.running import run

ROOT = Path(__file__).parents[3]
VARIABLES = {
    "IINIIT_GUARD_ISSUER": "https://auth.example",
    "IINIIT_GUARD_AUDIENCE": "https://api.example",
}
PROFILE = "/v1/user/profile"


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("name", ["flask", "starlette", "fastapi"])
def test_a_sample_application_has_no_unguarded_route(name):
    result = run("routes", f"examples.profile_api.{name}_app:create_app()", "--check")

    assert result.exit_code == 0, result.output
    check_rows(result.output)


def test_the_sample_application_of_django_has_no_unguarded_route():
    """The command configures Django, which is possible only once in a process."""
    command = [sys.executable, "-m", "iiniit_guard.cli", "routes", "--check"]
    place = "examples.profile_api.django_app:create_app()"
    done = subprocess.run([*command, place], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    check_rows(done.stdout)


def check_rows(text):
    rows = [line.split() for line in text.splitlines() if PROFILE in line or "/healthz" in line]
    assert {tuple(row[:3]) for row in rows} == {
        ("GET", PROFILE, "user:read"),
        ("PATCH", PROFILE, "user:write"),
        (rows[-1][0], "/healthz", "public"),
    }
