"""Django views of every kind, sync and async: public marks and stacked decorators."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views import View

from iiniit_guard.adapting.decorators import is_public, policies_of
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.django import public, require_any_scope, require_scope, require_token
from iiniit_guard.errors import UsageError
from tests.contract.hosts.django_site import (
    Site,
    Undecorated,
    never,
    open_async,
    open_view,
    sites,
    subject,
    view,
    view_async,
)

READ = make_policy(["user:read"])


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


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def site(request, guard):
    return sites(guard, asynchronous=request.param)


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize(
    "settings",
    [{}, {"enforce": "declared"}, {"public": ("/x",)}, {"optional_token": True}],
    ids=str,
)
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

    assert policies_of(stacked) == (
        make_policy(["a", "b"], match="any"),
        make_policy(max_age=60),
        READ,
    )
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

    assert [
        project("/x", bearer(scope))[0]
        for scope in ("user:read", "user:write", "user:read user:write")
    ] == [403, 403, 200]
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

    assert [
        project("/x", bearer("user:read"), method)[0]
        for method in ("GET", "POST", "OPTIONS", "DELETE")
    ] == [200, 403, 200, 405]


# Which guard decides, and when


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

    assert (
        project("/a/x")
        == project("/a/x", bearer())
        == project("/a/x", [(b"authorization", b"nonsense")])
        == (200, "None")
    )
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
        with pytest.raises(UsageError, match="must not be both"):
            decorators[0](decorators[1](handler))


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
