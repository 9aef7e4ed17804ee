"""What is special to Django: where authentication happens, views of every kind, sync and async, whatever middleware does below."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views import View

from iiniit_guard.core.handler import is_public, policies_of
from iiniit_guard.core.policy import make_policy
from iiniit_guard.django import GuardMiddleware, public, require_any_scope, require_scope, require_token
from iiniit_guard.errors import UsageError
from tests.hosts import django_project
from tests.hosts.builders import drive, joined

GUARD = "iiniit_guard.django.GuardMiddleware"
READ = make_policy(["user:read"])
HERE = __name__


def subject(request):
    return HttpResponse(request.access_token.subject)


@require_scope("user:read")
def view(request):
    return subject(request)


@require_scope("user:read")
async def view_async(request):
    return subject(request)


@require_scope("user:read")
class Whole(View):
    def get(self, request):
        return subject(request)


@require_scope("user:read")
class WholeAsync(View):
    async def get(self, request):
        return subject(request)


@method_decorator(require_scope("user:read"), name="dispatch")
class Dispatch(View):
    def get(self, request):
        return subject(request)


@method_decorator([require_scope("user:read"), require_token()], name="dispatch")
class DispatchAsync(View):
    async def get(self, request):
        return subject(request)


class Methods(View):
    @method_decorator(require_scope("user:read"))
    def get(self, request):
        return subject(request)


class MethodsAsync(View):
    @method_decorator(require_scope("user:read"))
    async def get(self, request):
        return subject(request)


class Direct(View):
    @require_scope("user:read")
    def get(self, request):
        return subject(request)


class DirectAsync(View):
    @require_scope("user:read")
    async def get(self, request):
        return subject(request)


class Undecorated(View):
    def get(self, request):
        return subject(request)


class Feed:
    """A view that is an object, as those of django.contrib.syndication."""

    def __call__(self, request):
        return subject(request)


def prefixed(prefix, request):
    return subject(request)


VIEWS = {
    "function": view,
    "async function": view_async,
    "class": Whole.as_view(),
    "async class": WholeAsync.as_view(),
    "dispatch": Dispatch.as_view(),
    "async dispatch": DispatchAsync.as_view(),
    "method": Methods.as_view(),
    "async method": MethodsAsync.as_view(),
    "method directly": Direct.as_view(),
    "async method directly": DirectAsync.as_view(),
    "as_view": require_scope("user:read")(Undecorated.as_view()),
    "object": require_scope("user:read")(Feed()),
    "partial": require_scope("user:read")(functools.partial(prefixed, "x")),
}


class Site:
    """A project with these URL patterns, called by Django's client or as an ASGI application."""

    def __init__(self, asynchronous, patterns, **settings):
        self.asynchronous = asynchronous
        self.settings = {"ROOT_URLCONF": tuple(patterns), **settings}
        with self.configured():
            if asynchronous:
                from django.core.handlers.asgi import ASGIHandler

                self.app = ASGIHandler()
            else:
                self.client = Client(raise_request_exception=False)
                self.client.handler.load_middleware()

    def configured(self):
        return django_project.configured(**self.settings)

    def __call__(self, where, lines=(), method="GET", **scope):
        with self.configured():
            if self.asynchronous:
                answer = drive(self.app, method, where, lines, **scope)
                return answer.status, answer.body.decode()
            answer = self.client.generic(method, where, **joined(lines))
            return answer.status_code, answer.content.decode()


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def site(request, guard):
    def make(*patterns, middleware=(), **settings):
        return Site(request.param, patterns, MIDDLEWARE=[GUARD, *middleware], IINIIT_GUARD={"guard": guard, **settings})

    return make


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("settings", [{}, {"enforce": "declared"}, {"public": ("/x",)}, {"optional_token": True}], ids=str)
def test_every_kind_of_view_is_guarded(site, bearer, events, name, settings):
    project = site(path("x", VIEWS[name]), **settings)

    assert project("/x", bearer(subject="alice")) == (200, "alice")
    status, body = project("/x", bearer("other"))
    assert (status, '"missing_scope"' in body) == (403, True)
    assert project("/x")[0] == 401
    assert events[-1].reason == "no_token"
    assert {event.host for event in events} == {"django"}


def test_decorated_views_keep_their_looks():
    assert iscoroutinefunction(view_async)
    assert inspect.iscoroutinefunction(view_async)
    assert not iscoroutinefunction(view)
    assert list(inspect.signature(view).parameters) == ["request"]
    assert iscoroutinefunction(WholeAsync.as_view())
    assert not iscoroutinefunction(Whole.as_view())
    assert Whole.__name__ == "Whole"


