"""`GuardAuth` with actors and authorization details."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import path
from ninja import NinjaAPI

from iiniit_guard import UsageError
from iiniit_guard.core.model.demands import actor_forbidden, detail_required
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.django.url_views import views_of
from iiniit_guard.ninja import GuardAuth, operations_of
from tests.contract.hosts import django_project
from tests.contract.hosts.ninja_views import READ, ApiKey, shown


def make_patterns():
    api = NinjaAPI(urls_namespace="demands", openapi_url=None)
    one_of = [GuardAuth(authorization_details="payment"), ApiKey()]
    api.get("/payments", auth=one_of)(shown)
    api.get("/people", auth=[GuardAuth(READ, forbid_actor="ai_agent"), ApiKey()])(shown)
    api.get("/delegated", auth=[GuardAuth(require_actor=True), ApiKey()])(shown)
    return (path("", api.urls),)


PATTERNS = make_patterns()
AGENT = {"sub": "a", "sub_profile": "ai_agent"}


@pytest.mark.parametrize(
    ("where", "claims", "reason"),
    [
        ("/payments", {}, "missing_authorization_details"),
        ("/people", {"act": AGENT}, "actor_forbidden"),
        ("/delegated", {}, "actor_required"),
    ],
)
def test_another_callback_may_admit_what_a_demand_refuses(guard, issuer, where, claims, reason):
    headers = {"Authorization": f"Bearer {issuer.token(READ, **claims)}"}
    with django_project.configured(ROOT_URLCONF=PATTERNS, IINIIT_GUARD={"guard": guard}):
        refused = Client().get(where, headers=headers)
        admitted = Client().get(where, headers={**headers, "X-Key": "good"})

    assert (refused.status_code, refused.json()["reason"]) == (403, reason)
    assert (admitted.status_code, admitted.json()["who"]) == (200, "good")


def test_the_listing_has_the_demands():
    listed = {name: operations_of(view) for name, view in views_of(PATTERNS[0].url_patterns, "")}
    ((payments,), (people,)) = listed["payments"], listed["people"]

    assert payments.alternatives == ((make_policy(demands=(detail_required("payment"),)),), ())
    assert payments.permissions == ("GuardAuth(detail=payment)", "ApiKey")
    named = make_policy([READ], demands=(actor_forbidden(("ai_agent",)),))
    assert people.alternatives == ((named,), ())
    assert people.permissions[0] == f"GuardAuth({READ!r}, actor!=ai_agent)"


@pytest.mark.parametrize(
    "arguments",
    [{"require_actor": ""}, {"forbid_actor": []}, {"authorization_details": []}],
)
def test_an_argument_without_value_is_an_error(arguments):
    with pytest.raises(UsageError):
        GuardAuth(**arguments)
