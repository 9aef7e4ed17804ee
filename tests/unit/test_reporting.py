"""The lines of the logger `iiniit_guard` about refusals and outages."""

from __future__ import annotations

import logging
import tracemalloc

import pytest

from iiniit_guard import (
    Guard,
    Request,
    TrustedIssuer,
)
from iiniit_guard.core.model.diagnosis import Diagnosis
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.reporting import Reporter
from iiniit_guard.testing import Issuer
from tests.unit.log_lines import HOSTILE, HOUR, ask, foreign, levels, lines


@pytest.fixture(autouse=True)
def all_levels(caplog):
    caplog.set_level(logging.INFO, "iiniit_guard")


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


class TestRefusals:
    def test_warned_once_an_hour_until_the_first_good_token(self, issuer, caplog):
        other = Issuer(audience="https://other.test")
        other.keys = issuer.keys
        wrong = issuer.token(aud="https://other.test")
        with issuer.guard() as guard:
            for _ in range(3):
                ask(guard, wrong)
            assert levels(caplog) == ["WARNING", "INFO", "INFO"]
            issuer.clock.advance(HOUR)
            ask(guard, issuer.token(aud="https://other.test"))
            assert levels(caplog) == ["WARNING"]
            ask(guard, issuer.token())
            assert levels(caplog) == []
            issuer.clock.advance(HOUR)
            ask(guard, issuer.token(aud="https://other.test"))
            assert levels(caplog) == ["INFO"]

    @pytest.mark.parametrize("jwt", ["introspect", "both"])
    def test_a_good_introspected_token_ends_the_warnings(self, issuer, caplog, jwt):
        credentials = issuer.credentials("client_secret_basic")
        with issuer.guard(jwt=jwt, introspection=credentials) as guard:
            ask(guard, issuer.token())
            ask(guard, issuer.token(aud="https://other.test"))
        assert levels(caplog) == ["INFO"]

    def test_each_issuer_and_each_reason_is_warned_of(self, caplog):
        one, two = Issuer("https://one.test"), Issuer("https://two.test", clock=None)
        trusted = [
            TrustedIssuer(issuer=each.issuer, audience="https://api.test") for each in (one, two)
        ]
        hosts = {each.issuer: each for each in (one, two)}

        def transport(request):
            return next(
                each for name, each in hosts.items() if request.url.startswith(name)
            ).handle(request)

        with Guard(issuers=trusted, transport=transport) as guard:
            ask(guard, one.token())
            for each in (one, two):
                ask(guard, each.token(aud="https://other.test"))
                ask(guard, each.token(iat=each.now + 900))
        assert levels(caplog) == ["INFO", "INFO", "WARNING", "WARNING"]

    @pytest.mark.parametrize(
        "token, reason, more",
        [
            (
                lambda one: foreign("https://x.test/"),
                "unknown_issuer",
                ('received="https://x.test/"', 'expected="https://issuer.test"'),
            ),
            (
                lambda one: one.token(aud=["a", 'b" c']),
                "wrong_audience",
                (r'received="a, b\" c"', 'expected="https://api.test"'),
            ),
            (
                lambda one: one.token(header={"typ": "logout+jwt"}),
                "wrong_type",
                ('expected="(no typ), at+jwt, jwt"',),
            ),
            (
                lambda one: one.token(header={"alg": "HS256"}),
                "unsupported_algorithm",
                ('expected="ES256',),
            ),
            (lambda one: one.token(header={"kid": "another"}), "unknown_key", ("jwks_uri",)),
            (lambda one: one.opaque_token(), "malformed_token", ("set introspection",)),
            (lambda one: one.token() + ".x.y", "malformed_token", ("encrypted",)),
        ],
        ids=["issuer", "audience", "type", "algorithm", "key", "opaque", "parts"],
    )
    def test_what_smells_of_a_wrong_setting(self, issuer, caplog, token, reason, more):
        with issuer.guard(introspection=None) as guard:
            ask(guard, token(issuer), query=b"page=2")
        ((level, line),) = lines(caplog)
        assert level == "WARNING"
        assert line.startswith(f'deny 401 {reason} GET "/orders" host=flask ')
        assert " check: " in line
        assert all(each in line for each in more)
        assert "page" not in line

    @pytest.mark.parametrize(
        "token", [None, "x y", "x.y"], ids=["no token", "malformed header", "expired"]
    )
    def test_every_other_refusal_is_an_info(self, issuer, caplog, token):
        with issuer.guard() as guard:
            ask(guard, issuer.token(expires_in=-60) if token == "x.y" else token)
        assert levels(caplog) == ["INFO"]

    def test_a_host_with_its_own_log_has_no_info_lines(self, issuer, caplog):
        with issuer.guard() as guard:
            guard._engine.reporter.logs_refusals = False
            ask(guard, None)
        assert lines(caplog) == []

    def test_no_token_is_logged_even_if_it_is_the_path(self, issuer, caplog):
        token, jwt = issuer.opaque_token(), issuer.token()
        with issuer.guard(introspection=None) as guard:
            ask(guard, token, f"/reset/{token}/{jwt}")
        ((_, line),) = lines(caplog)
        assert '"/reset/(token)/(token)"' in line
        assert token not in line
        assert jwt.rpartition(".")[2] not in line

    @pytest.mark.parametrize(
        "sent",
        [b"Bearer %b ", b"Bearer %b\t", b"Bearer %b, Bearer x", b"%b"],
        ids=["space", "tab", "list", "no scheme"],
    )
    def test_no_token_is_logged_however_the_field_is_written(self, issuer, caplog, sent):
        token = issuer.opaque_token()
        headers = [(b"authorization", sent % token.encode())]
        with issuer.guard(introspection=None) as guard:
            guard.authenticate(Request("GET", f"/reset/{token}", b"", headers))
        ((_, line),) = lines(caplog)
        assert '"/reset/(token)"' in line

    def test_a_part_of_another_token_reveals_no_rest_of_it(self, issuer, caplog):
        headers = [(b"authorization", b"Bearer " + each) for each in (b"ab", b"abcdef")]
        with issuer.guard() as guard:
            guard.authenticate(Request("GET", "/reset/abcdef", b"", headers))
        assert '"/reset/(token)"' in lines(caplog)[0][1]

    def test_many_credentials_do_not_make_the_path_grow(self, issuer, caplog):
        # Each letter also occurs in the text that replaces it.
        headers = [(b"authorization", b"token"[at : at + 1]) for at in [0, 1, 2, 3, 4] * 4]
        tracemalloc.start()
        try:
            with issuer.guard() as guard:
                guard.authenticate(Request("GET", "/token", b"", headers))
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()
        assert len(lines(caplog)[0][1]) < 400

    def test_a_long_method_is_cut(self, issuer, caplog):
        with issuer.guard() as guard:
            guard.authenticate(Request("A" * 60_000, "/orders"))
        assert len(lines(caplog)[0][1]) < 400

    def test_a_header_without_a_token_hides_nothing(self, issuer, caplog):
        with issuer.guard() as guard:
            guard.authenticate(Request("GET", "/orders", b"", [(b"authorization", b"")]))
        assert '"/orders"' in lines(caplog)[0][1]

    def test_no_value_breaks_a_line(self, issuer, caplog):
        with issuer.guard() as guard:
            guard.authenticate(
                Request(
                    HOSTILE,
                    "/" + HOSTILE,
                    b"",
                    [
                        (
                            b"authorization",
                            b"Bearer " + foreign("https://x\n" + HOSTILE[:20]).encode(),
                        )
                    ],
                ),
                host="wsgi",
            )
            ask(guard, issuer.token(aud=HOSTILE.encode("ascii", "ignore").decode()))
        for _, line in lines(caplog):
            assert line.isascii()
            assert line.isprintable()
            assert len(line) < 1200


