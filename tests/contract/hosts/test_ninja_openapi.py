"""The OpenAPI document of django-ninja with the sign-in, the scopes and the refusals."""

from __future__ import annotations

import json
import logging
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from django.urls import path
from ninja import NinjaAPI
from ninja.security import APIKeyHeader

from iiniit_guard import SettingsError, UsageError
from iiniit_guard.django import require_scope
from iiniit_guard.ninja import GuardAuth, describe
from tests.contract.hosts import django_project
from tests.contract.hosts.openapi_documents import scheme_of, security_of

READ, WRITE = "orders:read", "orders:write"
URLS = {
    "authorization_url": "https://issuer.test/authorize",
    "token_url": "https://issuer.test/token",
}


class ApiKey(APIKeyHeader):
    param_name = "X-Key"

    def authenticate(self, request, key):
        raise AssertionError


def view(request):
    return {}


def of_item(request, item: int):
    return {}


def make_api(**arguments: Any) -> NinjaAPI:
    api = NinjaAPI(urls_namespace="described")
    api.get("/read", auth=GuardAuth(READ))(view)
    api.get("/either", auth=GuardAuth(READ, WRITE, match="any"))(view)
    api.get("/key", auth=[GuardAuth(READ), ApiKey()])(view)
    api.get("/only-key", auth=ApiKey())(view)
    api.get("/optional/{item}", auth=GuardAuth(READ, optional=True))(of_item)
    api.get("/none", response={200: None, 401: None})(view)
    api.get("/decorated")(require_scope(WRITE)(view))
    api.get("/both", auth=[GuardAuth(READ), ApiKey()])(require_scope(WRITE)(view))
    api.api_operation(["POST", "PATCH"], "/many", auth=GuardAuth("many"))(view)
    for operations in api.default_router.path_operations.values():
        for operation in operations.operations:  # every operation has the same function
            operation.operation_id = operation.path
    describe(api, **arguments)
    return api


@pytest.fixture
def site(guard):
    """Return a function that configures a site with this API."""

    def configured(api, **settings):
        own = {"guard": guard, "public": ["/openapi.json"], **settings}
        return django_project.configured(ROOT_URLCONF=(path("", api.urls),), IINIIT_GUARD=own)

    return configured


@pytest.fixture
def document(site):
    def get(api=None, **settings):
        with site(api or make_api(**URLS), **settings):
            return Client().get("/openapi.json").json()

    return get


def test_the_flow_is_that_of_the_issuers_metadata(document, issuer):
    api = make_api(scopes={READ: "See orders"})
    first = document(api)

    assert scheme_of(first) == {
        "type": "oauth2",
        "flows": {
            "authorizationCode": {
                "authorizationUrl": URLS["authorization_url"],
                "tokenUrl": URLS["token_url"],
                "scopes": {READ: "See orders", WRITE: "", "many": ""},
            }
        },
    }
    assert issuer.requests == ["discovery"]
    assert document(api) == first
    assert issuer.requests == ["discovery"]
    assert "GuardAuth" not in first["components"]["securitySchemes"]


def test_each_operation_names_its_scopes(document):
    found = document()

    assert security_of(found, "/read") == [{"OAuth2": [READ]}]
    assert security_of(found, "/either") == [{"OAuth2": [READ]}, {"OAuth2": [WRITE]}]
    assert security_of(found, "/decorated") == [{"OAuth2": [WRITE]}]
    assert security_of(found, "/both") == [{"OAuth2": [WRITE, READ]}]
    assert security_of(found, "/many", "post") == security_of(found, "/many", "patch")
    assert security_of(found, "/many", "post") == [{"OAuth2": ["many"]}]
    # The middleware refuses a request without a token, whatever else the operation admits.
    assert security_of(found, "/key") == [{"OAuth2": [READ]}]
    assert security_of(found, "/optional/{item}") == [{"OAuth2": [READ]}]
    assert security_of(found, "/none") == [{"OAuth2": []}]


def test_what_the_middleware_leaves_to_the_operations(document):
    found = document(enforce="declared")

    assert security_of(found, "/read") == [{"OAuth2": [READ]}]
    assert security_of(found, "/key") == [{"OAuth2": [READ]}, {"ApiKey": []}]
    assert security_of(found, "/only-key") == [{"ApiKey": []}]
    assert security_of(found, "/both") == [{"OAuth2": [WRITE, READ]}]
    assert security_of(found, "/optional/{item}") == [{"OAuth2": [READ]}, {}]
    assert security_of(found, "/none") is None
    assert "403" not in found["paths"]["/none"]["get"]["responses"]
    assert security_of(document(public=["/openapi.json", "/none"]), "/none") is None


def test_an_api_without_guarded_operations_keeps_its_document(document):
    api = NinjaAPI(urls_namespace="open")
    api.get("/none")(view)
    describe(api)
    found = document(api, enforce="declared")
    assert "securitySchemes" not in found["components"]
    assert found["components"]["schemas"] == {}


def test_refusals_are_documented_as_the_guard_sends_them(document, site):
    found = document()
    schema = found["components"]["schemas"]["GuardProblem"]

    for where in ("/read", "/none", "/decorated"):
        responses = found["paths"][where]["get"]["responses"]
        for status in ("401", "403", "503"):
            assert responses[status]["content"].keys() == {"application/problem+json"}
    with site(make_api()):
        refused = Client().get("/read").json()
    assert set(schema["required"]) <= set(refused) <= set(schema["properties"])


def test_without_network_the_scheme_is_bearer(document, issuer, site, caplog):
    api = make_api()
    issuer.fail("connection")
    with caplog.at_level(logging.WARNING, "iiniit_guard"):
        found = document(api)
        document(api)
    assert scheme_of(found) == {"type": "http", "scheme": "bearer"}
    assert security_of(found, "/read") == [{"OAuth2": [READ]}]
    (warning,) = [each for each in caplog.messages if "OpenAPI" in each]
    assert "connection" in warning


def test_the_command_makes_no_request(issuer, site):
    api = make_api(**URLS)
    bare = make_api()
    text = StringIO()
    with site(api):
        assert scheme_of(api.get_openapi_schema())["type"] == "oauth2"
        assert scheme_of(api.get_openapi_schema(path_prefix="x/"))["type"] == "oauth2"
    with site(bare):
        text.write(json.dumps(bare.get_openapi_schema()))
    assert scheme_of(json.loads(text.getvalue())) == {"type": "http", "scheme": "bearer"}
    assert issuer.requests == []


def test_faulty_calls():
    api = make_api()
    with pytest.raises(UsageError, match="only once"):
        describe(api)
    other: Any = object()
    with pytest.raises(UsageError, match="NinjaAPI"):
        describe(other)
    with pytest.raises(SettingsError, match="token_url: both URLs are needed"):
        describe(NinjaAPI(), authorization_url="https://issuer.test/authorize")