def test_policies_are_on_the_view_the_outermost_first():
    @require_any_scope("a", "b")
    @require_token(max_age=60)
    @require_scope("user:read")
    def stacked(request):
        raise AssertionError

    assert policies_of(stacked) == (make_policy(["a", "b"], match="any"), make_policy(max_age=60), READ)
    for made in (Whole.as_view(), Dispatch.as_view(), VIEWS["as_view"]):
        assert policies_of(made) == (READ,)
    assert policies_of(Whole) == (READ,)
    assert policies_of(Undecorated.as_view()) == ()


def test_stacked_class_decorators_all_decide(site, bearer):
    @require_scope("user:write")
    @require_scope("user:read")
    class Stacked(View):
        async def get(self, request):
            return subject(request)

    project = site(path("x", Stacked.as_view()))

    assert [project("/x", bearer(scope))[0] for scope in ("user:read", "user:write", "user:read user:write")] == [403, 403, 200]
    assert project("/x", bearer("user:read user:write"), "DELETE")[0] == 405


def test_methods_may_want_different_scopes(site, bearer):
    class Profile(View):
        @method_decorator(require_scope("user:read"))
        def get(self, request):
            return HttpResponse("read")

        @method_decorator(require_scope("user:write"))
        def post(self, request):
            return HttpResponse("written")

    project = site(path("x", Profile.as_view()))

    assert [project("/x", bearer("user:read"), method)[0] for method in ("GET", "POST", "OPTIONS", "DELETE")] == [200, 403, 200, 405]


# Who is asked, and when


def never(request):
    raise AssertionError


@public
def open_view(request):
    return HttpResponse(repr(request.access_token))


@public
async def open_async(request):
    return HttpResponse(repr(request.access_token))


@public
class Open(View):
    def get(self, request):
        return HttpResponse(repr(request.access_token))


@method_decorator(public, name="dispatch")
class OpenDispatch(View):
    def get(self, request):
        return HttpResponse(repr(request.access_token))


@pytest.mark.parametrize("handler", [open_view, open_async, Open.as_view(), OpenDispatch.as_view()])
def test_public_views_are_not_asked(site, bearer, events, handler):
    project = site(path("a/", include([path("x", handler)])))

    assert project("/a/x") == project("/a/x", bearer()) == project("/a/x", [(b"authorization", b"nonsense")]) == (200, "None")
    assert events == []
    assert project("/a/y")[0] == 401


def test_public_marks_what_it_decorates_and_nothing_else(site):
    project = site(path("open", public(Undecorated.as_view())), path("shut", Undecorated.as_view()))

    assert project("/shut")[0] == 401
    assert not is_public(Undecorated)


@pytest.mark.parametrize("decorators", [(public, require_token()), (require_token(), public)])
def test_public_and_guarded_is_a_contradiction(decorators):
    class Both(View):
        pass

    for handler in (never, Both):
        with pytest.raises(UsageError, match="not both"):
            decorators[0](decorators[1](handler))


def test_a_url_that_fits_nothing_is_guarded(site, bearer):
    project = site(path("x/", view))

    assert [project(where)[0] for where in ("/", "/nowhere", "/x", "/x/y")] == [401] * 4
    assert project("/nowhere", bearer())[0] == 404


class Answers:
    """Middleware that answers by itself, without asking who is there."""

    sync_capable = async_capable = True
    acted: list[str] = []

    def __init__(self, get_response):
        self.asynchronous = iscoroutinefunction(get_response)
        middleware: Any = self
        if self.asynchronous:
            markcoroutinefunction(middleware)

    def __call__(self, request):
        self.acted.append(request.path_info)
        response = HttpResponse("from the middleware")
        return self.later(response) if self.asynchronous else response

    async def later(self, response):
        return response


class Passing:
    """Middleware that does something to the request and passes it on, in either world."""

    sync_capable = async_capable = True

    def __init__(self, get_response):
        self.get_response = get_response
        middleware: Any = self
        if iscoroutinefunction(get_response):
            markcoroutinefunction(middleware)


class UrlconfOfTenant(Passing):
    """Middleware that makes Django route by other patterns."""

    def __call__(self, request):
        request.urlconf = (path("x", Undecorated.as_view()), path("open", open_view))
        return self.get_response(request)


