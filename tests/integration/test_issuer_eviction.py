"""More issuers from a callable than the registry can hold: no issuer loses data while its token is
verified.
"""

from __future__ import annotations

import asyncio

import pytest

from iiniit_guard import Allow, Guard, Request
from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer, make_key, network, trusted
from tests.integration.test_found_issuers import KNOWN, World


class TestEviction:
    """A client names more known tenants in unsigned tokens than there are places, while a tenant's
    token is verified.
    """

    TENANTS = tuple(f"https://t{number}.test" for number in range(80))

    def world(self, jwt, *, discovers=True):
        world = World()
        tenants = {name: Issuer(name, clock=world.clock) for name in (KNOWN, *self.TENANTS)}
        world.known = tenants[KNOWN]

        def find(name):
            settings = {"introspection": None} if jwt == "verify" else {"jwt": jwt}
            return trusted(
                tenants[name],
                **settings,
                introspection_endpoint=None if discovers else name + "/introspect",
            )

        world.guard = Guard(
            issuers=find,
            realm="test",
            clock=world.clock.clock,
            transport=lambda request: self.answer(request),
        )
        world.network = network(*tenants.values())
        self.answer = world.network
        self.junk = [
            tenants[name].token(sign_with=make_key("ES256", "a stranger")) for name in self.TENANTS
        ]
        return world

    def name_all(self, world):
        for token in self.junk:
            world.decide(token)

    @pytest.mark.parametrize(
        ("jwt", "discovers", "during"),
        [
            ("verify", True, "jwks"),
            ("both", True, "introspection"),
            ("introspect", True, "introspection"),
            ("introspect", False, "introspection"),
        ],
    )
    def test_the_first_good_token_of_a_tenant_passes_and_is_remembered(
        self, jwt, discovers, during
    ):
        world = self.world(jwt, discovers=discovers)
        token = world.known.token()

        def slow(request):
            answer = world.network(request)
            if world.known.requests[-1:] == [during] and self.answer is slow:
                self.answer = world.network
                self.name_all(world)
            return answer

        self.answer = slow
        assert isinstance(world.decide(token), Allow)
        assert self.answer is world.network
        assert world.decide(token).cache == "hit"

    def test_on_an_event_loop_a_tenant_whose_keys_are_about_to_be_asked_for_keeps_its_place(self):
        world = self.world("verify")

        def request(token):
            return world.guard.authenticate_async(
                Request("GET", "/", headers=[(b"authorization", b"Bearer " + token.encode())])
            )

        async def main():
            decisions = await asyncio.gather(request(world.known.token()), *map(request, self.junk))
            await world.guard.aclose()
            return decisions

        first, *others = asyncio.run(main())
        assert isinstance(first, Allow)
        assert {decision.reason for decision in others} == {Reason.BAD_SIGNATURE}

    def test_a_tenant_that_is_down_is_called_five_times(self):
        """The circuit breaker of an evicted issuer is kept."""
        world = self.world("introspect", discovers=False)
        calls = []

        def down(request):
            if not request.url.startswith(KNOWN):
                return world.network(request)
            calls.append(request.url)
            return Unreachable("connection", "refused")

        self.answer = down
        for number in range(20):
            assert world.decide(world.known.token(jti=f"{number}")).status == 503
            if number % 4 == 0:
                self.name_all(world)
        assert len(calls) == 5

    @pytest.mark.parametrize(
        ("jwt", "during"),
        [
            ("verify", "jwks"),
            ("both", "jwks"),
            ("both", "introspection"),
            ("introspect", "introspection"),
        ],
    )
    def test_a_tenant_that_was_forgotten_meanwhile_still_answers(self, jwt, during):
        """Only the callable can make its token invalid. Nothing of the issuer is cached."""
        world = self.world(jwt)
        token = world.known.token()

        def slow(request):
            answer = world.network(request)
            if world.known.requests[-1:] == [during]:
                (server,) = world.guard._engine.resource.servers
                server.forget()
            return answer

        self.answer = slow
        assert isinstance(world.decide(token), Allow)
        assert world.guard._engine.resource.find(digest_of(token)) is None
