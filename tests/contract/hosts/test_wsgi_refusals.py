"""A recorded refusal replaces the response before its first byte, and aborts it afterwards."""

from __future__ import annotations

from typing import Any
from wsgiref.validate import validator

import pytest

from iiniit_guard.adapting.response_record import ResponseAborted
from iiniit_guard.wsgi import GuardMiddleware
from tests.contract.hosts.wsgi_layouts import (
    ADDED,
    BEGUN,
    REFUSING,
    Body,
    Refusing,
    ask,
    dropped,
    environ_of,
    ignore,
    iterates,
    plain,
    raised,
    recording,
    returns_a_list,
    serve,
    start,
    value,
)


@pytest.mark.parametrize("name", REFUSING)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_client_gets_the_refusal_itself(guard, bearer, name, method):
    status, headers, body, errors = serve(
        GuardMiddleware(REFUSING[name], guard), value(bearer()), method
    )

    expected = plain(guard, bearer(), method)
    assert (status, headers, body) == (expected[0], [*expected[1], ADDED], expected[2])
    assert errors == ("" if name != "closes badly" else errors)


@pytest.mark.parametrize(
    "name", [name for name in REFUSING if name not in ("returns nothing", "closes badly")]
)
def test_it_keeps_to_the_protocol(guard, bearer, name):
    """The standard library's own checks of both sides, PEP 3333: application and server."""
    app = validator(GuardMiddleware(REFUSING[name], guard))

    assert serve(app, value(bearer()))[0] == "403 Forbidden"
    assert serve(app, value(bearer(expires_in=-60)))[0] == "401 Unauthorized"


def test_a_method_that_the_application_overrides_gives_head_no_body(guard, bearer):
    def overriding(environ, start_response):
        environ["REQUEST_METHOD"] = "GET"
        return returns_a_list(environ, start_response)

    status, headers, body, _ = serve(GuardMiddleware(overriding, guard), value(bearer()), "HEAD")

    assert (status, body) == ("403 Forbidden", b"")
    assert int(dict(headers)["Content-Length"]) > 0


@pytest.mark.parametrize("refused", [True, False])
def test_the_outer_guard_and_the_inner_one_have_records_of_their_own(
    guard, issuer, bearer, refused
):
    with issuer.guard() as inner:
        below = GuardMiddleware(returns_a_list if refused else iterates(b"good"), inner)

        def between(environ, start_response):
            body = below(environ, start_response)
            return body if refused else (ask(environ), body)[1]

        answer = serve(GuardMiddleware(between, guard), value(bearer()))

    assert (answer[0], answer[2]) == (plain(guard, bearer())[0], plain(guard, bearer())[2])


# What was sent already


@pytest.mark.parametrize("name", BEGUN)
def test_a_response_that_has_begun_is_aborted(guard, bearer, name):
    status, _, body, errors = serve(GuardMiddleware(BEGUN[name], guard), value(bearer()))

    assert (status, body) == ("200 OK", b"begun")
    assert errors.splitlines()[-1].rpartition(".")[2].partition(":")[0] in (
        "ResponseAborted",
        "Refusing",
    )


@pytest.mark.parametrize(
    ("chunks", "outcome"),
    [
        ([b"a", b"", b"b"], "good"),
        ([], "good"),
        ([b""], "good"),
        ([dropped], "refused"),
        ([b"", raised], "refused"),
        ([b"a", dropped], ResponseAborted),
        ([b"a", raised], Refusing),
        ([b"a", lambda environ: 1 // 0], ZeroDivisionError),
    ],
    ids=repr,
)
def test_the_iterable_is_closed_exactly_once(guard, bearer, chunks, outcome):
    made: list[Body] = []

    def app(environ, start_response):
        start(start_response)
        made.append(Body(environ, *chunks))
        return made[0]

    started = []
    body: Any = GuardMiddleware(app, guard)(environ_of(bearer()), recording(started))
    if isinstance(outcome, str):
        got = list(body)
        assert started[0][0] == ("200 OK" if outcome == "good" else "403 Forbidden")
        assert len(started) == 1
        assert (b"".join(got) == b"".join(chunks)) if outcome == "good" else (len(got) == 1)
    else:
        with pytest.raises(outcome):
            list(body)
    body.close()
    body.close()
    assert [body.closed for body in made] == [1]


def test_an_error_in_the_first_chunk_is_the_servers_and_closes_the_iterable(guard, bearer):
    made: list[Body] = []

    def app(environ, start_response):
        start(start_response)
        made.append(Body(environ, lambda environ: 1 // 0))
        return made[0]

    with pytest.raises(ZeroDivisionError):
        GuardMiddleware(app, guard)(environ_of(bearer()), ignore)
    assert made[0].closed == 1
