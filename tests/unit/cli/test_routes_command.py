"""`iiniit-guard routes`: exceptions, colours, and where modules are found."""

from __future__ import annotations

import sys

import pytest

from iiniit_guard.adapting.closures import closure_of
from iiniit_guard.cli.routes.handlers import place_of
from tests.unit.cli.running import APPS, run

MISORDERED = {
    "flask": """
from flask import Flask
from iiniit_guard.flask import require_scope

app = Flask(__name__)

@require_scope("orders:read")
@app.get("/orders")
def orders():
    return {}
""",
    "starlette": """
from starlette.applications import Starlette
from starlette.routing import Route
from iiniit_guard.starlette import require_scope

app = Starlette()

def get(path):
    def register(handler):
        app.router.routes.append(Route(path, handler))
        return handler
    return register

@require_scope("orders:read")
@get("/orders")
async def orders(request):
    raise AssertionError
""",
}


def test_an_allow_file_has_one_pattern_a_line(tmp_path):
    file = tmp_path / "allow.txt"
    file.write_text("# intended\nGET /orders/*  # for partners\n\nPOST,PUT /profile\n")
    result = run("routes", "shop_flask:app", "--check", "--allow-file", str(file))

    assert result.exit_code == 0


def test_an_allowed_method_is_no_other_method():
    result = run("routes", "shop_flask:app", "--check", "--allow", "PUT /orders/*")

    assert result.exit_code == 1
    assert "2 unguarded" in result.output


def test_a_pattern_with_a_method_allows_no_mount():
    result = run("routes", "shop_starlette:site", "--allow", "GET /static/*", "--check")

    assert result.exit_code == 1


@pytest.mark.parametrize("framework", ["flask", "starlette"])
def test_a_decorator_above_the_route_decorator_is_an_error(tmp_path, monkeypatch, framework):
    (tmp_path / f"misordered_{framework}.py").write_text(MISORDERED[framework])
    monkeypatch.chdir(tmp_path)
    result = run("routes", f"misordered_{framework}:app")

    assert result.exit_code == 1
    assert "above the route decorator" in result.output
    assert f"move it below: misordered_{framework}.orders" in result.output


def test_one_route_is_counted_in_the_singular(tmp_path, monkeypatch):
    (tmp_path / "one_route.py").write_text(
        "from flask import Flask\n"
        "app = Flask(__name__, static_folder=None)\n"
        "app.add_url_rule('/', view_func=dict)\n"
    )
    monkeypatch.chdir(tmp_path)

    assert "1 route: 1 unguarded" in run("routes", "one_route:app").output


def test_a_module_is_found_in_the_working_directory(monkeypatch):
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(APPS)])

    assert run("routes", "shop_flask:app").exit_code == 0


def test_unguarded_routes_are_red_on_a_terminal(monkeypatch):
    coloured = run("routes", "shop_flask:app", color=True).output
    monkeypatch.setenv("NO_COLOR", "1")
    plain = run("routes", "shop_flask:app", color=True).output

    assert "\x1b[31mGET      /orders/<int:number>" in coloured
    assert "\x1b" not in plain


def test_force_color_colours_a_file(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")

    assert "\x1b[31m" in run("routes", "shop_flask:app").output


def test_a_name_that_does_not_exist_is_named():
    result = run("routes", "shop_flask:Flask('x')")

    assert "has no Flask('x')" in result.output


def test_the_place_of_a_function_in_c_is_unknown():
    assert place_of(len) == ""


def test_a_cell_that_is_not_set_is_left_out():
    def outer():
        def inner():
            return later

        found = closure_of(inner)
        later = 1
        return found, later

    assert outer() == ([], 1)
