"""The client gets the refusal that a handler records, for every sequence of ASGI messages that the
application sends.
"""

from __future__ import annotations

import asyncio
import copy

import pytest

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.errors import UsageError
from tests.contract.hosts.asgi_exchange import exchange, http
from tests.contract.hosts.asgi_refusing import After, body, refused, start
from tests.contract.hosts.calling import drive


def assert_is(sent, own_refusal, *others):
    (started, sent_body) = sent
    assert (started["type"], started["status"]) == ("http.response.start", own_refusal.status)
    assert started["headers"] == [
        *((name.lower().encode(), value.encode()) for name, value in own_refusal.headers),
        *others,
    ]
    assert "trailers" not in started
    assert sent_body == {"type": "http.response.body", "body": own_refusal.body}


PATH = {"type": "http.response.pathsend", "path": "/etc/secret"}
COPY = {"type": "http.response.zerocopysend", "file": 3}
TRAILERS = {"type": "http.response.trailers", "headers": [(b"secret", b"1")]}
PUSH = {"type": "http.response.push", "path": "/secret", "headers": []}
HINT = {"type": "http.response.early_hint", "links": [b"</secret>"]}
DEBUG = {"type": "http.response.debug", "info": {"secret": 1}}


@pytest.mark.parametrize("status", [200, 101, 204, 304, 404, 500])
@pytest.mark.parametrize(
    "messages",
    [
        [start(), body()],
        [start(), body(more_body=True), body(more_body=True), body(b"")],
        [start()],
        [start(), PATH],
        [start(), COPY, body(b"")],
        [start(trailers=True), body(), TRAILERS],
        [PUSH, HINT, DEBUG, start(), body()],
        [start(), body(), start(), body()],
        [body()],
        [PATH],
        [DEBUG],
        [TRAILERS],
        [],
    ],
    ids=lambda messages: (
        "+".join(message["type"].rpartition(".")[2] for message in messages) or "nothing"
    ),
)
@pytest.mark.parametrize(
    "error", [None, RuntimeError("a failure of the application's")], ids=["returns", "raises"]
)
def test_the_refusal_is_sent_once_in_place_of_every_response(
    guard, bearer, own_refusal, status, messages, error
):
    messages = [
        {**message, "status": status} if "status" in message else message for message in messages
    ]

    assert_is(
        exchange(GuardMiddleware(After(*messages, error=error), guard), http(bearer())), own_refusal
    )


@pytest.mark.parametrize("headers", [[], None], ids=repr)
def test_a_start_without_header_fields_is_replaced(guard, bearer, own_refusal, headers):
    message = {
        "type": "http.response.start",
        "status": 200,
        **({} if headers is None else {"headers": headers}),
    }

    assert_is(exchange(GuardMiddleware(After(message, body()), guard), http(bearer())), own_refusal)


def test_fields_that_other_layers_added_stay_and_those_of_the_content_do_not(
    guard, bearer, own_refusal
):
    added = [
        (b"Access-Control-Allow-Origin", b"*"),
        (b"x-request-id", b"7"),
        (b"x-name", b"\xe9"),
        (b"set-cookie", b"a=b"),
    ]
    content = [
        (b"content-type", b"text/html"),
        (b"content-length", b"6"),
        (b"etag", b"x"),
        (b"www-authenticate", b"Basic"),
    ]

    sent = exchange(
        GuardMiddleware(After(start(200, *content, *added), body()), guard), http(bearer())
    )

    assert_is(sent, own_refusal, *((name.lower(), value) for name, value in added))


def test_lists_of_other_layers_are_merged_once(guard, bearer):
    fields = [
        (b"Vary", b"Origin, , Cookie,"),
        (b"vary", b"origin"),
        (b"access-control-expose-headers", b"X-Page, retry-after"),
    ]
    lines = [*bearer(), (b"origin", b"https://app.example")]

    headers = exchange(GuardMiddleware(After(start(200, *fields), body()), guard), http(lines))[0][
        "headers"
    ]

    assert [value for name, value in headers if name == b"vary"] == [b"Origin, Cookie"]
    assert [value for name, value in headers if name == b"access-control-expose-headers"] == [
        b"WWW-Authenticate, DPoP-Nonce, Retry-After, X-Page"
    ]


