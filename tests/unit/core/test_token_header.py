"""The setting `token_header` outside of the decision about one request."""

from __future__ import annotations

import logging

import pytest

from iiniit_guard import Principal, SettingsError
from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.testing import Issuer

FIELD = b"x-token"
ANONYMOUS = make_policy(anonymous=True)


@pytest.fixture
def issuer():
    return Issuer()


def request(*lines, path="/", **authorization):
    others = [(b"authorization", value.encode()) for value in authorization.values()]
    return Request("GET", path, b"", [*((FIELD, line.encode()) for line in lines), *others])


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"insecure_query_token": True}, "token_header"),
        ({"websocket_subprotocol_token": True}, "token_header"),
        ({"profile": "assertion", "introspection": None}, "token_header"),
    ],
)
def test_no_other_place_is_read_beside_it(issuer, settings, fault):
    with pytest.raises(SettingsError) as raised:
        issuer.guard(token_header="X-Token", **settings)
    assert [each.partition(":")[0] for each in raised.value.faults] == [fault]


def test_a_request_without_the_field_is_anonymous(issuer):
    guard = issuer.guard(token_header="X-Token")

    for asked in (request(), request(""), request(sent="Bearer x")):
        assert isinstance(guard.authenticate(asked, ANONYMOUS), Allow)
    for asked in (request("Basic eA=="), request("Bearer x", "Bearer y")):
        assert not isinstance(guard.authenticate(asked, ANONYMOUS), Allow)


def test_a_credential_of_another_scheme_is_read_from_the_field(issuer):
    guard = issuer.guard(
        token_header="X-Token",
        alternatives={"ApiKey": lambda key, _: Principal("ApiKey")},
    )

    assert isinstance(guard.authenticate(request("ApiKey k-1")), Allow)
    for asked in (request(sent="ApiKey k-1"), request("apikey"), request("k-1, ApiKey k-1")):
        assert not isinstance(guard.authenticate(asked), Allow)


def test_the_cached_token_of_authorization_lets_nothing_pass(issuer):
    guard, token = issuer.guard(token_header="X-Token"), issuer.token()
    guard.verify(token)

    decision = guard.authenticate(request(sent=f"Bearer {token}"))

    assert decision.reason is Reason.NO_TOKEN
    assert guard._engine.find(f"Bearer {token}".encode(), b"") is None


@pytest.mark.parametrize("line", ["{}", "Bearer {}", "bearer {}"])
def test_events_have_the_digest_of_the_token_in_the_field(issuer, line):
    events = []
    guard, token = issuer.guard(token_header="X-Token", on_event=events.append), issuer.token()

    guard.authenticate(request(line.format(token), sent="Bearer other"))

    assert events[0].token_digest == digest_of(token).hex()[:16]


def test_events_have_no_digest_of_another_value(issuer):
    events = []
    guard = issuer.guard(token_header="X-Token", on_event=events.append)
    for asked in (request("?"), request("Basic eA=="), request("a", "b"), request(sent="Bearer x")):
        guard.authenticate(asked)

    assert [event.token_digest for event in events] == [None] * 4


def test_the_log_hides_the_token_of_the_field_in_a_path(issuer, caplog):
    guard = issuer.guard(token_header="X-Token")
    with caplog.at_level(logging.INFO, "iiniit_guard"):
        guard.authenticate(request("opaque-secret", path="/of/opaque-secret"))

    assert "/of/(token)" in caplog.text
    assert "opaque-secret" not in caplog.text
