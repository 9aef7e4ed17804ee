"""Size and encoding of responses, over real sockets, in threads and on event loops."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from iiniit_guard.core.model.flow import MAX_BODY_BYTES, HttpResponse, Unreachable
from tests.integration.servers.loopback import Answer, LoopbackServer
from tests.integration.servers.scripts import answering
from tests.integration.servers.worlds import get

GZIP = ("Content-Encoding", "gzip")


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"x" * MAX_BODY_BYTES),
        Answer(200, gzip.compress(b"x" * MAX_BODY_BYTES), (GZIP,)),
        Answer(
            200,
            chunked(b"x" * 65_536, b"x" * (MAX_BODY_BYTES - 65_536)),
            (("Transfer-Encoding", "chunked"),),
        ),
    ],
    ids=["plain", "gzip", "chunked"],
)
def test_1_mib_is_read(world, performer, answer):
    with LoopbackServer(answering(answer)) as server:
        [reply] = world.replies(performer, get(server.url))

    assert isinstance(reply, HttpResponse)
    assert reply.body == b"x" * MAX_BODY_BYTES


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"x" * (MAX_BODY_BYTES + 1)),
        Answer(200, b"", (("Content-Length", str(MAX_BODY_BYTES + 1)),)),
        Answer(200, b"", (("Content-Length", "9" * 19),)),
        Answer(200, gzip.compress(b"x" * (MAX_BODY_BYTES + 1)), (GZIP,)),
        Answer(200, chunked(b"x" * 700_000, b"x" * 700_000), (("Transfer-Encoding", "chunked"),)),
    ],
    ids=["plain", "content-length alone", "content-length of 19 digits", "gzip", "chunked"],
)
def test_a_byte_more_is_refused(world, performer, answer):
    with LoopbackServer(answering(answer)) as server:
        [reply] = world.replies(performer, get(server.url))

    assert reply == Unreachable("too_large", f"a response over 1 MiB at 127.0.0.1:{server.port}")


def test_a_gzip_of_nothing_but_empty_blocks_is_refused_by_its_own_size(world, performer):
    squeeze = zlib.compressobj(wbits=31)
    empty = squeeze.compress(b"") + b"".join(
        squeeze.flush(zlib.Z_FULL_FLUSH) for _ in range(250_000)
    )
    body = empty[:10] + b"\x00\x00\x00\xff\xff" * 250_000  # stored blocks of length 0
    assert len(body) > MAX_BODY_BYTES
    with LoopbackServer(
        answering(Answer(200, chunked(body), (GZIP, ("Transfer-Encoding", "chunked"))))
    ) as server:
        [reply] = world.replies(performer, get(server.url))

    assert isinstance(reply, Unreachable)
    assert reply.cause == "too_large"


def test_a_bomb_of_200_mb_is_defused(world, performer):
    squeeze = zlib.compressobj(wbits=31)
    bomb = b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(200)) + squeeze.flush()
    with LoopbackServer(answering(Answer(200, bomb, (GZIP,)))) as server:
        world.replies(
            performer, get(server.url + "/warm")
        )  # imports and pools are not what is measured
        tracemalloc.start()
        [reply] = world.replies(performer, get(server.url))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert isinstance(reply, Unreachable)
    assert reply.cause == "too_large"
    assert peak < 4 << 20


@pytest.mark.parametrize(
    ("headers", "body", "what"),
    [
        ((GZIP,), b"no gzip", "invalid gzip data"),
        ((GZIP,), gzip.compress(b"{}" * 500)[:-4], "invalid gzip data"),
        ((GZIP,), gzip.compress(b"{}") + b"more", "invalid gzip data"),
        (
            (("Content-Encoding", "gzip, gzip"),),
            gzip.compress(gzip.compress(b"{}")),
            "a content coding that the request did not accept",
        ),
        ((("Content-Encoding", "br"),), b"{}", "a content coding that the request did not accept"),
    ],
    ids=["no gzip", "cut off", "trailing bytes", "twice", "brotli"],
)
def test_an_encoding_that_lies_is_refused(world, performer, headers, body, what):
    with LoopbackServer(answering(Answer(200, body, headers))) as server:
        [reply] = world.replies(performer, get(server.url))

    assert reply == Unreachable("protocol", f"a response with {what} at 127.0.0.1:{server.port}")


def test_an_empty_body_may_call_itself_gzip(world, performer):
    with LoopbackServer(answering(Answer(401, b"", (GZIP,)))) as server:
        [reply] = world.replies(performer, get(server.url))

    assert isinstance(reply, HttpResponse)
    assert (reply.status, reply.body) == (401, b"")
