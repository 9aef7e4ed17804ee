"""The guard: what applications and adapters call, in threads and on an event loop, without a network."""

from __future__ import annotations

import asyncio
import pickle
from dataclasses import replace
from urllib.parse import parse_qs

import jwt
import pytest

from iiniit_guard.core.access_token import AccessToken
from iiniit_guard.core.decision import Allow, Deny, Finding, Unavailable
from iiniit_guard.core.outcome import IssuerUnavailable, TokenRefused
from iiniit_guard.core.policy import make_policy
from iiniit_guard.core.problem import PROBLEMS, Reason
from iiniit_guard.core.request import Request
from iiniit_guard.errors import GuardError, UsageError
from iiniit_guard.testing import Issuer, SettableClock

NOW = 1_800_000_000
READ, WRITE = make_policy(["user:read"]), make_policy(["user:write"])


@pytest.fixture
def issuer():
    return Issuer(clock=SettableClock(NOW))


@pytest.fixture
def guard(issuer):
    with issuer.guard() as made:
        yield made


@pytest.fixture
def events():
    return []


@pytest.fixture
def heard(issuer, events):
    """A guard that tells its decisions."""
    with issuer.guard(on_event=events.append) as made:
        yield made


def request(token=None, *more, method="GET", query=b"", line=None):
    line = line if line is not None else b"Bearer " + token.encode() if token is not None else None
    return Request(method, "/", query, [*([] if line is None else [(b"authorization", line)]), *more])


def decide_sync(guard, *arguments, **more):
    return guard.authenticate(*arguments, **more)


def decide_async(guard, *arguments, **more):
    return asyncio.run(guard.authenticate_async(*arguments, **more))


def verify_sync(guard, token):
    return guard.verify(token)


def verify_async(guard, token):
    return asyncio.run(guard.verify_async(token))


both_ways = pytest.mark.parametrize("decide", [decide_sync, decide_async], ids=["sync", "async"])
both_verify = pytest.mark.parametrize("verify", [verify_sync, verify_async], ids=["sync", "async"])


def test_making_one_asks_nobody(issuer):
    """DESIGN §2: constructing does no I/O."""
    with issuer.guard():
        assert issuer.requests == []


class TestDeciding:
    @both_ways
    def test_allow_deny_unavailable(self, issuer, guard, decide):
        token = issuer.token("user:read")
        allowed = decide(guard, request(token), READ)
        assert isinstance(allowed, Allow)
        assert allowed.token is not None
        assert (allowed.token.subject, allowed.cache) == ("user-1", "miss")
        denied = decide(guard, request(token), WRITE)
        assert isinstance(denied, Deny)
        assert denied.reason is Reason.MISSING_SCOPE
        assert decide(guard, request()).reason is Reason.NO_TOKEN
        issuer.fail("connection")
        assert isinstance(decide(guard, request(issuer.opaque_token())), Unavailable)
        assert decide(guard, request(token), READ).cache == "hit", "what is remembered needs nobody"

    @both_ways
    def test_a_refusal_that_rules_found_is_never_passed_by_a_remembered_token(self, issuer, guard, decide):
        token = issuer.token()
        decide(guard, request(token))
        assert decide(guard, request(token), PROBLEMS[Reason.NO_RULE]).reason is Reason.NO_RULE
        assert decide(guard, request(token), PROBLEMS[Reason.AMBIGUOUS_PATH]).reason is Reason.AMBIGUOUS_PATH

    @both_ways
    def test_both_paths_share_what_they_learn(self, issuer, guard, decide):
        token = issuer.token()
        decide_sync(guard, request(token))
        assert decide(guard, request(token)).cache == "hit"
        assert issuer.requests == ["discovery", "jwks"]

    def test_a_verified_token_is_compared_with_a_handlers_policy(self, issuer, guard):
        token = guard.verify(issuer.token("user:read"))
        assert guard.permit(request(), token, READ) == Allow(token)
        assert guard.permit(request(), token, WRITE).reason is Reason.MISSING_SCOPE

    def test_a_problem_found_elsewhere_is_answered(self, guard):
        denied = guard.refuse(request(), PROBLEMS[Reason.METHOD_OVERRIDE])
        assert (denied.status, denied.reason) == (400, Reason.METHOD_OVERRIDE)
        assert 'scope="user:read"' in guard.refuse(request(), PROBLEMS[Reason.MISSING_SCOPE], policy=READ).header("www-authenticate")

    @pytest.mark.parametrize("way", ["sync", "async"])
    def test_application_functions_may_be_asynchronous_on_the_loop_only(self, issuer, way):
        async def validate(token, request):
            await asyncio.sleep(0)
            return token.subject == "user-1"

        with issuer.guard(validators=[validate]) as guard:
            if way == "async":
                assert isinstance(decide_async(guard, request(issuer.token())), Allow)
                assert decide_async(guard, request(issuer.token(subject="x"))).reason is Reason.REFUSED_BY_VALIDATOR
            else:
                with pytest.raises(UsageError, match="validate is asynchronous"):
                    decide_sync(guard, request(issuer.token()))


