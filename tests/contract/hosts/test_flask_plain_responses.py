"""Streaming responses that could be taken for plain ones, which the guard does not wrap.

The server sends a plain response without running code of the application. A streaming response
ends with its token, and with a refusal that a handler records.
"""

from __future__ import annotations

import pytest
from flask import Flask, Response, request
from werkzeug.test import Client

from iiniit_guard.adapting.response_record import TokenEnded
from iiniit_guard.flask import IiniitGuard
from iiniit_guard.testing import Issuer

_SECONDS = 1000


def application(issuer, *, wrapped=None):
    app = Flask("plain")
    IiniitGuard(app, issuer.guard())

    def chunks():
        for number in range(4):
            issuer.clock.advance(_SECONDS)
            yield b"%d" % number

    app.add_url_rule("/small", "small", lambda: "small")

    def nested():
        with app.request_context({**request.environ, "PATH_INFO": "/small"}):
            app.full_dispatch_request()
        return Response(chunks())

    def replaced():
        answer = Response([b"small"])
        answer.iter_encoded = chunks  # type: ignore[method-assign]  # as an application may
        return answer

    app.add_url_rule("/nested", "nested", nested)
    app.add_url_rule("/replaced", "replaced", replaced)
    app.add_url_rule("/stream", "stream", lambda: Response(chunks()))
    if wrapped is not None:
        inner = app.full_dispatch_request

        def full_dispatch_request(*args):
            inner(*args)
            return Response(chunks())

        app.full_dispatch_request = full_dispatch_request  # type: ignore[method-assign]
    return app


@pytest.mark.parametrize(
    ("path", "wrapped"),
    [("/stream", None), ("/nested", None), ("/replaced", None), ("/small", "after the extension")],
)
def test_a_streaming_response_ends_with_its_token(path, wrapped):
    issuer = Issuer()
    client = Client(application(issuer, wrapped=wrapped))
    headers = {"Authorization": f"Bearer {issuer.token()}"}
    received = []
    with pytest.raises(TokenEnded):
        received.extend(client.get(path, headers=headers, buffered=False).iter_encoded())
    assert 0 < len(received) < 4


def test_a_plain_response_is_complete():
    issuer = Issuer()
    client = Client(application(issuer))
    headers = {"Authorization": f"Bearer {issuer.token()}"}
    assert client.get("/small", headers=headers).text == "small"
