"""What becomes of the response that a refusal replaces, and of one that has begun; what error reports see."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory
from django.urls import path

from iiniit_guard.adapting.request_state import RefusalRecord, with_notes
from iiniit_guard.core.access_token import AccessToken
from iiniit_guard.core.decision import Decision
from iiniit_guard.django import GuardMiddleware, public, require_scope
from iiniit_guard.django.responses import RequestRefused
from tests.hosts import django_project
from tests.hosts.calling import joined
from tests.hosts.django_site import GUARD, REWRITES, Passing, Site, sites, subject

HERE = __name__
CORS = "corsheaders.middleware.CorsMiddleware"
ORIGIN = (b"origin", b"https://app.example")


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def site(request, guard):
    return sites(guard, asynchronous=request.param)


@require_scope("user:read")
def helper(request):
    raise AssertionError


@require_scope("user:read")
async def helper_async(request):
    raise AssertionError


def dropped(request):
    """Ask the helper, and go on whatever it says."""
    try:
        helper(request)
    except PermissionDenied:
        return True
    return False


class Noting(HttpResponse):
    closed_by: list[str] = []

    def close(self):
        self.closed_by.append(self["X-Name"])
        super().close()


def with_fields(request):
    dropped(request)
    response = Noting("secret", headers={"X-Name": "first", "X-Request-Id": "7", "ETag": '"secret"', "Location": "/secret"})
    response.set_cookie("seen", "1", max_age=60, httponly=True)
    return response


def test_fields_and_cookies_of_other_layers_stay(site, bearer):
    Noting.closed_by.clear()
    answer = site(path("x", with_fields)).answer("/x", bearer("other"))

    assert (answer.status, answer.json["reason"]) == (403, "missing_scope")
    assert (answer.header("x-request-id"), answer.header("etag"), answer.header("location")) == ("7", None, None)
    assert "seen=1;" in (answer.header("set-cookie") or "")
    assert "HttpOnly" in (answer.header("set-cookie") or "")
    assert Noting.closed_by == ["first"]


SHARED = HttpResponse("for everyone")
SHARED.set_cookie("seen", "1")


class SetsCookie(Passing):
    def __call__(self, request):
        response = self.get_response(request)
        response.set_cookie("seen", "2", httponly=True)
        return response


def test_a_response_object_that_several_clients_get_is_not_changed(guard, bearer):
    def shared(request):
        dropped(request)
        return SHARED

    project = Site(False, [path("x", shared)], MIDDLEWARE=[f"{HERE}.SetsCookie", GUARD], IINIIT_GUARD=guard)

    assert project("/x", bearer("other"))[0] == 403
    assert (SHARED.status_code, SHARED.content, SHARED.cookies.output(header="")) == (200, b"for everyone", " seen=1; Path=/")


@pytest.mark.parametrize("order", [[CORS, GUARD], [GUARD, CORS]], ids=["above", "below"])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_fields_of_django_cors_headers_stay(guard, bearer, order, asynchronous):
    settings = {"CORS_ALLOWED_ORIGINS": ["https://app.example"], "CORS_EXPOSE_HEADERS": ["X-Request-Id"]}
    view = require_scope("user:read")(subject)
    for handler in (view, with_fields):
        project = Site(asynchronous, [path("x", handler)], MIDDLEWARE=order, IINIIT_GUARD=guard, **settings)
        answer = project.answer("/x", [*bearer("other"), ORIGIN])
        exposed = answer.header("access-control-expose-headers") or ""

        assert (answer.status, answer.json["reason"]) == (403, "missing_scope")
        assert answer.header("access-control-allow-origin") == "https://app.example"
        assert answer.header("vary") == "origin"
        # Above the guard it sets the field anew; below, its members are added to those of the refusal.
        assert exposed == ("X-Request-Id" if order[0] == CORS else "WWW-Authenticate, DPoP-Nonce, Retry-After, X-Request-Id")


def test_an_outage_keeps_its_retry_after(site, guard, issuer, bearer):
    issuer.fail("connection")
    project = site(path("x", with_fields), public=["/x"])
    answer = project.answer("/x", bearer())

    assert (answer.status, answer.json["reason"]) == (503, "issuer_unavailable")
    assert answer.header("retry-after")
    assert answer.header("www-authenticate") is None


# Streams


def chunks(request):
    yield b"first"
    dropped(request)
    yield b"secret"


async def chunks_async(request):
    for chunk in chunks(request):
        yield chunk


def last_chunk(request):
    yield b"first"
    dropped(request)


async def last_chunk_async(request):
    for chunk in last_chunk(request):
        yield chunk


def allowed(request):
    require_scope("user:read")(subject)(request)
    yield b"first"
    yield b"secret"


async def allowed_async(request):
    for chunk in allowed(request):
        yield chunk


def stream_of(sync, asynchronous):
    """A view whose stream is of the kind that its server wants."""
    return lambda request: StreamingHttpResponse((asynchronous if hasattr(request, "scope") else sync)(request))


def begun(response):
    async def collect_async():
        async for chunk in response.streaming_content:
            sent[:] = [*sent, chunk]

    sent: list[bytes] = []
    with pytest.raises(RequestRefused):
        asyncio.run(collect_async()) if response.is_async else sent.extend(response.streaming_content)
    return sent


@pytest.mark.parametrize("made", [chunks, last_chunk, chunks_async, last_chunk_async])
def test_a_stream_that_has_begun_is_aborted(guard, bearer, made):
    request = RequestFactory().get("/x", **joined(bearer("other")))
    with django_project.configured(IINIIT_GUARD=guard):
        response = GuardMiddleware(lambda request: StreamingHttpResponse(made(request)))(request)
    assert begun(response) == [b"first"]


def test_a_server_sees_the_abort(site, bearer):
    requests = []

    def handler(request):
        requests.append(request)
        return stream_of(chunks, chunks_async)(request)

    with pytest.raises(RequestRefused):
        site(path("x", handler))("/x", bearer("other"))
    requests[0].close()  # which Django leaves open where a response is aborted


def test_a_stream_without_a_refusal_is_whole(site, bearer):
    assert site(path("x", stream_of(allowed, allowed_async)))("/x", bearer()) == (200, "firstsecret")


def test_a_file_may_still_be_sent_by_the_server(guard, bearer):
    request = RequestFactory().get("/x", **joined(bearer()))
    with django_project.configured(IINIIT_GUARD=guard):
        response: Any = GuardMiddleware(lambda request: FileResponse(BytesIO(b"all of it")))(request)
    assert response.file_to_stream is not None
    assert response.getvalue() == b"all of it"


def test_a_stream_that_is_replaced_never_begins(site, bearer):
    began = []

    def content():
        began.append(True)
        yield b"secret"

    def handler(request):
        dropped(request)
        return StreamingHttpResponse(content())

    assert site(path("x", handler))("/x", bearer("other"))[0] == 403
    assert began == []


# Exceptions


class Catches(Passing):
    seen: list[Exception] = []

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        self.seen.append(exception)


def frames_of(exception):
    trace = exception.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


@pytest.mark.parametrize("handler", [helper, helper_async], ids=["function", "async function"])
def test_the_exception_carries_no_token(site, issuer, bearer, handler):
    Catches.seen.clear()
    lines = bearer("other", subject="alice")
    assert site(path("x", handler), middleware=[f"{HERE}.Catches"])("/x", lines)[0] == 403

    (exception,) = Catches.seen
    assert isinstance(exception, PermissionDenied)
    assert (exception.__cause__, exception.__suppress_context__) == (None, True)
    ours = [
        frame for frame in frames_of(exception) if "iiniit_guard" in frame.f_code.co_filename and "tests" not in frame.f_code.co_filename
    ]
    values = [value for frame in ours for value in frame.f_locals.values()]
    assert values
    assert not [value for value in values if isinstance(value, (AccessToken, Decision, RefusalRecord))]
    assert lines[0][1].decode().removeprefix("Bearer ") not in repr([exception.args, vars(exception), values])


def test_a_refusal_is_logged_once_and_without_a_traceback(site, bearer, caplog):
    site(path("x", helper))("/x", bearer("other"))
    assert [(record.getMessage(), record.exc_info) for record in caplog.records] == [("Forbidden: /x", None)]


def forbidden(request, exception):
    raise RuntimeError


def test_djangos_client_raises_nothing_for_a_refusal(guard, bearer):
    class Urls:
        urlpatterns = [path("x", helper)]
        handler403 = staticmethod(forbidden)

    with django_project.configured(ROOT_URLCONF=Urls, IINIIT_GUARD=guard):
        answer = Client(raise_request_exception=True).get("/x", **joined(bearer("other")))
    assert (answer.status_code, answer.json()["reason"]) == (403, "missing_scope")


def raising(error, *, asynchronous):
    def get_response(request):
        dropped(request) or helper(request)
        raise error

    async def get_response_async(request):
        return get_response(request)

    return get_response_async if asynchronous else get_response


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("error", [RequestRefused(), ValueError()], ids=repr)
def test_an_exception_from_below_is_answered_by_the_recorded_refusal(guard, bearer, asynchronous, error):
    request = RequestFactory().get("/x", **joined(bearer("other")))
    with django_project.configured(IINIIT_GUARD=guard):
        answer: Any = GuardMiddleware(raising(error, asynchronous=asynchronous))(request)
        answer = asyncio.run(answer) if asynchronous else answer
    assert answer.status_code == 403


@pytest.mark.parametrize("asynchronous", [False, True])
def test_another_exception_goes_on(guard, bearer, asynchronous):
    def get_response(request):
        raise ZeroDivisionError

    async def get_response_async(request):
        raise ZeroDivisionError

    request = RequestFactory().get("/x", **joined(bearer()))
    with django_project.configured(IINIIT_GUARD=guard):
        middleware: Any = GuardMiddleware(get_response_async if asynchronous else get_response)
        with pytest.raises(ZeroDivisionError):
            asyncio.run(middleware(request)) if asynchronous else middleware(request)


def test_what_is_no_response_is_replaced_too(guard, bearer):
    request = RequestFactory().get("/x", **joined(bearer("other")))
    with django_project.configured(IINIIT_GUARD=guard):
        answer: Any = GuardMiddleware(lambda request: dropped(request) and None)(request)
    assert answer.status_code == 403


def test_an_exception_of_the_project_is_left_to_django(site, bearer):
    def handler(request):
        raise PermissionDenied

    status, body = site(path("x", handler))("/x", bearer())
    assert (status, "403 Forbidden" in body, "reason" in body) == (403, True, False)


# Refusals of the middleware itself, and of one around the whole project


class AnswersAll(Passing):
    """Middleware below that makes 200 of everything."""

    def __call__(self, request):
        response = self.get_response(request)
        return self.later(response) if hasattr(request, "scope") else HttpResponse("secret")

    async def later(self, coming):
        await coming
        return HttpResponse("secret")


def test_a_refusal_in_place_of_the_view_is_not_dropped(site, bearer):
    project = site(path("x", subject), path("open", HttpResponse), middleware=[REWRITES, f"{HERE}.AnswersAll"], public=("/open",))
    answer = project.answer("/open", [(b"x-path", b"/x")])

    assert (answer.status, answer.json["reason"]) == (401, "no_token")
    assert project("/open")[0] == 200


@public
def undecided(request):
    dropped(request)
    return HttpResponse("secret")


def test_a_guarded_helper_of_a_public_view_is_not_dropped(site, bearer):
    project = site(path("x", undecided))
    assert [project.answer("/x", lines).json["reason"] for lines in ([], bearer("other"))] == ["no_token", "missing_scope"]


def test_the_record_of_a_middleware_around_the_project_is_used(guard, bearer):
    record = RefusalRecord()
    environ = with_notes({**RequestFactory().get("/x", **joined(bearer("other"))).META}, guard, None, None, record)
    with django_project.configured(ROOT_URLCONF=(path("x", helper),), MIDDLEWARE=[]):
        response = WSGIHandler()(environ, lambda status, headers: None)
    assert response.status_code == 403
    assert record.refusal is not None
    assert record.refusal.reason == "missing_scope"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_same_guard_around_the_project_learns_of_the_refusal(guard, bearer, asynchronous):
    """It replaces what a middleware above Django's answers."""
    record = RefusalRecord()
    lines = bearer("other")
    if asynchronous:
        project = Site(True, [path("x", helper)], IINIIT_GUARD=guard)
        inner = project.app
        project.app = lambda scope, receive, send: inner(with_notes(scope, guard, None, None, record), receive, send)
        assert project("/x", lines)[0] == 403
    else:
        environ = with_notes({**RequestFactory().get("/x", **joined(lines)).META}, guard, None, None, record)
        with django_project.configured(ROOT_URLCONF=(path("x", helper),), IINIIT_GUARD=guard):
            assert WSGIHandler()(environ, lambda status, headers: None).status_code == 403
    assert record.refusal is not None


# Transactions


def test_an_atomic_request_is_rolled_back(guard, bearer, monkeypatch):
    def writes(request):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO written VALUES (1)")
        helper(request)

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE written (number integer)")
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    try:
        assert Site(False, [path("x", writes)], IINIIT_GUARD=guard)("/x", bearer("other"))[0] == 403
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM written")
            assert cursor.fetchone() == (0,)
    finally:
        connection.close()