class TestRecalling:
    """The way past the flow: a remembered token in the usual form."""

    @pytest.fixture
    def token(self, issuer, guard):
        token = issuer.token("user:read")
        guard.authenticate(request(token))
        return token

    def test_the_usual_form(self, guard, token):
        found = guard.recall(b"Bearer " + token.encode(), b"a=b")
        assert found is not None
        assert found.subject == "user-1"
        assert guard.authenticate(request(token)).token is found

    @pytest.mark.parametrize(
        ("authorization", "query"),
        [
            pytest.param(b"bearer {}", b"", id="another spelling of the scheme"),
            pytest.param(b"Bearer  {}", b"", id="two spaces"),
            pytest.param(b"Bearer {},", b"", id="joined"),
            pytest.param(b"Bearer {}", b"access_token=x", id="RFC 6750 §2: another in the query"),
            pytest.param(b"Bearer {}=", b"", id="TRAPS C1: padding is another token"),
            pytest.param(b"Bearer x", b"", id="never seen"),
        ],
    )
    def test_everything_else_is_left_to_the_flow(self, guard, token, authorization, query):
        assert guard.recall(authorization.replace(b"{}", token.encode()), query) is None

    @pytest.mark.parametrize("lines", [[b"Bearer {}", b"Bearer {}"], [b"Basic eA==", b"Bearer {}"], [b"Bearer {}", b"Basic eA=="]])
    def test_a_remembered_token_does_not_hide_a_second_field(self, guard, token, lines):
        """RFC 6750 §3.1."""
        headers = [(b"authorization", line.replace(b"{}", token.encode())) for line in lines]
        assert guard.authenticate(Request("GET", "/", headers=headers)).reason is Reason.SEVERAL_CREDENTIALS

    @pytest.mark.parametrize(
        "settings", [{"validators": [lambda token, request: True]}, {"issuer_resolver": lambda request: "https://issuer.test"}]
    )
    def test_where_more_than_the_token_has_a_say(self, issuer, settings):
        token = issuer.token()
        with issuer.guard(**settings) as guard:
            assert isinstance(guard.authenticate(request(token)), Allow)
            assert guard.recall(b"Bearer " + token.encode()) is None
            assert guard.authenticate(request(token)).cache == "hit"

    def test_the_policy_is_compared(self, guard, token):
        found = guard.recall(b"Bearer " + token.encode(), wanted=make_policy(["user:read"]))
        assert isinstance(found, AccessToken)
        refused = guard.decide_at_once(b"Bearer " + token.encode(), wanted=make_policy(["user:write"]))
        assert refused == Finding(PROBLEMS[Reason.MISSING_SCOPE], found, "hit")

    @pytest.mark.parametrize("subjects", [True, False])
    def test_the_event_is_the_one_that_the_flow_tells(self, issuer, events, subjects):
        """A validator that agrees keeps the same request from being recalled."""
        token = issuer.token()
        for settings in ({}, {"validators": [lambda token, request: True]}):
            with issuer.guard(on_event=events.append, event_subject=subjects, **settings) as guard:
                for _ in range(2):
                    guard.authenticate(request(token, method="PATCH"), make_policy(["user:read"]), host="wsgi")
        missed, hit, missed_by_flow, hit_by_flow = [replace(event, seconds=0) for event in events]
        assert missed == missed_by_flow
        assert hit == hit_by_flow
        assert (hit.cache, hit.host, hit.method, hit.subject) == ("hit", "wsgi", "PATCH", "user-1" if subjects else None)
        assert all(0 <= event.seconds < 60 for event in events)

    def test_what_is_not_recalled_is_not_told(self, issuer, heard, events):
        token = issuer.token()
        assert heard.recall(b"Bearer " + token.encode()) is None
        heard.verify(token)
        assert heard.recall(b"Bearer " + token.encode(), wanted=make_policy(["user:write"])) is None
        assert events == []
        assert heard.recall(b"Bearer " + token.encode(), method="PUT", host="asgi") is not None
        assert [(event.decision, event.method, event.host, event.cache) for event in events] == [("allow", "PUT", "asgi", "hit")]

    def test_a_broken_listener_admits_and_refuses_nobody(self, issuer, caplog):
        def broken(event):
            raise RuntimeError

        token = issuer.token()
        with issuer.guard(on_event=broken) as guard:
            guard.verify(token)
            assert guard.recall(b"Bearer " + token.encode()) is not None
        assert "on_event failed: RuntimeError" in caplog.text

    def test_exp_ends_it(self, issuer, guard, token):
        issuer.clock.advance(305)
        assert guard.recall(b"Bearer " + token.encode()) is None
        assert guard.decide_at_once(b"Bearer " + token.encode()) == Finding(PROBLEMS[Reason.EXPIRED], None, "miss")

    def test_step_up_is_looked_at_on_a_hit(self, issuer, guard):
        token = issuer.token(auth_time=NOW)
        policy = make_policy(max_age=60)
        assert isinstance(guard.authenticate(request(token), policy), Allow)
        issuer.clock.advance(61)
        assert guard.authenticate(request(token), policy).reason is Reason.INSUFFICIENT_AUTHENTICATION


