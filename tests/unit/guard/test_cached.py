"""Decisions of the first half for a cached token."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.decide import Pending
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.verify import verify
from iiniit_guard.io.effects import run
from tests.unit.guard.calling import NOW, begin, request


class TestCached:
    @pytest.fixture
    def token(self, issuer, guard):
        token = issuer.token("user:read")
        guard.authenticate(request(token))
        return token

    def test_the_usual_form(self, guard, token):
        found = begin(guard, token, b"a=b")
        assert isinstance(found, AccessToken)
        assert found.subject == "user-1"
        assert guard.authenticate(request(token)).token is found

    @pytest.mark.parametrize(
        ("authorization", "query"),
        [
            pytest.param(b"Bearer {},", b"", id="joined"),
            pytest.param(b"Bearer {}", b"access_token=x", id="RFC 6750 §2: another in the query"),
            pytest.param(b"Bearer {}=", b"", id="padding is another token"),
        ],
    )
    def test_no_other_credential_passes(self, guard, token, authorization, query):
        found = begin(guard, None, query, line=authorization.replace(b"{}", token.encode()))
        assert isinstance(found.result, Problem)

    @pytest.mark.parametrize("authorization", [b"bearer {}", b"Bearer  {}", b"BEARER {}  "])
    def test_other_spellings_of_the_scheme_find_it_too(self, guard, token, authorization):
        found = begin(guard, None, line=authorization.replace(b"{}", token.encode()))
        assert found is guard.authenticate(request(token)).token

    @pytest.mark.parametrize(
        "lines",
        [
            [b"Bearer {}", b"Bearer {}"],
            [b"Basic eA==", b"Bearer {}"],
            [b"Bearer {}", b"Basic eA=="],
        ],
    )
    def test_a_remembered_token_does_not_hide_a_second_field(self, guard, token, lines):
        """RFC 6750 §3.1."""
        headers = [(b"authorization", line.replace(b"{}", token.encode())) for line in lines]
        assert (
            guard.authenticate(Request("GET", "/", headers=headers)).reason
            is Reason.SEVERAL_CREDENTIALS
        )

    @pytest.mark.parametrize(
        "settings",
        [
            {"validators": [lambda token, request: True]},
            {"issuer_resolver": lambda request: "https://issuer.test"},
        ],
    )
    def test_where_more_than_the_token_has_a_say(self, issuer, settings):
        token = issuer.token()
        with issuer.guard(**settings) as guard:
            assert isinstance(guard.authenticate(request(token)), Allow)
            found = begin(guard, token)
            assert isinstance(found.result, Pending)
            assert guard.authenticate(request(token)).cache == "hit"

    def test_the_policy_is_compared(self, guard, token):
        found = begin(guard, token, requirement=make_policy(["user:read"]))
        assert isinstance(found, AccessToken)
        refused = begin(guard, token, requirement=make_policy(["user:write"]))
        assert (refused.result, refused.presented.token, refused.presented.cache) == (
            PROBLEMS[Reason.MISSING_SCOPE],
            found,
            "hit",
        )

    @pytest.mark.parametrize("subjects", [True, False])
    def test_the_event_is_the_one_that_the_flow_tells(self, issuer, events, subjects):
        """A validator keeps the request off the fast path."""
        token = issuer.token()
        for settings in ({}, {"validators": [lambda token, request: True]}):
            with issuer.guard(on_event=events.append, event_subject=subjects, **settings) as guard:
                for _ in range(2):
                    guard.authenticate(
                        request(token, method="PATCH"), make_policy(["user:read"]), host="wsgi"
                    )
        missed, hit, missed_by_flow, hit_by_flow = [replace(event, seconds=0) for event in events]
        assert missed == missed_by_flow
        assert hit == hit_by_flow
        assert (hit.cache, hit.host, hit.method, hit.subject) == (
            "hit",
            "wsgi",
            "PATCH",
            "user-1" if subjects else None,
        )
        assert all(0 <= event.seconds < 60 for event in events)

    def test_what_is_pending_or_refused_is_no_event_yet(self, issuer, heard, events):
        token = issuer.token()
        assert isinstance(begin(heard, token).result, Pending)
        heard.verify(token)
        assert isinstance(
            begin(heard, token, requirement=make_policy(["user:write"])).result, Problem
        )
        assert events == []
        assert isinstance(begin(heard, token, method="PUT", host="asgi"), AccessToken)
        assert [(event.decision, event.method, event.host, event.cache) for event in events] == [
            ("allow", "PUT", "asgi", "hit")
        ]

    def test_a_broken_listener_admits_and_refuses_nobody(self, issuer, caplog):
        def broken(event):
            raise RuntimeError

        token = issuer.token()
        with issuer.guard(on_event=broken) as guard:
            guard.verify(token)
            assert isinstance(begin(guard, token), AccessToken)
        assert "on_event failed: RuntimeError" in caplog.text

    def test_exp_ends_it(self, issuer, guard, token):
        issuer.clock.advance(305)
        found = begin(guard, token)
        assert (found.result, found.presented.token, found.presented.cache) == (
            PROBLEMS[Reason.EXPIRED],
            None,
            "miss",
        )

    def test_step_up_is_looked_at_on_a_hit(self, issuer, guard):
        token = issuer.token(auth_time=NOW)
        policy = make_policy(max_age=60)
        assert isinstance(guard.authenticate(request(token), policy), Allow)
        issuer.clock.advance(61)
        assert (
            guard.authenticate(request(token), policy).reason is Reason.INSUFFICIENT_AUTHENTICATION
        )


class TestFoundForAGateway:
    """`find` grants a request from the cache alone, so it must not see two credentials."""

    @pytest.mark.parametrize(
        ("settings", "line", "query", "is_found"),
        [
            ({}, "Bearer {}", b"", True),
            ({}, "Bearer {} \t", b"", True),
            ({}, "Bearer {}", b"a=b", True),
            ({}, "Bearer {}", b"access_token=x", False),
            ({}, "Bearer {}", b"%61ccess_token=x", False),
            ({"query_token": "ignore"}, "Bearer {}", b"access_token=x", True),
            ({}, "Basic  {}", b"", False),
            ({}, "bearer {}", b"", False),
            ({}, "Bearer x{}", b"", False),
            ({"validators": [lambda token, request: True]}, "Bearer {}", b"", False),
            ({"dpop": "required"}, "Bearer {}", b"", False),
        ],
    )
    def test_a_cached_token(self, issuer, settings, line, query, is_found):
        token = issuer.token()
        with issuer.guard(**settings) as guard:
            engine, digest = guard._engine, digest_of(token)
            run(verify(token.encode(), digest, engine.resource), engine._runner.perform)
            assert engine.resource.find(digest) is not None
            found = engine.find(line.format(token).encode(), query)
            assert (found is not None) is is_found
            assert found is None or found.token.subject == "user-1"

    def test_no_other_token(self, issuer, guard):
        assert guard._engine.find(b"Bearer " + issuer.token().encode(), b"") is None
