"""`iiniit-guard doctor --url`: what the layers in front of a running API do to requests."""

from __future__ import annotations

import json
from email.utils import formatdate

import pytest
from flask import Flask
from werkzeug.test import Client

from iiniit_guard.cli.doctor.url_checks import check_url
from iiniit_guard.core.model.flow import Connection, HttpResponse, Unreachable
from iiniit_guard.flask import IiniitGuard
from iiniit_guard.io.effects import EffectRunner
from iiniit_guard.testing import Issuer, SettableClock

NOW = 1_800_000_000


@pytest.fixture
def issuer():
    return Issuer("https://auth.example", clock=SettableClock(NOW))


def api(issuer, *, guarded=True):
    app = Flask(__name__)
    app.add_url_rule("/orders", view_func=dict)
    if guarded:
        IiniitGuard(app, issuer.guard())
    return app


def through(app, change=None, longest=100_000, headers=()):
    """Return a transport that calls a WSGI application, as the layers in front of it change it."""
    client = Client(app)

    def handle(request):
        fields = dict(request.headers)
        if len(fields.get("Authorization", "")) > longest:
            return HttpResponse(431, (), b"too long")
        if change is not None:
            change(fields)
        reply = client.get("/orders", headers=fields)
        sent = [(name.lower(), value) for name, value in reply.headers.items()]
        return HttpResponse(reply.status_code, (*headers, *sent), reply.data)

    return handle


def without_authorization(fields):
    fields.pop("Authorization", None)


class TestUrl:
    def found(self, transport, url="https://api.example/orders"):
        runner = EffectRunner(transport)
        return list(check_url(url, runner, Connection(), lambda: float(NOW)))

    def levels(self, *arguments, **settings):
        return [(each.area, each.level) for each in self.found(*arguments, **settings)]

    def test_a_guarded_api_is_well(self, issuer):
        assert self.levels(through(api(issuer))) == [
            ("url", "ok"),
            ("authorization", "ok"),
            ("header limits", "ok"),
        ]

    def test_a_dropped_header_names_mod_wsgi(self, issuer):
        found = self.found(through(api(issuer), without_authorization))

        assert found[-1].level == "fault"
        assert "WSGIPassAuthorization On" in (found[-1].cure or "")

    def test_an_unguarded_api_is_a_fault(self, issuer):
        found = self.found(through(api(issuer, guarded=False)))

        assert found[0].level == "fault"
        assert "answered with 200" in found[0].text

    def test_a_token_that_does_not_exist_must_not_pass(self):
        def handle(request):
            if any(name == "Authorization" for name, _ in request.headers):
                return HttpResponse(200)
            body = json.dumps({"reason": "no_token"}).encode()
            return HttpResponse(401, (("www-authenticate", "Bearer"),), body)

        assert self.levels(handle) == [("url", "ok"), ("authorization", "fault")]

    def test_the_limit_of_header_fields_is_measured(self, issuer):
        found = self.found(through(api(issuer), longest=8_000))

        assert found[-1].level == "warning"
        assert found[-1].text == "a token of 8100 bytes does not reach the guard; one of 7500 does"

    def test_another_layer_that_answers_is_unknown(self):
        assert self.levels(lambda request: HttpResponse(403)) == [("url", "unknown")]

    @pytest.mark.parametrize(
        ("status", "reason", "cure"),
        [
            (400, "unknown_original", "gateway in guard.toml"),
            (403, "untrusted_peer", "server.trusted_proxies"),
            (403, "no_rule", "the rules"),
        ],
    )
    def test_another_refusal_of_the_guard_is_named_with_its_cure(self, status, reason, cure):
        body = json.dumps({"reason": reason}).encode()
        (found,) = self.found(lambda request: HttpResponse(status, (), body))

        assert (found.area, found.level) == ("url", "fault")
        assert f"{status} {reason}" in found.text
        assert (found.cure or "").startswith(cure)

    def test_a_removed_challenge_is_a_warning(self, issuer):
        def handle(request):
            reply = through(api(issuer))(request)
            kept = tuple(pair for pair in reply.headers if pair[0] != "www-authenticate")
            return HttpResponse(reply.status, kept, reply.body)

        assert self.levels(handle)[0] == ("url", "warning")

    @pytest.mark.parametrize("field", [("age", "7"), ("x-cache", "HIT from edge")])
    def test_a_cache_in_front_is_a_fault(self, issuer, field):
        found = self.levels(through(api(issuer), headers=(field, ("via", "1.1 edge"))))

        assert found[1:3] == [("proxies", "info"), ("proxies", "fault")]

    def test_a_body_of_the_application_hides_nothing(self, issuer):
        def handle(request):
            reply = through(api(issuer))(request)
            return HttpResponse(reply.status, reply.headers, b"<p>no</p>")

        assert self.levels(handle) == [
            ("url", "ok"),
            ("authorization", "ok"),
            ("header limits", "ok"),
        ]

    def test_a_connection_that_is_closed_for_a_long_token_is_a_limit(self, issuer):
        def handle(request):
            is_long = len(dict(request.headers).get("Authorization", "")) > 5_000
            return Unreachable("dropped", "x") if is_long else through(api(issuer))(request)

        assert self.levels(handle)[-1] == ("header limits", "warning")

    def test_the_clock_of_the_api_is_compared(self, issuer):
        date = ("date", formatdate(NOW - 100, usegmt=True))

        assert ("clock", "fault") in self.levels(through(api(issuer), headers=(date,)))

    def test_plain_http_is_a_warning_except_on_this_host(self, issuer):
        handle = through(api(issuer))

        assert self.levels(handle, url="http://api.example/orders")[0] == ("url", "warning")
        assert self.levels(handle, url="http://127.0.0.1/orders")[0] == ("url", "ok")

    def test_an_outage_is_a_fault_with_its_cause(self):
        found = self.found(lambda request: Unreachable("tls", "x"))

        assert [(each.level, each.cure is not None) for each in found] == [("fault", True)]