class TestVerifying:
    @both_verify
    def test_a_good_token(self, issuer, guard, verify):
        token = issuer.token("a b")
        assert verify(guard, token).scopes == {"a", "b"}
        assert verify(guard, token) is verify(guard, token)
        assert verify(guard, issuer.opaque_token("c")).scopes == {"c"}

    @both_verify
    @pytest.mark.parametrize(
        ("token", "reason"),
        [
            ("", Reason.MALFORMED_TOKEN),
            ("a b", Reason.MALFORMED_TOKEN),
            ("é", Reason.MALFORMED_TOKEN),
            ("a\n", Reason.MALFORMED_TOKEN),
            ("a" * 16_385, Reason.TOKEN_TOO_LONG),
            ("a" * 16_384, Reason.INACTIVE),
        ],
        ids=["empty", "a space", "not ASCII", "a line feed", "too long", "as long as can be"],
    )
    def test_a_bad_one_is_refused_with_its_reason(self, guard, verify, token, reason):
        with pytest.raises(TokenRefused) as refused:
            verify(guard, token)
        assert refused.value.reason is reason
        assert refused.value.problem.reason is reason
        assert str(refused.value) == PROBLEMS[reason].description

    @both_verify
    def test_what_cannot_be_found_out_is_not_a_refusal(self, issuer, guard, verify):
        issuer.fail("connection")
        with pytest.raises(IssuerUnavailable) as unavailable:
            verify(guard, issuer.token())
        assert unavailable.value.cause == "connection"
        assert unavailable.value.retry_after_seconds >= 1
        assert issuer.token() not in str(unavailable.value)

    @both_verify
    @pytest.mark.parametrize(
        "settings", [{"issuer_resolver": lambda request: None}, {"validators": [lambda token, request: False]}], ids=list
    )
    def test_where_the_request_has_a_say_a_token_alone_cannot_be_verified(self, issuer, verify, settings):
        with issuer.guard(**settings) as guard, pytest.raises(UsageError, match="use authenticate"):
            verify(guard, issuer.token())

    def test_the_exceptions_are_ours(self):
        assert issubclass(TokenRefused, GuardError)
        assert issubclass(IssuerUnavailable, GuardError)


def test_two_guards_share_nothing(issuer):
    """DESIGN §5: a cache belongs to one frozen settings object."""
    token = issuer.token()
    with issuer.guard() as one, issuer.guard(audience="https://other.test") as other:
        assert one.verify(token)
        with pytest.raises(TokenRefused) as refused:
            other.verify(token)
        assert refused.value.reason is Reason.WRONG_AUDIENCE


def test_identifiers_of_assertions_are_never_repeated(issuer):
    """RFC 7523 §3: jti."""
    with issuer.guard(introspection=issuer.credentials("private_key_jwt"), inactive_seconds=0) as guard:
        seen = set()
        for _ in range(3):
            guard.verify(issuer.opaque_token())
            assert issuer.last_request is not None
            assertion = parse_qs(issuer.last_request.body.decode())["client_assertion"][0]
            seen.add(jwt.decode(assertion, options={"verify_signature": False})["jti"])
        assert len(seen) == 3


def test_what_a_token_says_can_be_pickled(issuer, guard):
    token = guard.verify(issuer.token(act={"sub": "x"}))
    assert pickle.loads(pickle.dumps(token)) == token