class TestFloods:
    def test_unknown_issuers_share_few_places(self, issuer, caplog):
        with issuer.guard() as guard:
            for number in range(100):
                ask(guard, foreign(f"https://{number}.test"))
            ask(guard, issuer.token(aud="https://other.test"))
        found = levels(caplog)
        assert found.count("WARNING") == 16 + 1
        assert found[-1] == "WARNING"

    def test_places_are_free_again_after_an_hour(self, issuer, caplog):
        with issuer.guard() as guard:
            for number in range(20):
                ask(guard, foreign(f"https://{number}.test"))
            issuer.clock.advance(HOUR)
            caplog.clear()
            ask(guard, foreign("https://new.test"))
            ask(guard, foreign("https://new.test"))
        assert levels(caplog) == ["WARNING", "INFO"]

    def test_issuers_that_a_callable_knows_are_strangers_until_a_signature_is_valid(self, caplog):
        issuer = Issuer()

        def find(name):
            return TrustedIssuer(issuer=name, audience="https://api.test")

        with Guard(issuers=find, transport=issuer.handle, clock=issuer.clock.clock) as guard:
            for number in range(40):
                token = Issuer(f"https://{number}.test").sign(
                    {"iss": f"https://{number}.test"}, {"typ": "x"}
                )
                ask(guard, token)
            assert levels(caplog).count("WARNING") == 16
            ask(guard, issuer.token(aud="https://other.test"))
        assert levels(caplog) == ["WARNING"]

    def test_outages_of_many_issuers_share_one_place_for_each_cause(self, caplog):
        reporter = Reporter(lambda: 0.0, lambda name: None)
        for number in range(300):
            failure = Unreachable("tls", "x", diagnosis=Diagnosis(issuer=f"https://{number}.test"))
            reporter.outage(failure, None, "wsgi")
        assert len(lines(caplog)) == 257
