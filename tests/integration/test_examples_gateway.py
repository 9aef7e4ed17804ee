"""The gateway of the demo: on a machine where it cannot run, and without sockets."""

from __future__ import annotations

import html
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from examples.client_app import create_app
from examples.client_app.settings import parse_settings
from examples.gateway_site import prepare_site
from examples.ports import free_ports
from examples.profile_api.plain_app import create_app as plain_api

PROFILE = "/v1/user/profile"


def test_the_recipe_is_what_nginx_runs(tmp_path: Path) -> None:
    port = free_ports(["gateway"])["gateway"]
    assert prepare_site(tmp_path, port, {"issuer": "http://127.0.0.1:9001"}) == ""
    text = (tmp_path / "nginx.conf").read_text()
    # Every place of the recipe is replaced, and nginx accepts the file.
    assert [place for place in ("/run/", "/var/", ":8080", ":3000", ":8081") if place in text] == []
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    assert nginx
    command = [nginx, "-t", "-q", "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "log")]
    subprocess.run(command, check=True, timeout=20)


def test_without_nginx_the_page_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *arguments, **more: None)
    port = free_ports(["gateway"])["gateway"]
    obstacle = prepare_site(tmp_path, port, {})
    assert "nginx is not installed" in obstacle
    assert "apt-get install nginx-light" in obstacle
    assert list(tmp_path.iterdir()) == []
    settings = {
        "issuer": "http://127.0.0.1:9001",
        "redirect_uri": "http://127.0.0.1:9000/callback",
        "session_secret": "c" * 32,
        "registrations": {},
        "apis": [{"name": "flask", "label": "Flask", "url": "http://127.0.0.1:9002"}],
        "gateway": {"url": "http://127.0.0.1:9004", "obstacle": obstacle},
    }
    page = create_app(parse_settings(settings)).test_client().get("/gateway")
    assert page.status_code == 200
    assert obstacle in html.unescape(page.text)
    assert "<button" not in page.text


def test_nginx_without_auth_request_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "nginx"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho configure arguments: --with-http_ssl_module >&2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    port = free_ports(["gateway"])["gateway"]
    assert "has no auth_request" in prepare_site(tmp_path, port, {})


def test_the_api_trusts_only_what_the_gateway_sets() -> None:
    api = plain_api().test_client()
    assert api.get(PROFILE).status_code == 500
    fields = {"X-Iiniit-Subject": "usr_demo", "X-Iiniit-Scope": "user:read"}
    assert "email" not in (api.get(PROFILE, headers=fields).json or {})
    fields["X-Iiniit-Scope"] = "email user:read"
    assert (api.get(PROFILE, headers=fields).json or {})["email"] == "demo@iiniit.example"
    changed = api.patch(PROFILE, json={"bio": "new"}, headers=fields)
    assert (changed.json or {})["bio"] == "new"
    assert api.patch(PROFILE, json={"id": "x"}, headers=fields).status_code == 400
    assert api.get("/healthz").json == {"status": "ok"}
