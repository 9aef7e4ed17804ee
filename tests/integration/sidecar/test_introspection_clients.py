"""Clients of `/introspect`: the cost of a slow hash, its queue, and verified secrets after a
reload.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode

import pytest

from iiniit_guard.sidecar.settings.introspection_clients import (
    BUSY,
    IntrospectionClient,
    IntrospectionClients,
    make_secret_hash,
    matches,
)
from iiniit_guard.testing import Issuer
from tests.integration.sidecar.sites import CALLERS, SECRET, make_sidecar
from tests.integration.sidecar.test_introspect import post
from tests.integration.sidecar.test_reload import Process

QUICK = IntrospectionClient("quick", str(CALLERS[0]["secret_hash"]), frozenset({"a"}))
SLOW = IntrospectionClient("slow", make_secret_hash("good", b"salt" * 4), frozenset({"a"}))


class Tries:
    """A substitute for the slow hash that records each comparison. Each waits for the test."""

    def __init__(self, monkeypatch):
        self.made: list[tuple[str, str]] = []
        self.admission: asyncio.Event | None = None
        self._in_thread = asyncio.to_thread
        monkeypatch.setattr(asyncio, "to_thread", self._try)

    async def _try(self, function, *arguments):
        if function is not matches:
            return await self._in_thread(function, *arguments)
        secret, secret_hash = arguments
        self.made.append((secret, secret_hash))
        if self.admission is not None:
            await self.admission.wait()
        return (secret, secret_hash) == ("good", SLOW.secret_hash)


@pytest.fixture
def tries(monkeypatch):
    return Tries(monkeypatch)


def shown(identifier, secret):
    return {"client_id": identifier, "client_secret": secret}


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_refusal_costs_the_same_whoever_it_is(tries):
    async def run():
        introspection_clients = IntrospectionClients([QUICK, SLOW])
        assert await introspection_clients.identify(None, shown("quick", SECRET)) is QUICK
        assert tries.made == []
        for identifier in ("nobody", "quick", "slow"):
            assert await introspection_clients.identify(None, shown(identifier, "wrong")) is None
        return len(tries.made)

    assert asyncio.run(run()) == 3


def test_where_no_hash_is_slow_no_refusal_is(tries):
    async def run():
        introspection_clients = IntrospectionClients([QUICK])
        return [
            await introspection_clients.identify(None, shown(identifier, "wrong"))
            for identifier in ("nobody", "quick")
        ]

    assert (asyncio.run(run()), tries.made) == ([None, None], [])


def test_what_fits_nothing_fits_nothing():
    assert asyncio.run(IntrospectionClients([SLOW]).identify(None, shown("nobody", ""))) is None
    assert asyncio.run(IntrospectionClients([SLOW]).identify(None, shown("slow", "good"))) is SLOW


@pytest.mark.parametrize("flooded", ["slow", "nobody"])
def test_a_flood_of_wrong_secrets_waits_in_a_short_queue_of_its_own(tries, flooded):
    async def run():
        introspection_clients, tries.admission = (
            IntrospectionClients([QUICK, SLOW]),
            asyncio.Event(),
        )
        wrong = [
            asyncio.create_task(
                introspection_clients.identify(None, shown(flooded, f"wrong-{number}"))
            )
            for number in range(20)
        ]
        await settle()
        busy = sum(each.done() for each in wrong)
        other = "nobody" if flooded == "slow" else "slow"
        good = asyncio.create_task(introspection_clients.identify(None, shown(other, "good")))
        assert await introspection_clients.identify(None, shown("quick", SECRET)) is QUICK
        tries.admission.set()
        said = await asyncio.gather(*wrong)
        assert await good is (SLOW if other == "slow" else None)
        assert await introspection_clients.identify(None, shown(flooded, "once more")) is None
        return busy, said

    busy, said = asyncio.run(asyncio.wait_for(run(), 10))
    assert (busy, said) == (15, [None] * 5 + [BUSY] * 15)


def test_all_who_show_the_same_secret_share_one_try_and_none_ends_it(tries):
    async def run():
        introspection_clients, tries.admission = IntrospectionClients([SLOW]), asyncio.Event()
        same = [
            asyncio.create_task(introspection_clients.identify(None, shown("slow", "good")))
            for _ in range(20)
        ]
        await settle()
        same[0].cancel()
        await settle()
        tries.admission.set()
        said = await asyncio.gather(*same[1:])
        assert await introspection_clients.identify(None, shown("slow", "good")) is SLOW
        return said

    assert asyncio.run(asyncio.wait_for(run(), 10)) == [SLOW] * 19
    assert len(tries.made) == 1


def test_too_many_tries_are_told_the_client(monkeypatch):
    sidecar = make_sidecar(Issuer(), introspection_clients=CALLERS)

    async def busy(*_):
        return BUSY

    monkeypatch.setattr(sidecar.current.introspection_clients, "identify", busy)
    answer = post(sidecar, {"token": "a"})

    assert (answer.status, answer.json, answer.header("retry-after")) == (
        503,
        {"error": "temporarily_unavailable"},
        "1",
    )


def test_a_reload_forgets_no_verified_secret_but_those_whose_hash_changed(tries):
    process = Process(Issuer())
    tables = [
        {"id": each.identifier, "secret_hash": each.secret_hash, "audiences": ["https://api.test"]}
        for each in (SLOW, QUICK)
    ]
    assert process.reload(introspection_clients=tables)

    def ask():
        header = (b"authorization", b"Basic " + b64encode(b"slow:good"))
        return post(process.sidecar, {"token": "a"}, header).status, len(tries.made)

    assert ask() == (200, 1)
    assert process.reload(rules=[])
    assert ask() == (200, 1)
    assert process.reload(
        introspection_clients=[{**tables[0], "secret_hash": make_secret_hash("another")}]
    )
    assert ask() == (401, 2)
    assert process.reload(introspection_clients=[])
    assert process.reload(introspection_clients=tables)
    assert ask() == (200, 3)


def test_a_token_within_the_leeway_is_not_active():
    issuer = Issuer()
    sidecar = make_sidecar(issuer, introspection_clients=CALLERS, expiry_leeway_seconds=30)
    basic = (b"authorization", b"Basic " + b64encode(f"kong:{SECRET}".encode()))
    for make, lives in ((issuer.token, 3), (issuer.opaque_token, 3), (issuer.opaque_token, None)):
        token = make(expires_in=lives)
        assert post(sidecar, {"token": token}, basic).json["active"] is True
        issuer.clock.advance(3)
        answer = post(sidecar, {"token": token}, basic)
        ends = "exp" in answer.json
        assert (answer.json == {"active": False}) is not ends
        assert answer.header("cache-control") == ("private, max-age=57" if ends else "no-store")
    counted = sidecar.snapshot()["total"]["counts"]
    assert ["deny", "expired", "hit", 2] in counted
