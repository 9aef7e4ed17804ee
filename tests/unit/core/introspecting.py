"""One issuer with introspection, whose calls run step by step."""

from __future__ import annotations

from iiniit_guard.core.cache.tokens import TokenCache, digest_of
from iiniit_guard.core.issuer.introspection import introspect
from iiniit_guard.core.model.problem import Reason
from tests.unit.core.stepping import CREDENTIALS, INACTIVE, Steps, active, make_clock, make_server


class World:
    """One issuer with introspection, and the cache of its active answers."""

    def __init__(self, **settings):
        self.clock = make_clock()
        self.server = make_server(self.clock, **{"introspection": CREDENTIALS, **settings})
        self.cache = TokenCache(100, self.clock.clock)
        self.begun: list[Steps] = []  # a flow without a reference is cancelled

    def ask(self, token="opaque", **more):
        self.begun.append(
            Steps(introspect(token, digest_of(token), self.server, self.cache, **more))
        )
        return self.begun[-1]

    def remembered(self, token="opaque"):
        return self.cache.get(digest_of(token))

    def end(self, token="opaque"):
        """Answer `inactive` for a token that was active before."""
        assert self.ask(token).send(active(self.clock)).ended
        self.clock.advance(60)
        assert self.ask(token).send(INACTIVE).reason is Reason.INACTIVE
