"""Strings in `app.config` are parsed like environment variables."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from iiniit_guard import SettingsError
from iiniit_guard.flask import IiniitGuard
from iiniit_guard.flask.configuration import settings_from_config


def prefixed(**config):
    return {f"IINIIT_GUARD_{name}": value for name, value in config.items()}


def make_app(issuer, **config):
    app = Flask("site")
    app.config.update(
        prefixed(
            ISSUER=issuer.issuer,
            AUDIENCE=issuer.audience,
            TRANSPORT=issuer.handle,
            CLOCK=issuer.clock.clock,
        )
    )
    app.config.update(prefixed(**config))
    app.add_url_rule("/api/x", "x", lambda: "x")
    app.add_url_rule("/", "page", lambda: "page")
    return app


def statuses(app, headers=()):
    sent = {name.decode(): value.decode() for name, value in headers}
    client = app.test_client()
    return [client.get(path, headers=sent).status_code for path in ("/", "/api/x")]


@pytest.mark.parametrize("only", ["/api/*", "  /api/* /b ", ["/api/*"], ("/api/*",)])
def test_arguments_of_the_extension(issuer, bearer, only):
    app = make_app(issuer, ONLY=only, OPTIONAL_TOKEN="False", PREFLIGHTS="guard", PUBLIC="")
    IiniitGuard(app)
    assert statuses(app) == [200, 401]
    assert statuses(app, bearer()) == [200, 200]


def test_each_application_has_its_own(issuer):
    extension = IiniitGuard()
    apps = [make_app(issuer, ONLY="/api/*"), make_app(issuer, OPTIONAL_TOKEN="true")]
    for app in apps:
        extension.init_app(app)
    assert [statuses(app) for app in apps] == [[200, 401], [200, 200]]


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        ({"AUDIENCE": "a b"}, {"audience": ["a", "b"]}),
        ({"AUDIENCE": ("a b",)}, {"audience": ("a b",)}),
        ({"MAX_TOKEN_BYTES": "4096"}, {"max_token_bytes": 4096}),
        ({"MAX_TOKEN_BYTES": 4096, "REALM": None, "JWT": ""}, {"max_token_bytes": 4096}),
        ({"EVENT_SUBJECT": "false"}, {"event_subject": False}),
        ({"SCOPE_ALIASES": '{"a": "b"}'}, {"scope_aliases": {"a": "b"}}),
        ({"PUBLIC": "/a /b/*"}, {"public": ["/a", "/b/*"]}),
        ({"GUARD": None, "ENFORCE": "all"}, {"enforce": "all"}),
    ],
)
def test_forms_of_a_value(config, settings):
    assert settings_from_config({"DEBUG": True, **prefixed(**config)}) == settings


def test_a_path_object_names_a_file():
    config = {"INTROSPECTION_CLIENT_ID": "api", "INTROSPECTION_CLIENT_SECRET_FILE": Path("/s")}
    made = settings_from_config(prefixed(**config))["introspection"]
    assert (made.client_id, str(made.client_secret.path)) == ("api", "/s")


@pytest.mark.parametrize(
    ("config", "faults"),
    [
        ({"ONLI": "/x"}, ["onli"]),
        ({"OPTIONAL_TOKEN": "maybe"}, ["optional_token"]),
        ({"MAX_TOKEN_BYTES": "many", "OPTIONAL_TOKEN": "1"}, ["optional_token", "max_token_bytes"]),
        ({"REQUIRE_CLAIM": ""}, ["require_claim"]),
    ],
)
def test_faults_name_the_setting(issuer, config, faults):
    app = make_app(issuer, TRANSPORT=None, CLOCK=None, **config)
    with pytest.raises(SettingsError) as raised:
        IiniitGuard(app)
    assert [fault.partition(":")[0] for fault in raised.value.faults] == faults
