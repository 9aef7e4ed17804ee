"""Many requests about found issuers: what they cost, and what is bounded."""

from __future__ import annotations

import asyncio

import pytest

from iiniit_guard import Allow, Guard, Request
from iiniit_guard.core.errors import IssuerUnavailable, TokenRefused
from iiniit_guard.testing import Issuer, SettableClock, make_key, network, trusted
from tests.integration.test_found_issuers import World

KNOWN, UNKNOWN = "https://known.test", "https://unknown.test"


class TestCycling:
    """A client names many known tenants, in unsigned tokens."""

    def world(self, number):
        clock = SettableClock(1_800_000_000)
        tenants = [Issuer(f"https://t{each}.test", clock=clock) for each in range(number)]
        names = {tenant.issuer: tenant for tenant in tenants}
        guard = Guard(
            issuers=lambda name: (
                trusted(names[name], introspection=None) if name in names else None
            ),
            realm="x",
            transport=network(*tenants),
            clock=clock.clock,
        )
        return clock, tenants, guard

    def name_all(self, guard, tenants):
        key = make_key("ES256", "a stranger")
        for tenant in tenants:
            with pytest.raises((TokenRefused, IssuerUnavailable)):
                guard.verify(tenant.token(sign_with=key))

    def test_it_costs_one_load_each(self):
        clock, tenants, guard = self.world(80)
        for _ in range(5):
            clock.advance(1)
            self.name_all(guard, tenants)
        assert sum(len(tenant.requests) for tenant in tenants) == 160
        for tenant in tenants:  # nor does a tenant lose its keys
            assert guard.verify(tenant.token())
        assert sum(len(tenant.requests) for tenant in tenants) == 160

    def test_first_loads_are_bounded_over_all_of_them(self):
        clock, tenants, guard = self.world(300)
        for _ in range(3):
            self.name_all(guard, tenants)
        assert sum(len(tenant.requests) for tenant in tenants) == 2 * 256
        clock.advance(1)
        self.name_all(guard, tenants)
        assert sum(len(tenant.requests) for tenant in tenants) == 2 * (256 + 16)
        assert guard.verify(tenants[0].token()), "those that are loaded are served"


def test_many_requests_at_once_ask_the_callable_once_about_an_issuer():
    world = World()
    token = world.known.token()

    async def find(name):
        world.asked.append(name)
        await asyncio.sleep(0)
        return trusted(world.known)

    guard = Guard(
        issuers=find, realm="test", clock=world.clock.clock, transport=network(world.known)
    )

    async def main():
        request = Request("GET", "/", headers=[(b"authorization", b"Bearer " + token.encode())])
        for _ in range(2):
            decisions = await asyncio.gather(
                *(guard.authenticate_async(request) for _ in range(20))
            )
            assert all(isinstance(decision, Allow) for decision in decisions)
            world.clock.advance(60)
        await guard.aclose()

    asyncio.run(main())
    assert world.asked == [KNOWN] * 2
