"""The proofs of one request that several handlers or guards check (RFC 9449 §11.1)."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable
from gc import get_referents
from typing import Any

import pytest

from iiniit_guard.core.dpop.presented_proof import accepted_proofs
from iiniit_guard.core.dpop.shared import SharedProofs
from iiniit_guard.core.model.flow import TIMED_OUT, StoreAdd, Wait
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.testing import Issuer, SettableClock, dpop_proof, make_key

KEY = make_key("ES256", "client")


def make(**settings: Any) -> tuple[Issuer, Any, str]:
    issuer = Issuer(clock=SettableClock(1_800_000_000))
    guard = issuer.guard(public_url="https://api.test", **settings)
    return issuer, guard, issuer.token(dpop_key=KEY)


def asked(issuer: Issuer, token: str, native: dict[str, Any]) -> Request:
    proof = dpop_proof(KEY, "GET", "https://api.test/x", token, clock=issuer.clock)
    lines = [(b"authorization", f"DPoP {token}".encode()), (b"dpop", proof.encode())]
    return Request("GET", "/x", headers=lines, native=native)


def after_others(perform: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
    """Return `perform`, which lets all other tasks run first."""

    async def later(effect: Any) -> Any:
        await asyncio.sleep(0)
        return await perform(effect)

    return later


def test_handlers_that_run_at_the_same_time_share_the_proof():
    """Each decision begins before another one has passed, because the keys must be fetched."""
    issuer, guard, token = make()
    inner: Any = issuer.guard(public_url="https://api.test")
    request = asked(issuer, token, {"type": "http", "path": "/x"})
    for each in (guard, inner):
        runner = each._engine._runner
        runner.loops.perform = after_others(runner.loops.perform)

    async def decide() -> list[Any]:
        guards = (guard, guard, inner)
        return await asyncio.gather(*(each.authenticate_async(request) for each in guards))

    assert [getattr(each, "reason", None) for each in asyncio.run(decide())] == [None] * 3
    for each in (guard, inner):
        assert len(each._engine.resource.proofs.replays) == 1
        fresh = Request("GET", "/x", headers=request.headers)
        assert each.authenticate(fresh).reason is Reason.REPLAYED_PROOF


@pytest.mark.parametrize(
    "reply, reason",
    [(True, None), (False, Reason.REPLAYED_PROOF), (None, Reason.PROOF_STORE_UNAVAILABLE)],
)
def test_handlers_that_run_at_the_same_time_ask_the_shared_store_once(reply, reason):
    store: Any = {"store_url": "redis://127.0.0.1:1", "store_secret": "s" * 32}
    issuer, guard, token = make(introspection=None, **store)
    asked_for: list[Any] = []

    async def perform(effect: Any, _: object) -> Any:
        if not isinstance(effect, StoreAdd):
            return None
        asked_for.append(effect)
        await asyncio.sleep(0.01)
        return reply

    guard._engine._runner.store.perform_async = perform
    first = asked(issuer, token, {"type": "http", "path": "/x"})
    thief = Request("GET", "/x", headers=first.headers, native={"type": "http", "path": "/x"})
    no_scope = Request("GET", "/x", headers=first.headers)

    async def decide() -> list[Any]:
        requests = first, first, thief, no_scope, first
        return await asyncio.gather(*map(guard.authenticate_async, requests))

    replay = Reason.REPLAYED_PROOF
    reasons = [getattr(each, "reason", None) for each in asyncio.run(decide())]
    assert reasons == [reason, reason, replay, replay, reason]
    assert len(asked_for) == 1
    assert len(accepted_proofs(first)) == (3 if reply else 0)
    assert guard._engine.resource.proofs.shared._adding == {}


def test_two_requests_without_a_scope_are_not_one_request():
    """Both have the same `native`, which is None. The second one may be the replay of a thief."""
    store: Any = {"store_url": "redis://127.0.0.1:1", "store_secret": "s" * 32}
    issuer, guard, token = make(introspection=None, **store)

    async def perform(effect: Any, _: object) -> Any:
        if not isinstance(effect, StoreAdd):
            return None
        await asyncio.sleep(0.01)
        return True

    guard._engine._runner.store.perform_async = perform
    lines = asked(issuer, token, {}).headers

    async def decide() -> list[Any]:
        requests = [Request("GET", "/x", headers=lines) for _ in range(2)]
        return await asyncio.gather(*map(guard.authenticate_async, requests))

    reasons = [getattr(each, "reason", None) for each in asyncio.run(decide())]
    assert sorted(map(str, reasons)) == ["None", "replayed_proof"]


def test_a_handler_does_not_wait_without_end_for_another_one():
    shared = SharedProofs("s" * 32)
    key = 1, b"proof"
    leading = shared.lead(key, b"digest", 60)
    assert isinstance(next(leading), StoreAdd)
    adding = shared.adding(key)
    assert adding is not None
    waiting = shared.follow(adding)
    assert isinstance(next(waiting), Wait)
    with pytest.raises(StopIteration) as stopped:
        waiting.send(TIMED_OUT)
    assert stopped.value.value.cause == "proof_store"
    leading.close()  # the request of the leading handler ended
    assert (adding.result(), shared.adding(key)) == (False, None)


def test_an_accepted_proof_keeps_no_other_proof():
    """Otherwise the memory of an open connection would grow with the square of its proofs."""
    issuer, guard, token = make()
    native: dict[str, Any] = {"type": "websocket", "path": "/x"}
    requests = [asked(issuer, token, native) for _ in range(3)]
    assert all(guard.authenticate(request).token is not None for request in requests)
    kept = accepted_proofs(requests[-1])
    assert len(kept) == 3
    assert not any(isinstance(held, tuple) for each in kept for held in get_referents(each))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_of_the_scope_has_the_accepted_proof(copied):
    issuer, guard, token = make()
    request = asked(issuer, token, {"type": "http", "path": "/x"})
    assert guard.authenticate(request).token is not None
    again = Request("GET", "/x", headers=request.headers, native=copied(request.native))
    assert accepted_proofs(again) == accepted_proofs(request) != ()
    assert guard.authenticate(again).token is not None