def test_a_response_to_head_has_no_body(guard, bearer):
    headers = tuple(bearer())
    answer = drive(GuardMiddleware(After(start(), body()), guard), "HEAD", "/x", headers)
    whole = drive(GuardMiddleware(After(start(), body()), guard), "GET", "/x", headers)

    assert (answer.status, answer.body) == (403, b"")
    assert answer.header("content-length") == whole.header("content-length") == str(len(whole.body))


def test_a_method_that_a_layer_below_replaced_is_still_head_for_the_client(guard, bearer):
    async def overriding(scope, receive, send):
        await After(start(), body())({**scope, "method": "GET"}, receive, send)

    answer = drive(GuardMiddleware(overriding, guard), "HEAD", "/x", tuple(bearer()))

    assert (answer.status, answer.body) == (403, b"")


@pytest.mark.parametrize(
    "then",
    [
        [body()],
        [body(more_body=True), body()],
        [body(b"", more_body=False)],
        [PATH],
        [COPY],
        [TRAILERS],
        [start(), body()],
        [],
    ],
    ids=lambda messages: (
        "+".join(message["type"].rpartition(".")[2] for message in messages) or "nothing"
    ),
)
@pytest.mark.parametrize("catching", [False, True])
@pytest.mark.parametrize(
    "error", [None, RuntimeError("a failure of the application's")], ids=["returns", "raises"]
)
def test_a_response_that_has_started_is_aborted(guard, bearer, then, catching, error):
    first = (start(trailers=True), body(b"public", more_body=True))
    application = After(*then, first=first, error=error, catching=catching)
    sent = []

    async def send(message):
        sent.append(message)

    guarded = GuardMiddleware(application, guard)
    with pytest.raises((UsageError, RuntimeError)) as raised:
        asyncio.run(guarded(http(bearer()), None, send))  # type: ignore[arg-type]

    assert sent == list(first)
    assert (
        raised.type is RuntimeError
        if error and (catching or not then)
        else raised.type is UsageError
    )
    assert len(application.caught) == (len(then) if catching else 0)


def test_what_was_sent_before_a_response_starts_does_not_start_it(guard, bearer, own_refusal):
    sent = exchange(
        GuardMiddleware(After(start(), body(), first=(HINT, DEBUG)), guard), http(bearer())
    )

    assert sent[:2] == [HINT, DEBUG]
    assert_is(sent[2:], own_refusal)


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit()], ids=repr
)
def test_a_cancellation_is_not_kept_back(guard, bearer, error):
    sent = []

    async def send(message):
        sent.append(message)

    guarded = GuardMiddleware(After(error=error), guard)
    with pytest.raises(type(error)):
        asyncio.run(guarded(http(bearer()), None, send))  # type: ignore[arg-type]
    assert sent == []


def test_a_failure_without_a_refusal_is_raised_as_it_is(guard, bearer):
    async def fails(scope, receive, send):
        raise LookupError("the application's")

    with pytest.raises(LookupError, match="the application's"):
        exchange(GuardMiddleware(fails, guard), http(bearer()))


def test_a_refusal_below_an_inner_guard_is_sent_through_the_outer_one(
    guard, issuer, bearer, own_refusal
):
    with issuer.guard() as inner:
        app = GuardMiddleware(GuardMiddleware(After(start(), body()), inner), guard)
        assert_is(exchange(app, http(bearer())), own_refusal)


def test_a_copy_of_the_scope_still_refuses(guard, bearer, own_refusal):
    async def copying(scope, receive, send):
        await After(start(), body())(dict(scope), receive, send)

    assert_is(exchange(GuardMiddleware(copying, guard), http(bearer())), own_refusal)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_any_other_copy_of_the_scope_refuses_too(guard, bearer, own_refusal, copied):
    async def copying(scope, receive, send):
        await After(start(), body())(copied(scope), receive, send)

    assert_is(exchange(GuardMiddleware(copying, guard), http(bearer(), state={})), own_refusal)


def test_two_tasks_that_start_a_response_get_one_refusal(guard, bearer, own_refusal):
    async def twice(scope, receive, send):
        await refused(scope)
        await asyncio.gather(send(start()), send(start()), send(body()), send(body()))

    assert_is(exchange(GuardMiddleware(twice, guard), http(bearer())), own_refusal)


# Header fields
