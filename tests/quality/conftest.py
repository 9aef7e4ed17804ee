"""The documentation site, built once for all tests of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Return the directory of the site. Building it fails with a warning."""
    target = tmp_path_factory.mktemp("site")
    doctrees = str(tmp_path_factory.mktemp("doctrees"))
    strict = ["-q", "-W", "--keep-going", "-d", doctrees]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-b", "html", *strict, str(DOCS), str(target)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target
