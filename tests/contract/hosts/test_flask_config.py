"""Settings of the guard in `app.config`."""

from __future__ import annotations

import pytest
from flask import Flask

from iiniit_guard import SettingsError, UsageError
from iiniit_guard.flask import IiniitGuard


@pytest.fixture
def headers(issuer):
    return lambda: {"Authorization": f"Bearer {issuer.token()}"}


CONFIG = {"IINIIT_GUARD_ISSUER": "https://auth.example", "IINIIT_GUARD_AUDIENCE": "api"}


def of_config(config, **settings):
    app = Flask(__name__)
    app.config.update(config)
    extension = IiniitGuard(app, **settings)
    app.add_url_rule("/x", "x", lambda: "x")
    return app.test_client(), extension


def test_settings_in_the_configuration(issuer, headers):
    client, _ = of_config({**CONFIG, "IINIIT_GUARD_PUBLIC": ["/x"]})
    assert (client.get("/x").text, client.get("/y").status_code) == ("x", 401)

    client, _ = of_config({**CONFIG, "IINIIT_GUARD_PUBLIC": ["/x"]}, public=["/y"])
    assert (client.get("/x").status_code, client.get("/y").status_code) == (401, 404)

    with issuer.guard() as guard:
        for config in ({"IINIIT_GUARD": guard}, {"IINIIT_GUARD": {"guard": guard}}):
            client, _ = of_config({**config, "IINIIT_GUARD_ENFORCE": "all"})
            assert client.get("/x", headers=headers()).text == "x"


def test_a_guard_that_is_passed_has_precedence(guard, headers):
    client, _ = of_config({"IINIIT_GUARD_PUBLIC": ["/x"]}, guard=guard)
    assert client.get("/x").status_code == 401
    assert client.get("/x", headers=headers()).text == "x"


@pytest.mark.parametrize(
    ("config", "faults"),
    [
        ({**CONFIG, "IINIIT_GUARD_UNHEARD_OF": 1}, ["unheard_of"]),
        ({"IINIIT_GUARD_ISSUER": "https://auth.example"}, ["audience"]),
        ({**CONFIG, "IINIIT_GUARD_ENFORCE": "some", "IINIIT_GUARD_JWT": "x"}, ["enforce", "jwt"]),
        ({"IINIIT_GUARD": "x"}, ["guard"]),
    ],
)
def test_faults_in_the_configuration(config, faults):
    with pytest.raises(SettingsError) as caught:
        of_config(config)
    assert [fault.partition(":")[0] for fault in caught.value.faults] == faults


def test_without_any_guard():
    with pytest.raises(UsageError, match="must be a Guard"):
        of_config({})
