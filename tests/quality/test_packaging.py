"""The wheel: its content, its requirements, and that it works in an empty environment."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as canonical

ROOT = Path(__file__).parents[2]
EXTRAS = {
    "starlette",
    "fastapi",
    "flask",
    "django",
    "rest-framework",
    "spectacular",
    "ninja",
    "mcp",
    "fastmcp",
    "redis",
    "prometheus",
    "otel",
    "cli",
    "sidecar",
    "testing",
    "all",
}
REQUIRED = {"pyjwt", "cryptography", "cachetools", "httpx2", "httpcore2", "anyio", "werkzeug"}
FRAMEWORKS = {"flask", "django", "starlette", "fastapi", "redis", "pytest", "uvicorn", "click"}


# One worker builds the wheel for all tests of this file.
pytestmark = [pytest.mark.checkout, pytest.mark.xdist_group("packaging")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    target = tmp_path_factory.mktemp("dist")
    # Packagers build the wheel from the sdist; this also detects a file that the sdist lacks.
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", target, ROOT],
        check=True,
        capture_output=True,
    )
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


@pytest.fixture(scope="module")
def bare_python(wheel, tmp_path_factory):
    """Return a Python that has the wheel and its requirements, without any extra."""
    venv = tmp_path_factory.mktemp("bare") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "-qq"]
    constraints = ROOT / "tests" / "constraints.txt"
    subprocess.run(
        [*pip, "install", "--no-compile", "--constraint", constraints, wheel], check=True
    )
    return python


def run(python: Path, code: str, cwd: Path) -> str:
    """Run `code` away from the checkout (-I also ignores PYTHONPATH), with warnings as errors."""
    done = subprocess.run(
        [python, "-I", "-W", "error", "-c", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    here = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "iiniit_guard").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }

    assert names == here
    assert "iiniit_guard/py.typed" in names


def test_it_holds_the_licence(wheel, metadata):
    with zipfile.ZipFile(wheel) as archive:
        assert [name for name in archive.namelist() if name.endswith(".dist-info/licenses/LICENSE")]
    assert metadata["License-Expression"] == "MIT"


def test_it_has_the_extras_that_the_readme_names(metadata):
    assert set(metadata.get_all("Provides-Extra")) == EXTRAS


def test_it_asks_for_no_framework_unless_an_extra_does(metadata):
    wanted = [Requirement(line) for line in metadata.get_all("Requires-Dist")]

    assert {each.name for each in wanted if each.marker is None} == REQUIRED
    assert {each.name for each in wanted if each.marker is not None} >= FRAMEWORKS


def test_what_the_package_imports_is_declared(metadata):
    declared = {canonical(Requirement(line).name) for line in metadata.get_all("Requires-Dist")}
    imported = {
        name.partition(".")[0]
        for path in (ROOT / "iiniit_guard").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [getattr(node, "module", None) or ""]
        )
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    homes = packages_distributions()
    foreign = (
        imported - set(sys.stdlib_module_names) - {"iiniit_guard", "typing_extensions"}
    )  # the latter for type checkers alone

    assert {
        name for name in foreign if declared.isdisjoint(canonical(home) for home in homes[name])
    } == set()


def test_pytest_finds_the_plugin(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/entry_points.txt"))
        text = archive.read(name).decode()

    assert "[pytest11]\niiniit_guard = iiniit_guard.testing.plugin\n" in text


def test_it_sets_no_upper_bound_for_python(metadata):
    assert metadata["Requires-Python"] == ">=3.11"


def test_it_is_imported_without_any_extra(bare_python, tmp_path):
    code = (
        "import sys, iiniit_guard\nfrom iiniit_guard import "
        "Guard\nprint(iiniit_guard.__file__, *sys.modules)"
    )
    file, *modules = run(bare_python, code, tmp_path).split()

    assert Path(file).is_relative_to(bare_python.parents[1])
    assert {name.partition(".")[0] for name in modules}.isdisjoint(
        FRAMEWORKS | {"jwt", "cryptography", "werkzeug", "httpx2"}
    )


def test_it_guards_without_any_extra(bare_python, tmp_path):
    code = """
from iiniit_guard.testing import Issuer
from iiniit_guard.wsgi import GuardMiddleware

issuer = Issuer()
application = GuardMiddleware(lambda environ, start_response: [b"inside"], issuer.guard())
environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "QUERY_STRING": ""}
environ["HTTP_AUTHORIZATION"] = f"Bearer {issuer.token()}"
print(b"".join(application(environ, None)).decode())
"""
    assert run(bare_python, code, tmp_path) == "inside\n"


@pytest.mark.parametrize("framework", ["flask", "django", "starlette"])
def test_an_adapter_without_its_framework_names_the_extra(bare_python, tmp_path, framework):
    code = (
        f"try:\n  import iiniit_guard.{framework}\nexcept ImportError as missing:\n  "
        f"print(missing.name, missing)"
    )
    name, _, said = run(bare_python, code, tmp_path).strip().partition(" ")

    assert name in {framework, "asgiref"}  # asgiref is a part of Django
    assert said == (
        f"iiniit_guard.{framework}: No module named '{name}'; pip install "
        f"'iiniit-guard[{framework}]'"
    )


@pytest.mark.parametrize(("command", "extra"), [("serve", "sidecar"), ("routes", "cli")])
def test_the_command_without_its_extra_says_what_to_install(bare_python, tmp_path, command, extra):
    done = subprocess.run(
        [bare_python.parent / "iiniit-guard", command],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (
        1,
        f"iiniit-guard: No module named 'click'; pip install 'iiniit-guard[{extra}]'\n",
    )
