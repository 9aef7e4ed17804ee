"""Each contract of import-linter reports an import that it forbids."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from tests.quality.test_static_gates import PACKAGE, ROOT

pytestmark = pytest.mark.checkout

FLOORS = "Every module has its layer; adapters do not import each other"
CORE = "The core neither performs I/O nor knows a framework"
NO_CYCLES = "No two modules need each other"
# Contract, and the modules that break it: path → text.
PLANTED = {
    "a lower layer imports a higher one": (
        FLOORS,
        {"observe/planted.py": "import iiniit_guard.starlette\n"},
        "iiniit_guard.observe.planted -> iiniit_guard.starlette",
    ),
    "an adapter imports another": (
        FLOORS,
        {"django/planted.py": "def late():\n    import iiniit_guard.flask\n"},
        "iiniit_guard.django.planted -> iiniit_guard.flask",
    ),
    "a module without a layer": (FLOORS, {"planted.py": ""}, "iiniit_guard.planted"),
    "the core opens a socket": (
        CORE,
        {"core/jose/planted.py": "from socket import create_connection\n"},
        "iiniit_guard.core.jose.planted -> socket",
    ),
    "the core knows a framework": (
        CORE,
        {"core/model/planted.py": "import flask.wrappers\n"},
        "iiniit_guard.core.model.planted -> flask",
    ),
    "two modules import each other": (
        NO_CYCLES,
        {
            "io/planted_one.py": "import iiniit_guard.io.planted_two\n",
            "io/planted_two.py": "import iiniit_guard.io.planted_one\n",
        },
        "planted_one",
    ),
    "two packages import each other": (
        NO_CYCLES,
        {
            "core/cache/planted.py": "import iiniit_guard.core.planted.one\n",
            "core/planted/__init__.py": "",
            "core/planted/one.py": "import iiniit_guard.core.cache.planted\n",
        },
        "planted",
    ),
}


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """Return a function that plants modules in a copy of the package and runs lint-imports."""
    root = tmp_path_factory.mktemp("contracts")
    package = root / PACKAGE.name
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)

    def lint(modules):
        paths = [package / name for name in modules]
        folders = [path.parent for path in paths if not path.parent.exists()]
        for path, text in zip(paths, modules.values(), strict=True):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        try:
            return subprocess.run(
                [sys.executable, "-c", "import importlinter.cli as c; c.lint_imports_command()"],
                cwd=root,
                env={**os.environ, "PYTHONPATH": str(root), "COLUMNS": "200"},
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            for path in paths:
                path.unlink()
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)

    return lint


def verdicts(output):
    return dict(
        re.findall(r"^(.+) (KEPT|BROKEN)(?: \(\d+ ignored imports?\))?$", output, re.MULTILINE)
    )


def test_the_copy_keeps_every_contract_and_each_has_a_planted_fault(copied):
    done = copied({})
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    names = {contract["name"] for contract in contracts}

    assert done.returncode == 0
    assert verdicts(done.stdout) == dict.fromkeys(names, "KEPT")
    assert {contract for contract, *_ in PLANTED.values()} == names


@pytest.mark.parametrize(("contract", "modules", "named"), PLANTED.values(), ids=PLANTED)
def test_a_contract_reports_a_planted_import(copied, contract, modules, named):
    done = copied(modules)

    broken = [name for name, verdict in verdicts(done.stdout).items() if verdict == "BROKEN"]
    assert done.returncode == 1
    assert broken == [contract]
    assert named in done.stdout
