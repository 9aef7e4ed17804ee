"""Usage errors: raised when the application is assembled, not at the first request."""

from __future__ import annotations

import pytest
from flask import Flask

from iiniit_guard import asgi, wsgi
from iiniit_guard.adapting.admission import make_admission
from iiniit_guard.errors import SettingsError, UsageError
from iiniit_guard.flask import IiniitGuard
from iiniit_guard.rules import Rule
from iiniit_guard.testing import Issuer


@pytest.fixture
def guard():
    return Issuer().guard()


@pytest.mark.parametrize("middleware", [asgi.GuardMiddleware, wsgi.GuardMiddleware])
@pytest.mark.parametrize(
    "wrong", [None, lambda environ, start_response: []], ids=["nothing", "the application"]
)
def test_a_middleware_wants_its_guard_second(middleware, wrong, guard):
    with pytest.raises(UsageError, match="must be a Guard"):
        middleware(guard, wrong)


def test_the_extension_wants_one_too():
    with pytest.raises(UsageError, match="must be a Guard"):
        IiniitGuard(Flask(__name__), "guard")  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize(
    "rules", [[Rule("GET", "/x")], "rules", object()], ids=["a list", "a text", "an object"]
)
def test_rules_are_an_object_that_can_be_asked(rules):
    with pytest.raises(SettingsError) as raised:
        make_admission(rules=rules)
    assert [fault for fault in raised.value.faults if fault.startswith("rules: must be Rules(")]


@pytest.mark.parametrize("token", [None, b"x", 7])
def test_a_token_to_verify_is_text(guard, token):
    with pytest.raises(UsageError, match="without its scheme"):
        guard.verify(token)
