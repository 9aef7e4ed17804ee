"""A repeated check of an open connection asks the issuer before the cached answer ends."""

from __future__ import annotations

import asyncio

from iiniit_guard.testing import Issuer
from tests.unit.core.test_token_watch import begun


def test_a_check_before_the_deadline_does_not_use_the_cached_answer():
    issuer = Issuer()
    with issuer.guard(jwt="introspect") as guard:
        token = issuer.opaque_token()
        watch = begun(issuer, guard, token)
        issuer.revoke(token)
        issuer.clock.advance(50)
        assert watch.is_current()
        asyncio.run(watch.finish_async(watch.begin(), issuer.clock.clock.now()))
        assert watch.reason == "inactive"
