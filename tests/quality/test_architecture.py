"""The picture of the architecture agrees with the code. `make picture` draws it again."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.quality.architecture.__main__ import PICTURE, draw
from tests.quality.architecture.floors import (
    ROOT,
    floors_by_imports,
    floors_of_package,
    imports_between,
)
from tests.quality.architecture.traced import Visit

pytestmark = pytest.mark.checkout

PRINT = "from tests.quality.architecture.__main__ import picture; print(picture(), end='')"
VISITS = {"cached": [Visit("asgi.py", "begin")], "cold": [Visit("asgi.py", "begin")]}


def test_the_picture_agrees_with_the_code():
    # A new process: caches that other tests filled would change the trace.
    done = subprocess.run(
        [sys.executable, "-c", PRINT], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert PICTURE.read_text(encoding="utf-8") == done.stdout, "run `make picture`"


def test_every_import_leads_to_a_lower_floor():
    imports = imports_between("iiniit_guard")
    floors = floors_of_package()
    number = {name: place for place, floor in enumerate(floors) for name in floor}

    assert all(number[one] < number[other] for one in imports for other in imports[one])
    assert set(number) == set(imports)


def test_floors_follow_from_imports():
    assert floors_by_imports({"a": {"b", "c"}, "b": {"c"}, "c": set(), "d": {"c"}}) == [
        ["a"],
        ["b", "d"],
        ["c"],
    ]
    with pytest.raises(ValueError, match="cycle"):
        floors_by_imports({"a": {"b"}, "b": {"a"}})


@pytest.mark.parametrize(
    ("imports", "visits"),
    [
        ({"asgi": {"core"}, "core": {"asgi"}}, VISITS),
        ({"asgi": set(), "core": set()}, VISITS),
        ({"asgi": {"core"}, "core": set()}, {**VISITS, "cold": [Visit("wsgi.py", "begin")]}),
        ({"asgi": {"core"}, "core": set()}, {**VISITS, "cached": [Visit("asgi.py", "end")]}),
    ],
    ids=["import", "no import", "file", "function"],
)
def test_a_change_of_the_code_changes_the_picture(imports, visits):
    floors, core = [["asgi"], ["core"]], {"decide": {"model"}, "model": set()}
    before = draw(floors, {"asgi": {"core"}, "core": set()}, core, VISITS)

    assert draw(floors, imports, core, visits) != before
