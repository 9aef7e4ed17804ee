"""An open WebSocket or streaming response ends with its token, on any ASGI application."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.contract.hosts.long_lived import (
    KINDS,
    Client,
    Idle,
    ended,
    opened,
    rest,
    run,
    text,
    turn,
    wait,
    websocket,
)


@pytest.mark.parametrize("kind", KINDS)
class TestEnds:
    def test_when_a_jwt_expires(self, issuer, scene, events, kind, caplog):
        caplog.set_level(logging.INFO, "iiniit_guard")

        async def work():
            middleware = scene()
            token = issuer.token(expires_in=20)
            async with opened(issuer, middleware, KINDS[kind](token)) as client:
                await wait(issuer, middleware, 10, 10, 3)  # the leeway is 5 s
                assert not client.task.done()
                await wait(issuer, middleware, 2)
                await ended(client, "expired")
                assert token not in str(client.sent)

        run(work())
        assert [event.decision for event in events] == ["allow", "deny"]
        assert events[-1].reason == "expired"
        assert events[-1].status == 401
        assert events[-1].token_digest is not None
        note = "WebSocket" if kind == "WebSocket" else "streaming response"
        assert f"the open {note} was ended" in events[-1].detail
        assert f"the open {note} was ended" in caplog.text
        assert [record.levelname for record in caplog.records] == ["INFO"]

    def test_when_an_opaque_token_is_revoked(self, issuer, scene, events, kind):
        async def work():
            middleware = scene(jwt="introspect")
            token = issuer.opaque_token()
            async with opened(issuer, middleware, KINDS[kind](token)) as client:
                await wait(issuer, middleware, 50)
                assert issuer.requests.count("introspection") == 2
                issuer.revoke(token)
                await wait(issuer, middleware, 20)
                assert not client.task.done()
                await wait(issuer, middleware, 29)
                await ended(client, "inactive")

        run(work())
        assert [event.reason for event in events] == [None, "inactive"]

    def test_when_its_key_is_withdrawn(self, issuer, scene, events, kind):
        async def work():
            middleware = scene()
            async with opened(issuer, middleware, KINDS[kind](issuer.token())) as client:
                issuer.rotate_keys(keep_old=False)
                issuer.clock.advance(60)
                await middleware.guard.verify_async(issuer.token())  # fetches the new set
                await wait(issuer, middleware, 0)
                await ended(client, "unknown_key")

        run(work())

    def test_when_a_scope_is_withdrawn(self, issuer, scene, events, kind):
        async def work():
            middleware = scene(jwt="introspect")
            token = issuer.opaque_token("user:read user:write")
            async with opened(issuer, middleware, KINDS[kind](token)) as client:
                issuer._known[token]["scope"] = "user:read"
                await wait(issuer, middleware, 50)
                await ended(client, "missing_scope")

        run(work())

    def test_when_a_validator_refuses_or_fails(self, issuer, scene, events, kind):
        answers = [True, True, True]

        def validate(token, request):
            return answers.pop(0)

        async def work(last):
            answers[:] = [True, True, last]
            middleware = scene(validators=[validate])
            async with opened(issuer, middleware, KINDS[kind](issuer.token())) as client:
                await wait(issuer, middleware, 280)
                await ended(client, "refused_by_validator")

        run(work(False))
        answers.clear()

        async def failing():
            answers[:] = [True, True]
            middleware = scene(validators=[validate])
            async with opened(issuer, middleware, KINDS[kind](issuer.token())) as client:
                await wait(issuer, middleware, 280)  # IndexError
                await ended(client, "issuer_unavailable")

        run(failing())

    def test_after_an_outage_at_its_deadline_and_not_before(self, issuer, scene, events, kind):
        async def work():
            middleware = scene(jwt="introspect")
            token = issuer.opaque_token()
            async with opened(issuer, middleware, KINDS[kind](token)) as client:
                issuer.fail("connection")
                await wait(issuer, middleware, *[2] * 29)
                assert not client.task.done()
                await wait(issuer, middleware, 2)
                await ended(client, "issuer_unavailable")

        run(work())
        assert [event.decision for event in events] == ["allow", "unavailable"]
        assert "was ended" in events[-1].detail

    def test_no_message_passes_after_the_end_also_before_the_timer(
        self, issuer, scene, events, kind
    ):
        async def work():
            app = Idle()
            middleware = scene(app)
            scope = KINDS[kind](issuer.token(expires_in=20))
            async with opened(issuer, middleware, scope) as client:
                issuer.clock.advance(30)
                client.put(text("late"))
                app.ticks.put_nowait(b"late")
                await ended(client, "expired")
                assert client.texts == []
                assert b"late" not in client.parts
                assert "late" not in app.seen

        run(work())

    def test_when_only_the_wall_clock_jumps(self, issuer, scene, events, kind):
        async def work():
            middleware = scene()
            async with opened(issuer, middleware, KINDS[kind](issuer.token())) as client:
                issuer.clock.set_wall(issuer.clock.wall() + 1000)
                await turn(middleware)
                await ended(client, "expired")

        run(work())

    def test_not_when_the_wall_clock_is_set_by_little(self, issuer, scene, events, kind):
        async def work():
            middleware = scene()
            async with opened(issuer, middleware, KINDS[kind](issuer.token())) as client:
                issuer.clock.set_wall(issuer.clock.wall() + 30)
                await turn(middleware)
                assert not client.task.done()

        run(work())

    def test_not_after_a_short_outage(self, issuer, scene, events, kind):
        async def work():
            middleware = scene(jwt="introspect")
            token = issuer.opaque_token(expires_in=3000)
            async with opened(issuer, middleware, KINDS[kind](token)) as client:
                issuer.fail("connection")
                await wait(issuer, middleware, *[2] * 26)
                issuer.fail(None)
                await wait(issuer, middleware, *[1] * 60)
                assert not client.task.done()
                client.put(text("still"))
                await rest()
                assert client.texts == (["still"] if kind == "WebSocket" else [])

        run(work())

    def test_never_when_it_is_off(self, issuer, scene, events, kind):
        async def work():
            middleware = scene(admission={"long_lived": "off"})
            token = issuer.token(expires_in=20)
            async with opened(issuer, middleware, KINDS[kind](token)) as client:
                await wait(issuer, middleware, 100, 1000)
                assert not client.task.done()
                assert middleware._watcher._loops == {}
            app = Idle()
            middleware = scene(app, admission={"long_lived": "off"})
            client = Client(middleware, KINDS[kind](issuer.token()))
            await rest()
            issuer.clock.advance(1000)  # a message comes before the timer
            client.put(text("late"))
            app.ticks.put_nowait(b"late")
            await rest()
            assert client.texts == ["late"] or client.parts == [b"tick", b"late"]
            await turn(middleware)
            assert middleware._watcher._loops == {}
            client.task.cancel()
            await rest()

        run(work())
        assert [event.decision for event in events] == ["allow", "allow"]


def test_connections_with_one_token_cause_one_call(issuer, scene):
    async def work():
        middleware = scene(jwt="introspect")
        token = issuer.opaque_token(expires_in=3000)
        clients = [Client(middleware, websocket(token)) for _ in range(20)]
        await rest()
        issuer.requests.clear()
        await wait(issuer, middleware, 1, *[1] * 100)
        assert 2 <= issuer.requests.count("introspection") <= 3
        assert not any(client.task.done() for client in clients)
        for client in clients:
            client.put({"type": "websocket.disconnect", "code": 1000, "reason": ""})
        await rest()
        assert all(client.task.done() for client in clients)
        assert middleware._watcher._loops == {}

    run(work())


def test_at_most_32_checks_wait_for_the_issuer(issuer, scene, monkeypatch):
    async def work():
        middleware = scene(jwt="introspect")
        clients = [
            Client(middleware, websocket(issuer.opaque_token(expires_in=3000))) for _ in range(40)
        ]
        await rest()
        await wait(issuer, middleware, 1)
        watches = middleware._watcher._loops[asyncio.get_running_loop()]
        issuer.clock.advance(50)
        watches.turn()
        assert len(watches._checks) == 32
        await rest()
        assert len(watches._checks) == 0
        assert not any(client.task.done() for client in clients)
        for client in clients:
            client.task.cancel()

    run(work())
