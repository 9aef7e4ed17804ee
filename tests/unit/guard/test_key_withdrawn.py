"""A key that the issuer withdraws while a token that it signed is being verified."""

from __future__ import annotations

import pytest

from iiniit_guard import TokenRefused
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer


@pytest.fixture
def issuer():
    issuer = Issuer()
    issuer.cache_control = "max-age=300"
    return issuer


def refusal(guard, token):
    with pytest.raises(TokenRefused) as refused:
        guard.verify(token)
    return refused.value.reason


def test_while_the_status_list_is_fetched(issuer):
    """The issuer signs the new list with a new key, so the guard fetches the keys again."""
    withdrawn = []

    def transport(request):
        if armed and not withdrawn and request.url == issuer.status_list.uri:
            withdrawn.append(True)
            issuer.rotate_keys(False)
        return issuer.handle(request)

    armed: list[bool] = []
    guard = issuer.guard(status_list="required", transport=transport)
    guard.verify(issuer.listed_token())
    issuer.clock.advance(30)
    token = issuer.listed_token(expires_in=5000)
    issuer.clock.advance(310)
    armed.append(True)
    assert refusal(guard, token) is Reason.UNKNOWN_KEY
    assert withdrawn, "the status list was not fetched"


def test_while_the_token_is_introspected(issuer):
    """Another request learns the new keys meanwhile."""
    withdrawn = []

    def transport(request):
        if armed and not withdrawn and request.url.endswith("introspect"):
            withdrawn.append(True)
            issuer.rotate_keys(False)
            guard.verify(issuer.token())
        return issuer.handle(request)

    armed: list[bool] = []
    guard = issuer.guard(jwt="both", transport=transport)
    guard.verify(issuer.token())
    issuer.clock.advance(30)
    token = issuer.token(expires_in=5000)
    armed.append(True)
    assert refusal(guard, token) is Reason.UNKNOWN_KEY
    assert withdrawn, "the token was not introspected"
