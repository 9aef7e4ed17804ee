"""The lines of the logger `iiniit_guard` about outages, and what every line has in common."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from typing import get_args

import pytest

from iiniit_guard import (
    Allow,
    ClientSecretPost,
    Guard,
    IssuerUnavailable,
    Request,
    SecretFile,
    TokenRefused,
)
from iiniit_guard.core.http.hints import CAUSE_HINTS, HINTS, TOPIC_HINTS
from iiniit_guard.core.model.diagnosis import LONGEST, Cause, Diagnosis, listed
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.reporting import Reporter, escaped
from iiniit_guard.testing import Issuer, SettableClock
from tests.unit.log_lines import HOSTILE, HOUR, ask, foreign, levels, lines


@pytest.fixture(autouse=True)
def all_levels(caplog):
    caplog.set_level(logging.INFO, "iiniit_guard")


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


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

    def test_each_purpose_is_logged_although_all_fail_for_one_cause(self, issuer, caplog):
        with issuer.guard(status_list="check") as guard:
            ask(guard, issuer.listed_token())
            issuer.fail("connection")
            issuer.clock.advance(4_000)
            ask(guard, issuer.listed_token())
        urls = [
            re.findall(r'url="https://issuer.test/([^"]*)"', line)[0] for _, line in lines(caplog)
        ]
        discovery = ".well-known/oauth-authorization-server"
        assert sorted(urls) == [discovery, "jwks", "statuslists/1"]

    def test_a_line_says_for_how_long_the_calls_fail(self, issuer, caplog):
        with issuer.guard(status_list="check") as guard:
            ask(guard, issuer.listed_token())
            lines(caplog)
            issuer.clock.advance(61)
            found = []
            with issuer.down(at="status_list"):
                for seconds in (0, 65, 70):
                    issuer.clock.advance(seconds)
                    ask(guard, issuer.listed_token())
                    found += re.findall(r" failing_for=(\d+)s", lines(caplog)[0][1]) or ["new"]
            assert found == ["new", "65", "135"]
            issuer.clock.advance(61)
            ask(guard, issuer.listed_token())
            issuer.clock.advance(61)
            issuer.fail("connection", at="status_list")
            ask(guard, issuer.listed_token())
            assert "failing_for" not in lines(caplog)[0][1]

    @pytest.mark.parametrize(("seconds", "written"), [(0.9, []), (1.0, ["1"])])
    def test_a_duration_is_written_from_one_second_on(self, seconds, written, caplog):
        reporter = Reporter(lambda: 0.0, lambda issuer: None)
        failure = Unreachable("answer", "status 500").about(failing_seconds=seconds)
        reporter.outage(failure, None, "verify")
        assert re.findall(r" failing_for=(\d+)s", lines(caplog)[0][1]) == written

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

    @pytest.mark.parametrize("close", [Guard.close, lambda guard: asyncio.run(guard.aclose())])
    def test_what_fails_because_the_guard_was_closed_is_not_logged(self, issuer, caplog, close):
        guard = issuer.guard()
        close(guard)
        guard._engine.reporter.background(Unreachable("dropped", "the connection was closed"))
        assert lines(caplog) == []

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


def test_a_problem_without_news_is_the_same_object():
    """The negative cache holds thousands of refusals of one issuer."""
    inactive = PROBLEMS[Reason.INACTIVE].about(issuer="a")
    assert inactive.about(issuer="a") is inactive
    assert inactive.about(received="x") is not inactive


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


def test_a_log_that_fails_changes_no_decision(issuer):
    def fail(record: logging.LogRecord) -> bool:
        raise RuntimeError(record.msg)

    log = logging.getLogger("iiniit_guard")
    log.addFilter(fail)
    try:
        with issuer.guard() as guard:
            assert guard.authenticate(Request("GET", "/")).reason is Reason.NO_TOKEN
            guard.verify(issuer.token())
            issuer.fail("connection")
            issuer.clock.advance(HOUR)  # the keys are stale, which a line reports
            sent = [(b"authorization", f"Bearer {issuer.token()}".encode())]
            assert isinstance(guard.authenticate(Request("GET", "/", b"", sent)), Allow)
    finally:
        log.removeFilter(fail)
