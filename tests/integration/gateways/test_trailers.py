"""Gateways discard or refuse trailers, because some servers append them to the header fields,
behind the gateway's identity.
"""

from __future__ import annotations

import pytest

from tests.integration.gateways.answers import PROFILE
from tests.integration.gateways.rows import WRITER
from tests.integration.gateways.spoofs import LIE
from tests.integration.gateways.test_attacks import NOBODY, READER, identity

CHUNKED = ("Transfer-Encoding", "chunked")
ANY = "/v1/any"
BODIES = {
    "none": b"",
    "small": b"5\r\nhello\r\n",
    "many chunks": b"1\r\nx\r\n" * 3000,
    "beyond one buffer": b"".join(b"4000\r\n" + b"x" * 0x4000 + b"\r\n" for _ in range(12)),
}
TRAILERS = {
    "identity": f"X-Iiniit-Subject: {LIE}\r\n",
    "identity in odd letters": f"x-IINIIT-sUBJECT: {LIE}\r\n",
    "identity with underscores": f"X_Iiniit_Subject: {LIE}\r\n",
    "all four": "".join(
        f"X-Iiniit-{word}: {LIE}\r\n" for word in ("Subject", "Client", "Scope", "Issuer")
    ),
    "the assertion": f"X-Iiniit-Assertion: {LIE}\r\n",
    "a token and a host": (
        f"Authorization: Bearer {LIE}\r\nHost: {LIE}.example\r\nX-Forwarded-For: {LIE}\r\n"
    ),
    "a folded line": f"X-Other: a\r\n X-Iiniit-Subject: {LIE}\r\n",
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("name", TRAILERS)
@pytest.mark.parametrize("target", [PROFILE, ANY])
@pytest.mark.parametrize("is_announced", [True, False], ids=["announced", "sudden"])
def test_no_trailer_reaches_the_api(world, target, name, body, is_announced):
    names = ", ".join(line.partition(":")[0] for line in TRAILERS[name].splitlines())
    announced = (
        (("Trailer", names), ("TE", "trailers"), ("Connection", "TE")) if is_announced else ()
    )
    token = WRITER if target == PROFILE else ()
    sent = BODIES[body] + b"0\r\n" + TRAILERS[name].encode() + b"\r\n"
    answered, arrived = world.ask("POST", target, (*token, CHUNKED, *announced), sent)

    assert LIE.encode() not in world.upstream.heard
    for one in arrived:
        assert one.trailers == ()
        wanted = {
            **READER,
            "x-iiniit-issuer": world.issuer.url,
            "x-iiniit-subject": "writer-1",
            "x-iiniit-scope": "user:write",
        }
        assert identity(one) == (wanted if token else NOBODY)
    if answered.status == 200:
        (one,) = arrived
        assert (
            len(one.body)
            == {"none": 0, "small": 5, "many chunks": 3000, "beyond one buffer": 12 * 0x4000}[body]
        )
    else:  # HAProxy buffers a body without a declared length
        assert arrived == []
        assert 400 <= answered.status < 500
        assert name == "a folded line" or (world.recipe.name, body, answered.status) == (
            "haproxy",
            "beyond one buffer",
            411,
        )


@pytest.mark.parametrize("length", [5_000, 24_000, 44_000, 63_000, 64_400, 66_000])
@pytest.mark.parametrize("padding", [0, 20_000, 30_000])
def test_a_chunked_body_goes_on_whole_or_not_at_all(world, length, padding):
    for size in (length, 1000, 37):
        chunks = b"".join(
            b"%x\r\n" % len(piece) + piece + b"\r\n" for piece in _pieces(b"x" * length, size)
        )
        sent = chunks + b"0\r\n" + TRAILERS["identity"].encode() + b"\r\n"
        answered, arrived = world.ask("POST", ANY, (CHUNKED, ("X-Padding", "y" * padding)), sent)

        if arrived:
            assert (answered.status, len(arrived[0].body), arrived[0].trailers) == (200, length, ())
        else:
            assert (world.recipe.name, answered.status) == ("haproxy", 411)
            assert length + padding > 24_000


def _pieces(body: bytes, size: int) -> list[bytes]:
    return [body[begin : begin + size] for begin in range(0, len(body), size)]
