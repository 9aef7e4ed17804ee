"""What the views of Django REST framework require, found without a request, and its checks."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import path
from rest_framework.decorators import action
from rest_framework.permissions import (
    AllowAny,
    DjangoModelPermissions,
    DjangoModelPermissionsOrAnonReadOnly,
    IsAdminUser,
    IsAuthenticated,
    IsAuthenticatedOrReadOnly,
)
from rest_framework.viewsets import ViewSet

from iiniit_guard.core.model.demands import actor_forbidden, actor_required, detail_required
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.django.checks import check_project
from iiniit_guard.rest_framework import (
    ForbidActor,
    RequireActor,
    RequireAnyScope,
    RequireAuthorizationDetails,
    RequireScope,
    operations_of,
)
from tests.contract.hosts import django_project
from tests.contract.hosts import rest_framework_views as views
from tests.contract.hosts.django_site import view as django_view
from tests.contract.hosts.rest_framework_views import READ, WRITE, Answers, Never

ONE, TWO, ANY = make_policy([READ]), make_policy([WRITE]), make_policy([READ], match="any")
DIRECT = make_policy(demands=(actor_forbidden(),))
READS, WRITES = "RequireScope('orders:read')", "RequireScope('orders:write')"


def of(view, method="GET"):
    """Return the operation of a method of a view class or a view function."""
    found = {each.method: each for each in operations_of(getattr(view, "as_view", lambda: view)())}
    return found[method]


def listing(view, method="GET"):
    found = of(view, method)
    return found.alternatives, found.declared, found.is_open


def permitted_by(*classes) -> Any:
    return type("View", (Answers,), {"permission_classes": classes})


@pytest.mark.parametrize(
    ("view", "found"),
    [
        (views.Answers, (((),), (), False)),
        (views.Open, (((),), (), True)),
        (views.Fixed, (((ONE,),), ("permission_classes",), False)),
        (views.Listed, (((ONE,),), ("permission_classes",), False)),
        (views.OneWord, (((ONE,),), ("permission_classes",), False)),
        (views.ByMethod, (((ONE,),), ("permission_classes",), False)),
        (views.OnMethod, (((ONE,),), ("decorator",), False)),
        (views.OnClass, (((ONE,),), ("decorator",), False)),
        (views.ByMethodDecorator, (((ONE,),), ("decorator",), False)),
        (views.below_api_view, (((ONE,),), ("decorator",), False)),
        (views.above_api_view, (((ONE,),), ("decorator",), False)),
        (views.with_classes, (((ONE,),), ("permission_classes",), False)),
        (views.Expression, (((ONE,), (TWO,)), ("permission_classes",), False)),
    ],
)
def test_the_policies_of_a_view(view, found):
    assert listing(view) == found


def test_the_function_below_api_view_is_named():
    found = of(views.below_api_view)
    assert found.handler == "tests.contract.hosts.rest_framework_views.below_api_view"
    assert found.function.__name__ == "below_api_view"
    assert of(views.below_api_view, "OPTIONS").function is views.Answers.options


def test_scopes_by_method_and_the_methods_without_any():
    view = views.ByMethod
    assert [each.method for each in operations_of(view.as_view())] == [
        "GET",
        "POST",
        "DELETE",
        "OPTIONS",
    ]
    assert of(view, "POST").alternatives == ((make_policy([READ, WRITE]),),)
    assert of(view, "DELETE").alternatives == ()
    only_get = operations_of(view.as_view(http_method_names=["get"]))
    assert [each.method for each in only_get] == ["GET"]


def test_the_actions_of_a_viewset():
    actions = {"get": "list", "post": "create", "head": "list"}
    found = operations_of(views.Orders.as_view(actions))
    assert [(each.method, each.action, each.alternatives) for each in found] == [
        ("GET", "list", ((ONE,),)),
        ("POST", "create", ((TWO,),)),
        ("OPTIONS", "metadata", ()),
    ]
    assert found[1].handler == "tests.contract.hosts.rest_framework_views.Orders.create"
    assert found[1].function is views.Orders.create
    assert found[2].function is views.Orders.options
    assert operations_of(views.Orders.as_view({"put": "gone"}, http_method_names=["put"])) == []
    (count, _) = operations_of(views.Orders.as_view({"get": "count"}, **views.Orders.count.kwargs))
    assert count.alternatives == ((make_policy(["orders:count"]),),)
    assert count.permissions == ("RequireScope('orders:count')",)
    (last, _) = operations_of(views.Plain.as_view({"get": "last"}))
    assert (last.alternatives, last.declared) == (((TWO,),), ("decorator",))
    (only,) = operations_of(views.Plain.as_view({"get": "last"}, http_method_names=["get"]))
    assert only == last


@pytest.mark.parametrize(
    ("permission", "text", "alternatives", "opened"),
    [
        (RequireScope(READ) & RequireScope(WRITE), f"({READS} & {WRITES})", ((ONE, TWO),), False),
        (IsAuthenticated & RequireScope(READ), f"(IsAuthenticated & {READS})", ((ONE,),), False),
        (RequireScope(READ) | IsAdminUser, f"({READS} | IsAdminUser)", ((ONE,), ()), False),
        (RequireScope(READ) | AllowAny, f"({READS} | AllowAny)", ((ONE,), ()), True),
        (~RequireScope(READ), f"~{READS}", ((),), True),
        (RequireAnyScope(READ), "RequireAnyScope('orders:read')", ((ANY,),), False),
        (Never, "Never", ((),), True),
        (
            RequireActor("billing", profile="service"),
            "RequireActor(actor=billing actor_profile=service)",
            ((make_policy(demands=(actor_required(("billing",), "service"),)),),),
            False,
        ),
        (ForbidActor, "ForbidActor(no actor)", ((DIRECT,),), False),
        (
            RequireScope(READ) & RequireAuthorizationDetails("payment"),
            f"({READS} & RequireAuthorizationDetails(detail=payment))",
            ((ONE, make_policy(demands=(detail_required("payment"),))),),
            False,
        ),
        (DjangoModelPermissions, "DjangoModelPermissions", ((),), False),
        (DjangoModelPermissionsOrAnonReadOnly, "DjangoModelPermissionsOrAnonReadOnly", ((),), True),
        (IsAuthenticatedOrReadOnly, "IsAuthenticatedOrReadOnly", ((),), True),
        (AllowAny & IsAuthenticated, "(AllowAny & IsAuthenticated)", ((),), False),
    ],
)
def test_permissions_and_expressions(permission, text, alternatives, opened):
    found = of(permitted_by(permission))
    assert found.permissions == (text,)
    assert (found.alternatives, found.is_open) == (alternatives, opened)


def test_read_only_for_others():
    assert not of(permitted_by(IsAuthenticatedOrReadOnly), "POST").is_open


def test_all_permissions_of_a_list_are_required():
    found = of(permitted_by(RequireScope(READ) | RequireScope(WRITE), RequireScope("x")))
    more = make_policy(["x"])
    assert found.alternatives == ((ONE, more), (TWO, more))
    assert of(permitted_by()).is_open


def test_a_view_that_chooses_its_permissions():
    class Chooses(ViewSet):
        permission_classes = (RequireScope(WRITE),)

        def get_permissions(self):
            if self.action == "list":
                return [RequireScope(READ)]
            return [RequireScope(self.request.user.scope)]

        def list(self, request): ...
        def create(self, request): ...

    found = operations_of(Chooses.as_view({"get": "list", "post": "create"}))
    assert [each.alternatives for each in found[:2]] == [((ONE,),), ((TWO,),)]


def test_a_public_view_and_another_kind_of_view():
    assert of(views.Public).is_public
    assert not of(views.Fixed).is_public
    assert operations_of(django_view) == []


def checked(view, guard):
    with django_project.configured(ROOT_URLCONF=(path("x", view),), IINIIT_GUARD=guard):
        return [(message.id, message.msg) for message in check_project()]


def with_scopes(required):
    class WithScopes(views.Nothing):
        required_scopes = required

    return WithScopes.as_view()


@pytest.mark.parametrize(
    "required",
    [None, (), "", [], {}, 5, {"GET": []}, {"GET": None}, {"GET": [READ, 5]}, [[READ]], b"read"],
    ids=repr,
)
def test_a_view_without_usable_scopes_is_an_error_at_the_start_and_later(guard, required, bearer):
    ((code, text),) = checked(with_scopes(required), guard)
    assert (code, text.partition(":")[0]) == ("iiniit_guard.E004", "required_scopes")
    patterns = (path("x", with_scopes(required)),)
    with django_project.configured(ROOT_URLCONF=patterns, IINIIT_GUARD=guard):
        client = Client(raise_request_exception=False)
        headers = {"Authorization": bearer(READ)[0][1].decode()}
        assert client.get("/x", headers=headers).status_code == 500


@pytest.mark.parametrize("required", [["two words"], {"GET": ["ä"]}])
def test_an_invalid_scope_is_an_error_too(guard, required):
    ((code, text),) = checked(with_scopes(required), guard)
    assert (code, text.partition(" '")[0]) == ("iiniit_guard.E004", "invalid scope")


@pytest.mark.parametrize(
    "permission",
    [RequireScope, RequireScope(), RequireScope | IsAdminUser, ~RequireScope],
    ids=["class", "instance", "expression", "negated"],
)
def test_each_way_to_forget_the_scopes(guard, permission):
    view = permitted_by(permission).as_view()
    assert [code for code, _ in checked(view, guard)] == ["iiniit_guard.E004"]


def test_an_action_has_its_own_scopes(guard):
    class Some(ViewSet):
        permission_classes = (RequireScope,)

        @action(detail=False, permission_classes=[RequireScope(READ)])
        def first(self, request): ...

        @action(detail=False, required_scopes=[READ])
        def second(self, request): ...

        @action(detail=False)
        def third(self, request): ...

        required_scopes: object = None

    ids = []
    for each in (Some.first, Some.second, Some.third):
        view = Some.as_view(dict(each.mapping), **each.kwargs, http_method_names=["get"])
        ids.append([code for code, _ in checked(view, guard)])
    assert ids == [[], [], ["iiniit_guard.E004"]]


@pytest.mark.parametrize(
    ("required", "unknown"),
    [
        ({"GET": READ, "POST": WRITE}, None),
        ({"get": READ, "GET": READ}, "get"),
        ({"GET": READ, "list": READ}, "list"),
        ({"TYPO": READ}, "TYPO"),
    ],
)
def test_an_unknown_name_in_required_scopes_is_warned_about(guard, required, unknown):
    found = checked(with_scopes(required), guard)
    if unknown is None:
        assert found == []
    else:
        ((code, text),) = found
        assert (code, text.rpartition(": ")[2]) == ("iiniit_guard.W007", f"{unknown}.")


def test_the_actions_of_a_viewset_are_known_names(guard):
    class Some(views.Orders):
        required_scopes = {"list": READ, "GET": READ, "metadata": READ, "OPTIONS": READ}

    assert checked(Some.as_view({"get": "list"}), guard) == []
    Some.required_scopes = {"lst": READ}
    assert [code for code, _ in checked(Some.as_view({"get": "list"}), guard)] == [
        "iiniit_guard.W007"
    ]


@pytest.mark.parametrize(
    ("view", "found"),
    [
        (views.Open, True),  # by its authentication class
        (views.OnMethod, True),
        (views.with_classes, True),
        (permitted_by(RequireScope(READ)), True),
        (type("Bare", (Answers,), {"authentication_classes": ()}), False),
    ],
)
def test_a_guarded_view_without_the_middleware_is_an_error(view, found):
    view = getattr(view, "as_view", lambda: view)()
    with django_project.configured(ROOT_URLCONF=(path("x", view),), MIDDLEWARE=[]):
        ids = [message.id for message in check_project()]
    assert ids == (["iiniit_guard.E003"] if found else [])
