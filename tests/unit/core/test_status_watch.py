"""The watch of a long-lived connection whose token has a status."""

from __future__ import annotations

import pytest

from iiniit_guard.testing import Issuer
from tests.unit.core.test_token_watch import begun


@pytest.fixture
def issuer():
    return Issuer()


def test_an_uncached_token_with_a_status_is_checked_for_every_message(issuer):
    with issuer.guard(status_list="required", max_cached_bytes=65_536) as guard:
        issuer.status_list.ttl = 10
        token = issuer.listed_token(expires_in=9000, filling=["x" * 9] * 900)
        watch = begun(issuer, guard, token)
        issuer.revoke(token)
        issuer.clock.advance(5)
        assert watch.permits()
        issuer.clock.advance(5)
        assert not watch.permits()
        assert watch.reason == "revoked_by_status_list"


def test_a_connection_ends_with_the_list(issuer):
    with issuer.guard(status_list="required") as guard:
        token = issuer.listed_token(expires_in=9000)
        watch = begun(issuer, guard, token)
        issuer.revoke(token)
        issuer.clock.advance(60)
        assert not watch.is_current()
        assert not watch.permits()
        assert watch.reason == "revoked_by_status_list"
