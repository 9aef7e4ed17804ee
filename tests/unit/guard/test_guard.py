"""The methods of a guard, in threads and on an event loop, without a network."""

from __future__ import annotations

import asyncio
import pickle
from urllib.parse import parse_qs

import jwt
import pytest

from iiniit_guard.core.errors import IssuerUnavailable, TokenRefused
from iiniit_guard.core.model.decision import Allow, Deny, Unavailable
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.errors import GuardError, UsageError
from tests.unit.guard.calling import (
    READ,
    WRITE,
    both_verify,
    both_ways,
    decide_async,
    decide_sync,
    request,
)


def test_making_one_asks_nobody(issuer):
    """The constructor does no I/O."""
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
    def test_a_refusal_that_rules_found_is_never_passed_by_a_remembered_token(
        self, issuer, guard, decide
    ):
        token = issuer.token()
        decide(guard, request(token))
        assert decide(guard, request(token), PROBLEMS[Reason.NO_RULE]).reason is Reason.NO_RULE
        assert (
            decide(guard, request(token), PROBLEMS[Reason.AMBIGUOUS_PATH]).reason
            is Reason.AMBIGUOUS_PATH
        )

    @both_ways
    def test_both_paths_share_what_they_learn(self, issuer, guard, decide):
        token = issuer.token()
        decide_sync(guard, request(token))
        assert decide(guard, request(token)).cache == "hit"
        assert issuer.requests == ["discovery", "jwks"]

    def test_a_verified_token_is_compared_with_a_handlers_policy(self, issuer, guard):
        token = guard.verify(issuer.token("user:read"))
        assert guard._engine.authorize(request(), token, READ) == Allow(token)
        assert guard._engine.authorize(request(), token, WRITE).reason is Reason.MISSING_SCOPE

    def test_a_problem_found_elsewhere_is_answered(self, guard):
        denied = guard._engine.refuse(request(), PROBLEMS[Reason.METHOD_OVERRIDE])
        assert (denied.status, denied.reason) == (400, Reason.METHOD_OVERRIDE)
        assert 'scope="user:read"' in guard._engine.refuse(
            request(), PROBLEMS[Reason.MISSING_SCOPE], policy=READ
        ).header("www-authenticate")

    @pytest.mark.parametrize("way", ["sync", "async"])
    def test_application_functions_may_be_asynchronous_on_the_loop_only(self, issuer, way):
        async def validate(token, request):
            await asyncio.sleep(0)
            return token.subject == "user-1"

        with issuer.guard(validators=[validate]) as guard:
            if way == "async":
                assert isinstance(decide_async(guard, request(issuer.token())), Allow)
                assert (
                    decide_async(guard, request(issuer.token(subject="x"))).reason
                    is Reason.REFUSED_BY_VALIDATOR
                )
            else:
                with pytest.raises(UsageError, match="validate is asynchronous"):
                    decide_sync(guard, request(issuer.token()))


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
        assert str(unavailable.value).startswith("the authorization server is not available: ")
        assert issuer.token() not in str(unavailable.value)

    @both_verify
    @pytest.mark.parametrize(
        "settings",
        [{"issuer_resolver": lambda request: None}, {"validators": [lambda token, request: False]}],
        ids=list,
    )
    def test_where_the_request_has_a_say_a_token_alone_cannot_be_verified(
        self, issuer, verify, settings
    ):
        with issuer.guard(**settings) as guard, pytest.raises(UsageError, match="use authenticate"):
            verify(guard, issuer.token())

    def test_the_exceptions_are_ours(self):
        assert issubclass(TokenRefused, GuardError)
        assert issubclass(IssuerUnavailable, GuardError)


def test_two_guards_share_nothing(issuer):
    """A cache belongs to one frozen settings object."""
    token = issuer.token()
    with issuer.guard() as one, issuer.guard(audience="https://other.test") as other:
        assert one.verify(token)
        with pytest.raises(TokenRefused) as refused:
            other.verify(token)
        assert refused.value.reason is Reason.WRONG_AUDIENCE


def test_identifiers_of_assertions_are_never_repeated(issuer):
    """RFC 7523 §3: jti."""
    with issuer.guard(
        introspection=issuer.credentials("private_key_jwt"), inactive_seconds=0
    ) as guard:
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
