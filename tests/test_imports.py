"""What importing the package loads, seen in a fresh interpreter: nothing that a caller did not ask for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import iiniit_guard

# jwt costs 83 ms, werkzeug.routing 80 ms, httpx2 111 ms; a framework may not even be installed.
ON_FIRST_USE = (
    "jwt",
    "cryptography",
    "werkzeug",
    "httpx2",
    "httpcore2",
    "redis",
    "flask",
    "django",
    "rest_framework",
    "starlette",
    "fastapi",
    "prometheus_client",
    "opentelemetry",
    "uvicorn",
    "click",
)


def loaded_by(statement: str) -> set[str]:
    """Top-level names in sys.modules after `statement`; what the interpreter loads for itself (site, coverage) is taken off."""
    code = f"import sys; before = set(sys.modules)\n{statement}\nprint(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "statement",
    [
        "import iiniit_guard",
        "from iiniit_guard import Guard",
        "from iiniit_guard import *",
        "from iiniit_guard import Guard; Guard(issuer='https://auth.example', audience='https://api.example')",
        "import iiniit_guard.wsgi",
        "import iiniit_guard.asgi",
    ],
)
def test_heavy_modules_wait_for_their_first_use(statement):
    loaded = loaded_by(statement)

    assert "iiniit_guard" in loaded
    assert loaded.isdisjoint(ON_FIRST_USE)


@pytest.mark.parametrize("framework", ["flask", "django", "starlette"])
def test_an_adapter_loads_no_framework_but_its_own(framework):
    others = {"flask", "django", "starlette", "rest_framework", "fastapi"} - {framework}

    assert loaded_by(f"import iiniit_guard.{framework}").isdisjoint(others)


def test_every_public_name_is_there():
    loaded = loaded_by("import iiniit_guard\nfor name in iiniit_guard.__all__: getattr(iiniit_guard, name)")

    assert "iiniit_guard" in loaded


def test_names_are_listed_before_their_first_use_and_no_others_are_there():
    assert set(iiniit_guard.__all__) <= set(dir(iiniit_guard))
    with pytest.raises(AttributeError, match="has no attribute 'Gaurd'"):
        iiniit_guard.Gaurd  # noqa: B018
