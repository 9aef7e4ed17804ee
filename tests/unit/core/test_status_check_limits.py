"""The end of a cached token whose status was checked: that of the token, or that of its list."""

from __future__ import annotations

from typing import Any

import pytest

from iiniit_guard.core.cache.entry import CacheEntry, KeyValidity
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.io.effects import run
from tests.unit.core.status_lists import NOW, make, make_known, outcome, server_of


def test_a_token_that_expires_before_its_list_is_cached_until_then():
    issuer, guard = make()
    token = issuer.listed_token(expires_in=10)
    assert outcome(guard, token) == "accepted"
    issuer.clock.advance(14)
    assert outcome(guard, token) == "accepted"
    issuer.clock.advance(1)
    assert outcome(guard, token) == "expired"


@pytest.mark.parametrize(
    ("elapsed", "until", "monotonic", "expected"),
    [
        (0.0, NOW + 9999.0, 9e9, (NOW + 55.0, 60.0)),
        (0.0, NOW + 20.0, 5.0, (NOW + 20.0, 5.0)),
        (59.8, NOW + 9999.0, 9e9, (NOW + 60.5, 60.0)),
    ],
)
def test_the_earliest_end_counts(elapsed, until, monotonic, expected):
    issuer, guard = make()
    issuer.clock.set_wall(NOW + 0.5)
    token = make_known(issuer, guard)
    fetched = issuer.clock.monotonic()
    _, checked = server_of(guard)
    issuer.clock.set_wall(NOW + 0.5 + elapsed)
    entry = CacheEntry(AccessToken(issuer.issuer), 0.0, until, fetched + monotonic, KeyValidity())
    claims = {**issuer.introspect(token), "exp": NOW + 9999}
    assert run(checked.check(entry, claims), guard._engine._runner.perform) is entry
    assert (entry.valid_until, entry.valid_until_monotonic - fetched) == pytest.approx(
        expected, rel=0, abs=1e-6
    )


@pytest.mark.parametrize(("exp", "passes"), [(NOW - 5, False), (NOW - 4.9, True)])
def test_a_token_may_expire_while_its_list_is_fetched(exp, passes):
    issuer, guard = make()
    token = make_known(issuer, guard)
    _, checked = server_of(guard)
    issuer.clock.set_wall(NOW)
    entry = CacheEntry(AccessToken(issuer.issuer), 0.0, NOW + 9.0, 9e9, KeyValidity())
    claims = {**issuer.introspect(token), "exp": exp}
    found: Any = run(checked.check(entry, claims), guard._engine._runner.perform)
    assert found is entry if passes else found.reason is Reason.EXPIRED
