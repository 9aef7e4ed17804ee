"""Importing the package loads nothing unnecessary, in a fresh interpreter."""

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
    "ninja",
    "starlette",
    "fastapi",
    "prometheus_client",
    "opentelemetry",
    "uvicorn",
    "click",
)


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that `statement` loads, without those of the interpreter."""
    code = (
        f"import sys; before = set(sys.modules)\n{statement}\nprint(*(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "statement",
    [
        "import iiniit_guard",
        "from iiniit_guard import Guard",
        "from iiniit_guard import *",
        (
            "from iiniit_guard import Guard; Guard(issuer='https://auth.example', "
            "audience='https://api.example')"
        ),
        "import iiniit_guard.wsgi",
        "import iiniit_guard.asgi",
    ],
)
def test_heavy_modules_wait_for_their_first_use(statement):
    loaded = loaded_by(statement)

    assert "iiniit_guard" in loaded
    assert loaded.isdisjoint(ON_FIRST_USE)


@pytest.mark.parametrize("framework", ["flask", "django", "starlette", "fastapi"])
def test_an_adapter_loads_no_framework_but_its_own(framework):
    others = {"flask", "django", "starlette", "rest_framework", "fastapi"} - {framework}
    if framework == "fastapi":  # which is built on Starlette
        others -= {"starlette"}

    assert loaded_by(f"import iiniit_guard.{framework}").isdisjoint(others)


GUARD = (
    "from iiniit_guard import Guard; Guard(issuer='https://i.test', audience='a', "
    "store_url='redis://s', store_secret='s' * 32)"
)
SERVE = "sys.argv[1:] = ['serve']; from iiniit_guard.cli import main; main()"
WITHOUT = """
import sys
class Without:
    def find_spec(self, name, *_):
        if name == MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Without())
"""
APP = "from iiniit_guard.sidecar import create_app; create_app({file!r}, {listener!r})"


@pytest.mark.parametrize(
    ("statement", "missing", "extra"),
    [
        ("import iiniit_guard.flask", "flask", "flask"),
        ("import iiniit_guard.django", "django", "django"),
        ("import iiniit_guard.django.checks", "asgiref", "django"),
        ("import iiniit_guard.rest_framework", "rest_framework", "rest-framework"),
        ("import iiniit_guard.rest_framework", "django", "rest-framework"),
        ("import iiniit_guard.ninja", "ninja", "ninja"),
        ("import iiniit_guard.starlette", "starlette", "starlette"),
        ("import iiniit_guard.fastapi", "fastapi", "fastapi"),
        ("import iiniit_guard.fastapi", "starlette", "fastapi"),
        (
            "from iiniit_guard.observe.metrics import DecisionMetrics; DecisionMetrics()",
            "prometheus_client",
            "prometheus",
        ),
        (GUARD, "redis", "redis"),
        (SERVE, "click", "sidecar"),
        (SERVE, "uvicorn", "sidecar"),
        *(
            (APP.replace("{listener!r}", repr(listener)), "starlette", "sidecar")
            for listener in ("gateway", "public", "admin")
        ),
    ],
)
def test_what_wants_an_extra_that_is_not_installed_names_it(tmp_path, statement, missing, extra):
    file = tmp_path / "guard.toml"
    file.write_text('gateway = "nginx"\nissuer = "https://i.test"\naudience = "a"\n')
    code = WITHOUT.replace("MISSING", repr(missing)) + statement.replace(
        "{file!r}", repr(str(file))
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert done.returncode == 1
    assert done.stderr.endswith(
        f": No module named '{missing}'; pip install 'iiniit-guard[{extra}]'\n"
    )
    assert ("The above exception was the direct cause" in done.stderr) is (
        statement is not SERVE
    ), "who runs a command reads one line"


def test_every_public_name_is_there():
    loaded = loaded_by(
        "import iiniit_guard\nfor name in iiniit_guard.__all__: getattr(iiniit_guard, name)"
    )

    assert "iiniit_guard" in loaded


def test_names_are_listed_before_their_first_use_and_no_others_are_there():
    assert set(iiniit_guard.__all__) <= set(dir(iiniit_guard))
    with pytest.raises(AttributeError, match="has no attribute 'Gaurd'"):
        iiniit_guard.Gaurd  # noqa: B018
