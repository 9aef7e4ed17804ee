"""`iiniit-guard routes`: exceptions, colours, and where modules are found."""

from __future__ import annotations

import sys

from iiniit_guard.adapting.closures import closure_of
from iiniit_guard.cli.routes.handlers import place_of
from tests.unit.cli.running import APPS, run


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
