"""Many requests about found issuers: what they cost, and what is bounded."""

from __future__ import annotations

import asyncio

import pytest

from iiniit_guard import Allow, ClientSecretBasic, Guard, Request, TrustedIssuer
from iiniit_guard.core.errors import IssuerUnavailable, TokenRefused
from iiniit_guard.core.issuer import registry
from iiniit_guard.core.model.flow import HttpResponse
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


CREDENTIALS = ClientSecretBasic("api", "secret")


class TestLines:
    """A client names more known tenants in turn than the guard keeps, in unsigned tokens."""

    @pytest.mark.parametrize(
        ("settings", "reply", "start"),
        [
            (
                {"introspection": CREDENTIALS, "jwt": "introspect"},
                HttpResponse(400, (), b'{"error":"unsupported_token_type"}'),
                "introspection: ",
            ),
            (
                {},
                HttpResponse(200, (), b'{"keys":[{"kty":"oct"}]}'),
                "jwks: ",
            ),
        ],
        ids=["rejection", "key"],
    )
    def test_their_number_is_bounded(self, caplog, monkeypatch, settings, reply, start):
        monkeypatch.setattr(registry, "_UNPROVEN_KEPT", 1)
        monkeypatch.setattr(registry, "_PARKED_KEPT", 1)
        clock, calls = SettableClock(1_800_000_000), []

        def find(name):
            endpoint = {"introspection_endpoint": f"{name}/i"} if settings else {}
            jwks = f"{name}/keys"
            more = {**endpoint, **settings}
            return TrustedIssuer(issuer=name, audience="x", jwks_uri=jwks, **more)

        def send(request):
            calls.append(request)
            return reply

        guard = Guard(issuers=find, realm="x", transport=send, clock=clock.clock)
        for number in range(200):
            clock.advance(1)
            tenant = Issuer(f"https://t{number % 4}.test", clock=clock)
            with pytest.raises((TokenRefused, IssuerUnavailable)):
                guard.verify(tenant.token())
        assert len(calls) == 200
        assert sum(line.startswith(start) for line in caplog.messages) == 64
