"""The argument `only` beside rules, under other forms of letters, and in `install`."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from iiniit_guard import SettingsError
from iiniit_guard.adapting.admission import make_admission
from iiniit_guard.fastapi import install
from iiniit_guard.rules import Rule, Rules


@pytest.mark.parametrize("path", ["/ä/x", "/a\u0308/x", "/Ä/x", "/A\u0308"])
def test_forms_of_a_letter_are_one_path(path):
    assert not make_admission(only=["/ä/*"]).is_public(path)
    assert not make_admission(only=["/a\u0308/*"]).is_public(path)


@pytest.mark.parametrize("path", ["/report.", "/report "])
def test_a_path_ends_in_no_dot_or_space(path):
    with pytest.raises(SettingsError, match="can be read in more than one way"):
        make_admission(only=[path])


@pytest.mark.parametrize("path", ["/x", "/<name>", "/<path:rest>", "/apis/<int:id>"])
def test_a_rule_outside_is_a_fault(path):
    rules = Rules([Rule("GET", "/api/<x>", scopes="s"), Rule("GET", path, scopes="s")])
    fault = f"only: the rule for {path!r} is outside, so it would never apply"
    with pytest.raises(SettingsError, match=re.escape(fault)):
        make_admission(only=["/api/*"], rules=rules)


def test_a_public_rule_outside_is_no_fault():
    rules = Rules([Rule("GET", "/api", scopes="s"), Rule("GET", "/x", public=True)])
    assert make_admission(only=["/api/*"], rules=rules).rules is rules


def test_install_guards_a_part(guard, bearer):
    app = FastAPI()
    install(app, guard, only=["/api/*"])
    app.get("/api/x")(lambda: "x")
    app.get("/page")(lambda: "page")
    client = TestClient(app)
    headers = {name.decode(): value.decode() for name, value in bearer()}

    assert client.get("/page", headers={"Authorization": "Bearer x"}).json() == "page"
    assert client.get("/docs").status_code == 200
    assert client.get("/api/x").json()["reason"] == "no_token"
    assert client.get("/api/x", headers=headers).json() == "x"
    with pytest.raises(SettingsError, match="only: must be a list"):
        install(FastAPI(), guard, only="/api/*")


def test_the_document_knows_what_passes(guard):
    app = FastAPI()
    install(app, guard, only=["/api/*"])
    for path in ("/api/{x}", "/page/{x}"):
        app.get(path)(lambda x: x)
    paths = app.openapi()["paths"]

    assert "401" in paths["/api/{x}"]["get"]["responses"]
    assert "401" not in paths["/page/{x}"]["get"]["responses"]
    with pytest.raises(SettingsError, match="only: must be a list"):
        make_admission(only=1)  # type: ignore[arg-type]  # the mistake
