"""A function of the application in place of the introspection endpoint."""

from __future__ import annotations

import logging

import pytest

from iiniit_guard import ClientSecretBasic, Guard, IssuerUnavailable, TrustedIssuer
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.warm_up import warm_up
from iiniit_guard.testing import Issuer
from tests.unit.core.introspecting import World
from tests.unit.core.stepping import API, INTROSPECT, ISSUER, Steps
from tests.unit.core.test_trusted_issuer import faults

ACTIVE = {"active": True, "sub": "user-1", "aud": API, "scope": "user:read"}


def never(token):
    raise AssertionError(token)


@pytest.fixture
def world():
    return World(introspection=never, introspection_endpoint=None)


def test_the_function_gets_the_token_and_the_time_limit_of_a_call(world):
    asked = world.ask("opaque").asked
    assert (asked.function, asked.arguments, asked.timeout_seconds) == (never, ("opaque",), 5)


def test_concurrent_requests_share_one_call(world):
    first, second = world.ask(), world.ask()

    assert first.asked.arguments == ("opaque",)
    first.send(ACTIVE)
    assert isinstance(second.send(second.join.load.result()).result, AccessToken)
    assert isinstance(world.remembered(), AccessToken)


def test_missed_time_limits_open_the_circuit_breaker(world):
    late = Unreachable("timeout", "late")
    for number in range(5):
        assert world.ask(f"opaque-{number}").send(late).cause == "timeout"

    assert world.ask().cause == "waiting"


def test_tokens_that_make_the_function_fail_do_not_open_the_circuit_breaker(world):
    failed = Unreachable("dropped", "introspection: the function raised HTTPError")
    for number in range(9):
        assert world.ask(f"opaque-{number}").send(failed).cause == "dropped"

    assert isinstance(world.ask().send(ACTIVE).result, AccessToken)


def test_failures_for_known_tokens_open_it(world):
    for number in range(5):
        world.ask(f"opaque-{number}").send(ACTIVE)
    world.clock.advance(60)
    for number in range(5):
        world.ask(f"opaque-{number}").send(Unreachable("dropped", "x"))

    assert world.ask("opaque-0").cause == "waiting"


def test_an_outage_drops_no_active_token(world):
    world.ask().send(ACTIVE)
    world.clock.advance(60)
    assert world.ask().send(Unreachable("dropped", "x")).cause == "dropped"
    assert isinstance(world.ask().send(ACTIVE).result, AccessToken)


def test_a_revoked_token_is_refused(world):
    world.ask().send(ACTIVE)
    world.clock.advance(60)
    assert world.ask().send(None).reason is Reason.INACTIVE


def test_no_metadata_and_no_credentials_are_needed(world):
    class Resource:
        servers = (world.server,)

    world.server.keys.value = object()
    assert Steps(world.server.introspection_endpoint()).result == ""
    issuer = Issuer()
    guard = issuer.guard(introspection=never, jwt="introspect")
    assert Steps(warm_up(guard._engine.resource)).result == ()
    assert issuer.requests == []


def test_the_log_names_the_type_of_the_exception_only(caplog):
    def fail(token):
        raise LookupError(f"no {token}")

    guard = Issuer().guard(introspection=fail)
    with caplog.at_level(logging.INFO, "iiniit_guard"), pytest.raises(IssuerUnavailable) as raised:
        guard.verify("ya29.opaque-text")

    told = f"{raised.value} {raised.value.detail} {caplog.text}"
    assert "the function raised LookupError" in told
    assert "ya29" not in told


def test_an_issuer_that_is_no_url_needs_no_discovery():
    TrustedIssuer(issuer="github", audience=API, jwt="introspect", introspection=never)


def test_no_secret_of_a_function_in_a_repr():
    from functools import partial

    made = TrustedIssuer(issuer=ISSUER, audience=API, introspection=partial(never, "canary"))
    assert "canary" not in repr(made)
    assert "canary" not in repr(Guard(issuers=[made]))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"introspection": never, "introspection_endpoint": INTROSPECT}, ["introspection"]),
        ({"introspection": ClientSecretBasic}, ["introspection"]),
        ({"introspection": never, "profile": "assertion"}, ["introspection"]),
        ({"introspection": never, "issuer": "github"}, ["issuer"]),
    ],
)
def test_faults_of_its_settings(settings, named):
    assert [fault.partition(":")[0] for fault in faults(**settings)] == named
