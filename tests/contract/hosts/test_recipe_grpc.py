"""The interceptors of docs/how-to/recipes/grpc.md guard calls of all four kinds."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from iiniit_guard import Policy, Request
from tests.contract.hosts.recipe_hosts import code_of

SERVICE = "profile.Profile"
KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
each_kind = pytest.mark.parametrize("kind", KINDS)


def sync_handlers(grpc, subject, ran):
    def unary(request, context):
        ran.append(threading.current_thread().name)
        return subject()

    def stream(request, context):
        ran.append(threading.current_thread().name)
        yield subject()
        yield subject()

    return handlers_of(grpc, unary, stream)


def async_handlers(grpc, subject, ran):
    async def unary(request, context):
        ran.append("loop")
        return subject()

    async def stream(request, context):
        ran.append("loop")
        yield subject()
        yield subject()

    return handlers_of(grpc, unary, stream)


def handlers_of(grpc, unary, stream):
    methods = {
        kind: getattr(grpc, f"{kind}_rpc_method_handler")(
            stream if kind.endswith("stream") else unary
        )
        for kind in KINDS
    }
    return grpc.method_handlers_generic_handler(SERVICE, methods)


class Server:
    """Both servers of the recipe, one after the other, on a port of this machine."""

    def __init__(self, guard):
        self.recipe = code_of("grpc", 0, 2)
        self.guard, self.ran, self.results = guard, [], []
        scopes = self.recipe.Policy(scopes=("user:read",))
        self.policies = {f"/{SERVICE}/{kind}": scopes for kind in KINDS}

    def subject(self):
        return self.recipe.access_token.get().subject.encode()

    def run(self, kind, token):
        self.run_threads(kind, token)
        asyncio.run(self.run_loop(kind, token))
        return self.results

    def run_threads(self, kind, token):
        grpc = self.recipe.grpc
        interceptor = self.recipe.GuardInterceptor(self.guard, self.policies)
        server = grpc.server(ThreadPoolExecutor(1, "pool"), interceptors=[interceptor])
        server.add_generic_rpc_handlers([sync_handlers(grpc, self.subject, self.ran)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self.call(port, kind, token)
        server.stop(0).wait()

    async def run_loop(self, kind, token):
        grpc = self.recipe.grpc
        interceptor = self.recipe.AsyncGuardInterceptor(self.guard, self.policies)
        server = grpc.aio.server(interceptors=[interceptor])
        server.add_generic_rpc_handlers([async_handlers(grpc, self.subject, self.ran)])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            await asyncio.to_thread(self.call, port, kind, token)
        finally:
            await server.stop(0)

    def call(self, port, kind, token):
        grpc = self.recipe.grpc
        metadata = [("authorization", f"Bearer {token}")]
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            method = getattr(channel, kind)(f"/{SERVICE}/{kind}")
            sent = iter([b"1", b"2"]) if kind.startswith("stream") else b"1"
            try:
                answer = method(sent, metadata=metadata, timeout=10)
                self.results.append(answer if isinstance(answer, bytes) else list(answer))
            except grpc.RpcError as error:
                trailers = dict(error.trailing_metadata())
                self.results.append(
                    (error.code().name, trailers["reason"], trailers.get("www-authenticate"))
                )


@each_kind
def test_the_handler_sees_the_token(guard, issuer, kind):
    expected = [b"user-1"] * 2 if kind.endswith("stream") else b"user-1"

    assert Server(guard).run(kind, issuer.token("user:read")) == [expected, expected]


@each_kind
def test_a_refused_call_reaches_no_handler(guard, issuer, kind):
    server = Server(guard)
    lines = [(b"authorization", f"Bearer {issuer.token('user:write')}".encode())]
    policy = Policy(scopes=("user:read",))
    own = guard.authenticate(Request("POST", "/", headers=lines), policy)
    challenge = own.header("WWW-Authenticate")

    found = server.run(kind, issuer.token("user:write"))
    assert found == [("PERMISSION_DENIED", "missing_scope", challenge)] * 2
    assert server.ran == []


def test_the_thread_that_accepts_calls_does_not_wait_for_the_issuer(issuer):
    """The interceptor itself runs on that thread, with the lock of the server."""
    threads = []

    def transport(request):
        threads.append(threading.current_thread().name)
        return issuer.handle(request)

    with issuer.guard(transport=transport) as guard:
        server = Server(guard)
        server.run_threads("unary_unary", issuer.token("user:read"))

    assert server.results == [b"user-1"]
    assert {name.split("_")[0] for name in threads} == {"pool"}
