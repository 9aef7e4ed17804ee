"""Which connections are watched: settings of the middleware, of rules and of handlers."""

from __future__ import annotations

import pytest

from iiniit_guard.adapting.decorators import decide_async
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.request import request_from_scope
from iiniit_guard.rules import Rule, Rules
from iiniit_guard.testing import dpop_proof, make_key
from tests.contract.hosts.long_lived import (
    KINDS,
    START,
    Idle,
    bearing,
    ended,
    opened,
    part,
    run,
    wait,
    websocket,
)

KEY = make_key("ES256", "client")
RULES = Rules(
    [
        Rule("GET", "/x", long_lived="off"),
        Rule("GET", "/y", long_lived="stop_delivering"),
        Rule("GET", "/z", max_age=100),
        Rule("GET", "/open", public=True),
    ]
)


@pytest.mark.parametrize(
    ("path", "reason"), [("/x", None), ("/y", "discards"), ("/z", "expired"), ("/open", None)]
)
def test_a_rule_overrides_the_middleware(issuer, scene, events, path, reason):
    async def work():
        middleware = scene(admission={"rules": RULES})
        token = issuer.token(expires_in=20, auth_time=int(issuer.now))
        scope = {**bearing(token), "path": path}
        async with opened(issuer, middleware, scope) as client:
            await wait(issuer, middleware, 30)
            if reason == "expired":
                await ended(client, reason)
            else:
                assert not client.task.done()
                assert (events[-1].reason if events else None) == (
                    "expired" if reason == "discards" else None
                )

    run(work())


def test_the_age_of_the_authentication_ends_a_connection(issuer, scene, events):
    async def work():
        middleware = scene(jwt="introspect", admission={"rules": RULES})
        token = issuer.opaque_token(expires_in=3000, auth_time=int(issuer.now))
        async with opened(issuer, middleware, {**bearing(token), "path": "/z"}) as client:
            await wait(issuer, middleware, 40, 40)
            assert not client.task.done()
            await wait(issuer, middleware, 40)
            await ended(client, None)

    run(work())
    assert events[-1].reason == "insufficient_authentication"


def test_a_handler_that_checks_a_token_itself_is_watched_too(issuer, scene, events):
    class Declared(Idle):
        mode = None

        async def __call__(self, scope, receive, send):
            policy = make_policy(["user:read"], long_lived=self.mode)
            await decide_async(scope, lambda: request_from_scope(scope), policy, "asgi")
            await super().__call__(scope, receive, send)

    async def work(mode, ends):
        app = Declared()
        app.mode = mode
        middleware = scene(app, admission={"enforce": "declared"})
        async with opened(issuer, middleware, bearing(issuer.token(expires_in=20))) as client:
            await wait(issuer, middleware, 30)
            if ends:
                await ended(client, "expired")
            else:
                assert not client.task.done()

    run(work(None, True))
    run(work("off", False))


def test_requests_without_a_token_are_not_watched(issuer, scene):
    async def work():
        for admission in ({"optional_token": True}, {"public": ["/x"]}, {"enforce": "declared"}):
            middleware = scene(admission=admission)
            scope = {**bearing("x"), "headers": []}
            async with opened(issuer, middleware, scope) as client:
                await wait(issuer, middleware, 1000)
                assert not client.task.done()
                assert middleware._watcher._loops == {}

    run(work())


def test_a_token_in_the_subprotocol_is_checked_again(issuer, scene, events):
    async def work():
        middleware = scene(websocket_subprotocol_token=True)
        token = issuer.token(expires_in=20)
        from base64 import urlsafe_b64encode

        encoded = urlsafe_b64encode(token.encode()).rstrip(b"=")
        offered = b"base64url.bearer.authorization.k8s.io." + encoded
        scope = {
            **websocket(token),
            "headers": [(b"sec-websocket-protocol", offered + b", chat")],
            "subprotocols": [offered.decode(), "chat"],
        }
        async with opened(issuer, middleware, scope) as client:
            await wait(issuer, middleware, 5)
            assert not client.task.done()
            await wait(issuer, middleware, 30)
            await ended(client, "expired")

    run(work())


@pytest.mark.parametrize("kind", KINDS)
def test_the_proof_of_a_bound_token_is_not_repeated(issuer, scene, events, kind):
    async def work():
        middleware = scene(jwt="introspect")
        token = issuer.opaque_token(expires_in=3000, dpop_key=KEY)
        proof = dpop_proof(KEY, "GET", "http://api.test/x", token, clock=issuer.clock)
        fields = [
            (b"host", b"api.test"),
            (b"authorization", f"DPoP {token}".encode()),
            (b"dpop", proof.encode()),
        ]
        async with opened(issuer, middleware, {**KINDS[kind](token), "headers": fields}) as client:
            await wait(issuer, middleware, *[40] * 10)  # the proof is stale since long
            assert not client.task.done()
            issuer.revoke(token)
            await wait(issuer, middleware, 40, 20)
            await ended(client, "inactive")

    run(work())
    assert [event.reason for event in events] == [None, "inactive"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_loop_streams_without_a_watch(issuer, scene, kind):
    """Drive the application by hand, as an event loop does that is not one of asyncio."""

    async def send(message):
        sent.append(message)

    async def short(scope, receive, send):
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": "x"})
            return
        await send(START)
        await send(part())
        await send(part(b"", more=False))

    sent = []
    middleware = scene(short)
    token = issuer.token()
    middleware.guard.verify(token)
    running = middleware(KINDS[kind](token), None, send)
    with pytest.raises(StopIteration):
        running.send(None)
    assert [message["type"].rpartition(".")[2] for message in sent] == (
        ["accept", "send"] if kind == "WebSocket" else ["start", "body", "body"]
    )
