"""The lines of the logger `iiniit_guard` about refusals and outages."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import get_args

import pytest

from iiniit_guard import (
    ClientSecretPost,
    Guard,
    IssuerUnavailable,
    Request,
    SecretFile,
    TokenRefused,
    TrustedIssuer,
)
from iiniit_guard.core.http.hints import CAUSE_HINTS, HINTS, TOPIC_HINTS
from iiniit_guard.core.model.diagnosis import LONGEST, Diagnosis, listed
from iiniit_guard.core.model.flow import Cause, Unreachable
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.reporting import Reporter, escaped
from iiniit_guard.testing import Issuer, SettableClock

HOUR = 3_600
HOSTILE = '\r\nadmin logged in\x1b[2J\x00\u202e"\\\ud800' + "é" * 500


@pytest.fixture(autouse=True)
def all_levels(caplog):
    caplog.set_level(logging.INFO, "iiniit_guard")


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


def ask(guard: Guard, token: str | None, path: str = "/orders", query: bytes = b"") -> None:
    headers = [] if token is None else [(b"authorization", b"Bearer " + token.encode())]
    guard.authenticate(Request("GET", path, query, headers), host="flask")


def lines(caplog) -> list[tuple[str, str]]:
    found = [(each.levelname, each.getMessage()) for each in caplog.records]
    caplog.clear()
    return found


def levels(caplog) -> list[str]:
    return [level for level, _ in lines(caplog)]


def foreign(iss: str) -> str:
    return Issuer().sign({"iss": iss, "aud": "https://api.test", "exp": 4e9, "sub": "x"})


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
            (lambda one: foreign("https://x.test/"), "unknown_issuer", ('received="https://x.test/"', 'expected="https://issuer.test"')),
            (lambda one: one.token(aud=["a", 'b" c']), "wrong_audience", (r'received="a, b\" c"', 'expected="https://api.test"')),
            (lambda one: one.token(header={"typ": "logout+jwt"}), "wrong_type", ('expected="(no typ), at+jwt, jwt"',)),
            (lambda one: one.token(header={"alg": "HS256"}), "unsupported_algorithm", ('expected="ES256',)),
            (lambda one: one.token(header={"kid": "another"}), "unknown_key", ("jwks_uri",)),
            (lambda one: one.opaque_token(), "malformed_token", ("set introspection",)),
            (lambda one: one.token() + ".x.y", "malformed_token", ("encrypted",)),
        ],
        ids=["issuer", "audience", "type", "algorithm", "key", "opaque", "parts"],
    )  # fmt: skip
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

    def test_a_header_without_a_token_hides_nothing(self, issuer, caplog):
        with issuer.guard() as guard:
            guard.authenticate(Request("GET", "/orders", b"", [(b"authorization", b"")]))
        assert '"/orders"' in lines(caplog)[0][1]

    def test_no_value_breaks_a_line(self, issuer, caplog):
        with issuer.guard() as guard:
            guard.authenticate(
                Request(HOSTILE, "/" + HOSTILE, b"", [(b"authorization", b"Bearer " + foreign("https://x\n" + HOSTILE[:20]).encode())]),
                host="wsgi",
            )  # fmt: skip
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
                token = Issuer(f"https://{number}.test").sign({"iss": f"https://{number}.test"}, {"typ": "x"})  # fmt: skip
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


class TestOutages:
    def test_once_a_minute_for_each_cause(self, issuer, caplog):
        with issuer.guard() as guard:
            issuer.fail("connection")
            for _ in range(3):
                ask(guard, issuer.token())
            ((level, line),) = lines(caplog)
            assert level == "WARNING"
            assert line == (
                'unavailable 503 issuer_unavailable GET "/orders" host=flask '
                'issuer="https://issuer.test" '
                'url="https://issuer.test/.well-known/oauth-authorization-server" '
                'detail="connection: the connection was refused" '
                f"check: {CAUSE_HINTS['connection']}"
            )
            issuer.clock.advance(61)
            ask(guard, issuer.token())
            ((_, line),) = lines(caplog)
            assert " omitted=2 check: " in line
            issuer.fail("tls")
            issuer.clock.advance(31)
            ask(guard, issuer.token())
            assert levels(caplog) == ["WARNING"]

    def test_an_outage_without_a_request(self, issuer, caplog):
        issuer.fail("connection")
        with issuer.guard() as guard:
            with pytest.raises(IssuerUnavailable) as outage:
                guard.verify(issuer.token())
            with pytest.raises(TokenRefused):
                asyncio.run(guard.verify_async(foreign("https://x.test")))
        assert "jwks" in outage.value.detail or "refused" in outage.value.detail
        first, second = lines(caplog)
        assert first[1].startswith("unavailable 503 issuer_unavailable - - host=verify ")
        assert second[1].startswith("deny 401 unknown_issuer - - host=verify ")

    def test_a_refresh_that_fails_is_logged_although_the_requests_pass(self, issuer, caplog):
        with issuer.guard() as guard:
            ask(guard, issuer.token())
            issuer.fail("connection", "jwks")
            issuer.clock.advance(4_000)
            ask(guard, issuer.token())
        ((level, line),) = lines(caplog)
        assert level == "WARNING"
        assert line.startswith("background failure - - host=- issuer=")
        assert 'url="https://issuer.test/jwks"' in line

    def test_the_query_of_a_url_is_not_logged(self, issuer, caplog):
        issuer.fail("connection")
        with issuer.guard(jwks_uri="https://issuer.test/jwks?key=secret") as guard:
            ask(guard, issuer.token())
        ((_, line),) = lines(caplog)
        assert 'url="https://issuer.test/jwks"' in line
        assert "secret" not in line

    def test_a_missing_secret_file_is_a_failure_of_the_issuer(self, issuer, tmp_path, caplog):
        file = tmp_path / "secret"
        with issuer.guard(introspection=ClientSecretPost("api", SecretFile(str(file)))) as guard:
            ask(guard, issuer.opaque_token())
            (server,) = guard._engine.resource.servers
            assert server.failure is not None
            assert server.failure.cause == "file"
            ((_, line),) = lines(caplog)
            assert str(file) in line
            assert TOPIC_HINTS["client_secret"] in line
            assert asyncio.run(guard.warm_up_async()) == (
                f"https://issuer.test: FileNotFoundError: {file}",
            )
            assert lines(caplog)[0][1].startswith("background failure")
            file.write_text(issuer.client_check.client_secret)
            assert asyncio.run(guard.warm_up_async()) == ()
            assert server.failure is None

    def test_a_missing_secret_of_the_store_is_logged(self, issuer, tmp_path, caplog):
        settings = {
            "introspection": issuer.credentials("client_secret_basic"),
            "store_url": "redis://127.0.0.1:9",
            "store_secret": SecretFile(str(tmp_path / "none")),
        }
        with issuer.guard(**settings) as guard:
            ask(guard, issuer.opaque_token())
        assert TOPIC_HINTS["store_secret"] in lines(caplog)[0][1]


class TestEvents:
    def test_an_event_carries_cause_and_detail(self, issuer):
        events = []
        with issuer.guard(on_event=events.append) as guard:
            ask(guard, issuer.token(aud="https://other.test"))
            issuer.fail("tls")
            issuer.clock.advance(4_000)
            issuer.clock.advance(4_000)
            ask(guard, issuer.token())
        refused, failed = events
        assert (refused.cause, refused.issuer) == (None, None)
        assert refused.detail == 'received="https://other.test" expected="https://api.test"'
        assert (failed.cause, failed.issuer) == ("tls", "https://issuer.test")
        assert "the certificate has expired" in failed.detail

    def test_the_client_learns_nothing_more(self, issuer):
        with issuer.guard() as guard:
            token = issuer.token(aud="https://other.test")
            headers = [(b"authorization", b"Bearer " + token.encode())]
            refusal = guard.authenticate(Request("GET", "/", b"", headers))
        assert b"other" not in refusal.body
        assert "other" not in str(refusal.headers)


def test_there_is_one_hint_for_each_reason_and_cause():
    assert set(HINTS) == set(Reason)
    assert set(CAUSE_HINTS) == set(get_args(Cause))
    assert all(hint and hint.isprintable() for hint in (*HINTS.values(), *CAUSE_HINTS.values()))


@pytest.mark.parametrize("value", ["", "x", HOSTILE, "\x7f\x9b", "x" * 10_000])
def test_escaped_values(value):
    text = escaped(value)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= LONGEST + 2
    assert text[0] == text[-1] == '"'


def test_listed_values_are_cut():
    assert listed([]) == ""
    assert listed(["a", 1, "b"]) == "a, b"
    assert len(listed(["x" * 1_000] * 1_000)) == LONGEST


def test_a_diagnosis_keeps_what_is_known():
    known = Diagnosis(issuer="a").updated(issuer="b", status=500)
    assert (known.issuer, known.status) == ("a", 500)
    assert known.updated(issuer="c") is known


def test_a_diagnosis_does_not_count_for_equality():
    assert PROBLEMS[Reason.EXPIRED].about(received="x") == PROBLEMS[Reason.EXPIRED]
    assert "canary" not in repr(PROBLEMS[Reason.EXPIRED].about(received="canary"))


def test_a_fork_gets_a_new_lock():
    reporter = Reporter(lambda: 0.0, lambda name: None)
    reporter._lock.acquire()
    reporter.after_fork()
    reporter.outage(Unreachable("tls", "x"), None, "wsgi")


def test_the_clock_is_the_one_of_the_guard(caplog):
    clock = SettableClock()
    issuer = Issuer(clock=clock)
    with issuer.guard() as guard:
        ask(guard, foreign("https://x.test"))
        clock.advance(HOUR)
        ask(guard, foreign("https://x.test"))
    assert levels(caplog) == ["WARNING", "WARNING"]


def test_an_accepted_token_runs_no_code_of_the_log(issuer):
    """Neither a token from the cache nor a new JWT with known keys costs a call."""
    called = []

    def profile(frame, event, argument):
        if event == "call":
            called.append(frame.f_code.co_filename.rpartition("/")[2])

    token = issuer.token()
    with issuer.guard() as guard:
        ask(guard, token)
        fresh = issuer.token()
        sys.setprofile(profile)
        try:
            ask(guard, token)
            ask(guard, fresh)
        finally:
            sys.setprofile(None)
    assert "decide.py" in called
    assert not {"reporting.py", "diagnosis.py", "hints.py"} & set(called)