class Rewrites(Passing):
    """Middleware that sends a request elsewhere, as method overrides and legacy URLs do."""

    def __call__(self, request):
        request.path_info = request.headers.get("X-Path", request.path_info)
        request.method = request.headers.get("X-Method", request.method)
        return self.get_response(request)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_metadata_is_found_by_the_path_that_django_routes(issuer, bearer, asynchronous):
    """A middleware above may send a request there; a remembered, a new and a bad token change nothing."""
    place = b"/.well-known/oauth-protected-resource"
    with issuer.guard(resource="https://api.test") as guard:
        settings = {"MIDDLEWARE": [f"{HERE}.Rewrites", GUARD], "IINIIT_GUARD": {"guard": guard}}
        project = Site(asynchronous, [path("x", never)], **settings)
        for token in (bearer(), bearer(), bearer(expires_in=-60)):
            status, body = project("/x", [*token, (b"x-path", place)])
            assert (status, '"resource"' in body) == (200, True)


def test_middleware_below_never_acts_for_a_stranger(site, bearer):
    Answers.acted.clear()
    project = site(path("x", never), middleware=[f"{HERE}.Answers"])

    assert project("/x")[0] == 401
    assert project("/nowhere")[0] == 401
    assert Answers.acted == []
    assert project("/x", bearer()) == (200, "from the middleware")


def test_what_it_answers_in_place_of_a_public_view_is_withheld(site, bearer):
    project = site(path("open", open_view), middleware=[f"{HERE}.Answers"])

    assert project("/open")[0] == 401
    assert project("/open", bearer("")) == (200, "from the middleware")
    assert project("/open", bearer(expires_in=-60))[0] == 401


def test_a_public_path_stays_public_whoever_answers(site):
    project = site(path("open", open_view), middleware=[f"{HERE}.Answers"], public=("/open",))

    assert project("/open") == (200, "from the middleware")


def test_another_urlconf_below_opens_nothing(site, bearer):
    project = site(path("x", open_view), path("open", never), middleware=[f"{HERE}.UrlconfOfTenant"])

    assert project("/x")[0] == 401  # public where we looked, guarded where Django went
    assert project("/x", bearer(subject="alice")) == (200, "alice")
    assert project("/open")[0] == 401  # the other way round: refused, since nobody could know
    assert project("/gone")[0] == 401


def test_another_urlconf_above_is_known(guard, bearer):
    for asynchronous in (False, True):
        middleware = [f"{HERE}.UrlconfOfTenant", GUARD]
        project = Site(asynchronous, [path("x", never)], MIDDLEWARE=middleware, IINIIT_GUARD=guard)

        assert project("/open") == (200, "None")
        assert project("/x")[0] == 401
        assert project("/x", bearer(subject="alice")) == (200, "alice")


def test_a_path_or_method_that_changes_below_is_decided_again(site, bearer):
    preflight = [(b"origin", b"https://app.example"), (b"access-control-request-method", b"PUT")]
    project = site(path("x", subject), path("open", HttpResponse), middleware=[f"{HERE}.Rewrites"], public=("/open", "/also"))

    assert project("/open")[0] == 200
    assert project("/open", [(b"x-path", b"/x")])[0] == 401
    assert project("/open", [(b"x-path", b"/x"), *bearer(subject="alice")]) == (200, "alice")
    assert project("/also", [(b"x-path", b"/open")])[0] == 200
    assert project("/x", [*preflight, (b"x-method", b"PUT")], "OPTIONS")[0] == 401


class RulesByPath:
    def policy_for(self, request):
        return make_policy([{"/x": "user:read", "/admin": "admin"}[request.path]])


def test_rules_are_asked_again_for_a_path_that_changes_below(site, bearer):
    project = site(path("x", subject), path("admin", subject), middleware=[f"{HERE}.Rewrites"], rules=RulesByPath())

    assert project("/x", bearer(subject="alice")) == (200, "alice")
    assert project("/x", [(b"x-path", b"/admin"), *bearer()])[0] == 403
    assert project("/x", [(b"x-path", b"/admin"), *bearer("user:read admin", subject="alice")]) == (200, "alice")


# Hosts


