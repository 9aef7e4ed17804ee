"""`iiniit-guard doctor`: each mistake is found, and the finding names the remedy."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from iiniit_guard import Guard
from iiniit_guard.cli.doctor.command import _of_settings
from iiniit_guard.cli.doctor.issuer_checks import date_of
from iiniit_guard.cli.doctor.settings_checks import check_environment, check_settings
from iiniit_guard.cli.settings_source import Source
from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.testing import Issuer, SettableClock

NOW = 1_800_000_000


@pytest.fixture
def issuer():
    return Issuer("https://auth.example", clock=SettableClock(NOW))


def dated(issuer, ahead):
    """Return a transport whose answers have a Date field of a clock that is behind by `ahead`."""

    def handle(request):
        reply = issuer.handle(request)
        if not isinstance(reply, HttpResponse):
            return reply
        date = ("date", formatdate(NOW - ahead, usegmt=True))
        return HttpResponse(reply.status, (*reply.headers, date), reply.body)

    return handle


def examined(issuer, transport=None, **settings):
    """Return the findings about a guard: area → (level, text, cure)."""
    with issuer.guard(**settings) as guard:
        engine = guard._engine
        source = Source("x", engine.resource.settings, transport or issuer.handle, lambda: NOW)
        found = list(_of_settings(source))
    return {finding.area: (finding.level, finding.text, finding.cure) for finding in found}


@pytest.fixture
def of_settings():
    def check(**settings):
        with Issuer().guard(**settings) as guard:
            return list(check_settings(guard._engine.resource.settings, "x"))

    return check


@pytest.mark.parametrize(
    ("mode", "at", "area", "text", "cure"),
    [
        ("connection", "discovery", "discovery", "connection", "host and port"),
        ("404", "discovery", "discovery", "status 404", "curl"),
        ("500", "jwks", "keys", "jwks: status 500", "curl"),
        ("garbage", "jwks", "keys", "not a JWK Set", "login page"),
        ("timeout", "introspection", "introspection", "no answer in time", "firewall"),
        ("401", "introspection", "introspection", "status 401", "client_secret"),
    ],
)
def test_a_failing_endpoint_is_found(issuer, mode, at, area, text, cure):
    issuer.fail(mode, at)
    level, said, mends = examined(issuer)[area]

    assert level == "fault"
    assert text in said
    assert cure in mends


def test_wrong_credentials_are_found(issuer):
    wrong = Issuer("https://auth.example", client_secret="another").credentials(
        "client_secret_basic"
    )
    level, text, cure = examined(issuer, introspection=wrong)["introspection"]

    assert (level, "credentials" in text) == ("fault", True)
    assert "client_secret" in cure
    assert "another" not in text


def test_metadata_of_another_issuer_is_found(issuer):
    issuer.metadata["issuer"] = "https://auth.example/auth"
    level, text, _ = examined(issuer)["discovery"]

    assert (level, 'received "https://auth.example/auth"' in text) == ("fault", True)


def test_an_endpoint_that_accepts_every_token_is_found(issuer):
    vars(issuer)["introspect"] = lambda token: {"active": True, "aud": issuer.audience}
    level, text, _ = examined(issuer)["introspection"]

    assert (level, "would accept every token" in text) == ("fault", True)


def test_keys_of_another_algorithm_are_found(issuer):
    level, text, cure = examined(issuer, algorithms=["RS256"])["keys"]

    assert (level, "none of them for an accepted algorithm" in text) == ("fault", True)
    assert cure.startswith("algorithms")


def test_keys_that_are_not_used_are_named(issuer):
    issuer.odd_keys.append({"kty": "oct", "k": "AA"})

    assert "not used: 1 key" in examined(issuer)["keys"][1]


@pytest.mark.parametrize(
    ("ahead", "level"), [(0, "ok"), (10, "warning"), (-10, "warning"), (90, "fault")]
)
def test_the_clock_is_compared(issuer, ahead, level):
    found = examined(issuer, dated(issuer, ahead))["clock"]

    assert found[0] == level
    assert ("behind" if ahead < 0 else "ahead of") in found[1] or level == "ok"


@pytest.mark.parametrize("text", [None, "yesterday"])
def test_a_date_that_is_missing_is_unknown(text):
    headers = () if text is None else (("date", text),)

    assert date_of(HttpResponse(200, headers)) is None


def test_what_is_configured_is_not_discovered(issuer):
    found = examined(
        issuer,
        jwks_uri="https://auth.example/jwks",
        introspection_endpoint="https://auth.example/introspect",
    )

    assert "discovery" not in found
    assert found["keys"][0] == found["introspection"][0] == "ok"


def test_without_local_keys_none_are_fetched(issuer):
    found = examined(issuer, jwt="introspect")

    assert "keys" not in found
    assert "keys" in examined(issuer, introspection=None)
    assert "introspection" not in examined(issuer, introspection=None)


def test_a_function_for_introspection_is_called(issuer):
    found = examined(issuer, introspection=lambda token: None)

    assert found["introspection"][0] == "ok"
    assert "the function" in found["introspection"][1]


@pytest.mark.parametrize(
    ("settings", "delay"),
    [
        ({}, "accepted until its exp + 5 s, also after its revocation"),
        (
            {"status_list": "check"},
            "refused at most 300 s after its status list reports its revocation; without a ",
        ),
        (
            {"status_list": "required", "status_list_max_age_seconds": 20, "jwt": "both"},
            "refused at most 20 s after its status list reports its revocation",
        ),
        ({"jwt": "both"}, "refused at most 60 s after its revocation"),
        ({"jwt": "introspect", "revocation_delay_seconds": 5}, "refused at most 5 s"),
    ],
)
def test_the_revocation_delay_of_each_kind_is_shown(issuer, settings, delay):
    with issuer.guard(**settings) as guard:
        source = Source("x", guard._engine.resource.settings, issuer.handle)
        texts = [each.text for each in _of_settings(source) if each.area == "revocation"]

    assert texts[0].startswith(f"JWT: {delay}")
    assert texts[1].startswith("opaque token: refused at most")


def test_issuers_of_a_callable_are_unknown():
    with Guard(issuers=lambda name: None) as guard:
        found = list(_of_settings(Source("x", guard._engine.resource.settings)))

    assert ("discovery", "unknown") in [(each.area, each.level) for each in found]
    assert "a callable finds the issuers" in found[0].text


@pytest.mark.parametrize(
    "settings",
    [
        {"insecure_accept_missing_audience": True},
        {"insecure_metadata_issuer": "https://other.test"},
        {"insecure_query_token": True},
        {"token_header": "X-Token"},
    ],
)
def test_risky_settings_are_named(of_settings, settings):
    risky = [finding for finding in of_settings(**settings) if finding.level == "warning"]

    assert len(risky) == 1
    assert next(iter(settings)) in risky[0].text
    assert risky[0].cure


def test_short_tokens_need_no_hint_about_limits(of_settings):
    assert [each.area for each in of_settings(max_token_bytes=4_000)] == ["settings"]


@pytest.mark.parametrize(
    ("environ", "levels"),
    [
        ({}, ["ok"]),
        ({"FORWARDED_ALLOW_IPS": "*"}, ["warning"]),
        ({"FORWARDED_ALLOW_IPS": "10.0.0.1"}, []),
        ({"GUNICORN_CMD_ARGS": "--workers 2 --forwarded-allow-ips='*'"}, ["warning", "ok"]),
        ({"HTTPS_PROXY": "http://proxy.test"}, ["info"]),
    ],
)
def test_variables_of_proxies_are_read(environ, levels):
    with Issuer().guard() as guard:
        found = list(check_environment(environ, guard._engine.resource.settings))

    assert [finding.level for finding in found] == levels
