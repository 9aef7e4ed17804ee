"""Checks of the application: validators and other credentials."""

from __future__ import annotations

import pytest

from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.errors import UsageError
from tests.unit.core.deciding import World, reason_of
from tests.unit.core.stepping import (
    API,
    ISSUER,
    KEY,
    NOW,
    bearer,
    key_set,
)

READ = make_policy(["user:read"])
WRITE = make_policy(["user:write"])


class TestValidators:
    """Validators of the application: any result but True refuses the token."""

    def test_all_must_say_true_about_token_and_request(self):
        world = World(validators=[print, repr])
        request = bearer(world.mint())
        steps = world.decide(request).send(key_set(KEY))
        assert steps.asked.function is print
        assert steps.asked.arguments[0].subject == "user-1"
        assert steps.asked.arguments[1] is request
        assert steps.send(True).asked.function is repr
        assert isinstance(steps.send(True).result, Allow)

    @pytest.mark.parametrize("answer", [False, None, 1, "yes", object()])
    def test_whatever_is_not_true_refuses_on_a_hit_too(self, answer):
        world = World(validators=[print])
        token = world.mint()
        assert (
            reason_of(world.decide(token).send(key_set(KEY)).send(answer))
            is Reason.REFUSED_BY_VALIDATOR
        )
        denied = world.decide(token).send(answer).result
        assert (denied.reason, denied.cache) == (Reason.REFUSED_BY_VALIDATOR, "hit")

    def test_a_bad_token_is_not_shown_to_them(self):
        world = World(validators=[print])
        assert (
            reason_of(world.decide(world.mint(exp=NOW - 99)).send(key_set(KEY))) is Reason.EXPIRED
        )


class TestAlternatives:
    """Other credentials: the scheme alone selects the function, and no second one is tried."""

    def world(self):
        return World(alternatives={"ApiKey": print})

    def test_a_principal_passes(self):
        world = self.world()
        request = bearer(authorization="apikey k1")
        steps = world.decide(request, READ)
        assert (steps.asked.function, steps.asked.arguments) == (print, ("k1", request))
        principal = Principal("ApiKey", "machine", frozenset({"user:read"}))
        assert steps.send(principal).result == Allow(None, principal)

    def test_none_is_401_with_the_challenges(self):
        denied = self.world().decide(bearer(authorization="ApiKey k1")).send(None).result
        assert (denied.status, denied.reason) == (401, Reason.UNKNOWN_CREDENTIAL)
        challenges = denied.header("www-authenticate")
        assert challenges.startswith(f'Bearer realm="{API}", DPoP realm="{API}", algs="')
        assert challenges.endswith(f'", ApiKey realm="{API}"')

    def test_too_little_scope_is_said_under_the_scheme_used(self):
        denied = (
            self.world()
            .decide(bearer(authorization="ApiKey k1"), READ)
            .send(Principal("ApiKey"))
            .result
        )
        assert denied.reason is Reason.MISSING_SCOPE
        assert f'ApiKey realm="{API}", error="insufficient_scope"' in denied.header(
            "www-authenticate"
        )

    @pytest.mark.parametrize("value", ["", " \xe9", " " + "x" * 16_385])
    def test_a_malformed_or_overlong_one_is_said_under_the_scheme_used(self, value):
        """RFC 6750 §3.1."""
        denied = self.world().decide(bearer(authorization=f"APIKEY{value}")).result
        assert denied.status == 400
        challenges = denied.header("www-authenticate")
        assert challenges.count("error=") == 1
        assert f', ApiKey realm="{API}", error="invalid_request"' in challenges

    def test_no_rule_holds_for_principals_too(self):
        denied = (
            self.world()
            .decide(bearer(authorization="ApiKey k1"), PROBLEMS[Reason.NO_RULE])
            .send(Principal("ApiKey"))
            .result
        )
        assert (denied.status, denied.reason) == (403, Reason.NO_RULE)

    @pytest.mark.parametrize(
        "answer", [True, "k1", Principal("apikey"), Principal("Other"), AccessToken(ISSUER)]
    )
    def test_anything_else_is_a_mistake_in_the_code_and_never_a_pass(self, answer):
        with pytest.raises(UsageError, match="alternatives: ApiKey"):
            self.world().decide(bearer(authorization="ApiKey k1")).send(answer)