class SyncOnly:
    """Middleware that Django runs in a thread under ASGI, with all that stands above it."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)


def test_sync_middleware_below_is_no_trouble(site, bearer):
    project = site(path("x", view_async), path("open", open_async), middleware=[f"{HERE}.SyncOnly"])

    assert project("/x", bearer(subject="alice")) == (200, "alice")
    assert project("/x")[0] == 401
    assert project("/open") == (200, "None")


def test_an_async_project_uses_no_thread(guard, bearer):
    threads = []

    async def handler(request):
        threads.append(threading.current_thread())
        return HttpResponse()

    class Noting(GuardMiddleware):
        async def _process_view_async(self, *arguments):
            threads.append(threading.current_thread())
            return await super()._process_view_async(*arguments)

    globals()["Noting"] = Noting
    project = Site(True, [path("x", handler)], MIDDLEWARE=[f"{HERE}.Noting"], IINIIT_GUARD=guard)

    assert project("/x", bearer())[0] == 200
    assert threads == [threading.main_thread()] * 2


def test_raw_header_fields_are_read_under_asgi(guard, bearer):
    project = Site(True, [path("x", subject)], IINIIT_GUARD=guard)

    assert project("/x", bearer() * 2)[0] == 400
    assert project("/x", [(b"Authorization", b"Bearer")])[0] == 400
    assert project("/x", bearer(subject="alice"), root_path="/prefix") == (200, "alice")


def test_the_asgi_scope_is_copied_and_carries_the_token(guard, bearer):
    scopes = []

    def handler(request):
        scopes.append(request.scope)
        return HttpResponse()

    project = Site(True, [path("x", handler)], IINIIT_GUARD=guard)
    outer = {}
    inner = project.app

    async def app(scope, receive, send):
        outer.update(scope)
        await inner(scope, receive, send)
        assert scope == outer

    project.app = app
    project("/x", bearer(subject="alice"))

    assert scopes[0]["iiniit_guard.access_token"].subject == "alice"
    assert scopes[0]["iiniit_guard.guard"] is guard
    assert "iiniit_guard.access_token" not in outer


def test_public_paths_are_those_that_django_routes(guard):
    project = Site(True, [path("healthz", HttpResponse), path("x", never)], IINIIT_GUARD={"guard": guard, "public": ["/healthz"]})

    assert project("/api/healthz", root_path="/api")[0] == 200
    assert project("/healthz")[0] == 200
    assert project("/api/healthz")[0] == 401


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_remembered_token_is_not_looked_at_on_djangos_public_path(quiet_guard, bearer, asynchronous):
    def handler(request):
        return HttpResponse(repr(request.access_token))

    project = Site(asynchronous, [path("x", subject), path("open", handler)], IINIIT_GUARD={"guard": quiet_guard, "public": ["/open"]})
    lines = bearer(subject="alice")

    assert [project("/x", lines) for _ in range(2)] == [(200, "alice")] * 2
    assert project("/open", lines) == (200, "None")


def test_a_project_without_any_url_is_guarded(site, bearer):
    assert site()("/x")[0] == 401
    assert site()("/x", bearer())[0] == 404


def test_without_its_middleware_a_view_fails_and_never_runs(bearer):
    for asynchronous in (False, True):
        project = Site(
            asynchronous,
            [path(name.replace(" ", "-"), made) for name, made in VIEWS.items()],
            MIDDLEWARE=[],
            DEBUG_PROPAGATE_EXCEPTIONS=False,
        )
        for name in VIEWS:
            assert project(f"/{name.replace(' ', '-')}", bearer())[0] == 500


def test_decorators_need_a_view_and_a_request():
    things: tuple[Any, ...] = (3, None, Exception, HttpRequest)
    handler: Any = view
    for thing in things:
        with pytest.raises(UsageError, match="can be decorated"):
            public(thing)
    for call in (handler, lambda: handler(number=3), lambda: handler("request")):
        with pytest.raises(UsageError, match="with the request"):
            call()


def test_views_can_be_called_with_keywords_and_a_made_request(guard, bearer):
    request = RequestFactory().get("/x", **joined(bearer(subject="alice")))
    request.META["iiniit_guard.guard"] = guard

    assert view(request=request).content == b"alice"
    assert request.access_token.subject == "alice"


@pytest.mark.parametrize("handler", [view, view_async], ids=["view", "async view"])
def test_a_middleware_around_the_project_shows_its_token_too(handler, guard, issuer):
    request = RequestFactory().get("/x")
    request.META.update({"iiniit_guard.guard": guard, "iiniit_guard.access_token": guard.verify(issuer.token(subject="alice"))})
    answer = handler(request)

    assert (asyncio.run(answer) if handler is view_async else answer).content == b"alice"


def test_an_async_made_request_works_too(guard, bearer):
    request = AsyncRequestFactory().get("/x", headers={"Authorization": bearer(subject="alice")[0][1].decode()})
    request.scope["iiniit_guard.guard"] = guard

    assert asyncio.run(view_async(request)).content == b"alice"


def test_djangos_async_client_works_too(guard, quiet_guard, bearer):
    headers = {"Authorization": bearer(subject="alice")[0][1].decode()}

    async def calls():
        client = AsyncClient()
        return [await client.get(where, headers=headers) for where in ("/x", "/x", "/x?access_token=a")] + [await client.get("/x")]

    for each in (guard, quiet_guard):
        with django_project.configured(ROOT_URLCONF=(path("x", view_async),), IINIIT_GUARD=each):
            answers = asyncio.run(calls())
        assert [answer.status_code for answer in answers] == [200, 200, 400, 401]
