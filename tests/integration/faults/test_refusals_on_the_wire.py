"""A refusal after the response has started, as clients of real WSGI servers see it: replaced, or a
closed connection.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest

from tests.integration.faults.serving import SERVERS, WSGI, Serving, serving

REFUSING = "tests.integration.faults.refusing_wsgi_app:app"


@pytest.fixture(scope="module", params=["gunicorn sync", "gunicorn threads", "waitress"])
def running(request: pytest.FixtureRequest) -> Iterator[Serving]:
    command = [REFUSING if part == WSGI else part for part in SERVERS[request.param]]
    with serving(command, {}, may_complain=True) as served:
        yield served


@pytest.mark.parametrize(
    "path", ["/flask/before", "/flask/before?length", "/plain/before", "/plain/before?length"]
)
def test_before_the_first_byte_the_refusal_is_sent(running, path):
    reply = running.get(path=path)

    assert (reply.status, reply.document["reason"]) == (401, "no_token")
    assert reply.headers["www-authenticate"].startswith("Bearer ")
    assert reply.headers["content-type"] == "application/problem+json"
    assert int(reply.headers["content-length"]) == len(reply.body)
    assert "transfer-encoding" not in reply.headers


@pytest.mark.parametrize(
    "path",
    [
        "/flask/after",
        "/flask/after?length",
        "/plain/after",
        "/plain/after?length",
        "/plain/write",
        "/plain/write?length",
    ],
)
def test_after_the_first_byte_the_connection_breaks_off(running, path):
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    try:
        connection.request("GET", path)
        with pytest.raises(http.client.IncompleteRead) as broken:
            connection.getresponse().read()
    finally:
        connection.close()

    assert b"secret" not in broken.value.partial
    assert broken.value.partial in (
        b"begun",
        b"",
    )  # the chunked reader of the standard library drops a part


def test_a_file_is_sent_whole(running):
    reply = running.get(path="/flask/file")

    assert (reply.status, reply.body) == (200, b"0123456789")
