"""Protected resource metadata (RFC 9728)."""

from __future__ import annotations

import json

import pytest

from iiniit_guard.core.jose.jws import ALGORITHMS
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.resource_metadata import metadata_response, resource_document
from tests.unit.core.stepping import API, ISSUER, make_clock, make_issuer, make_resource

PLACE = "/.well-known/oauth-protected-resource"


def test_the_types_of_authorization_details():
    made = make(resource_authorization_details_types=["payment_initiation", "account"])

    assert resource_document(made.settings)["authorization_details_types_supported"] == [
        "payment_initiation",
        "account",
    ]


def make(**settings):
    return make_resource(make_clock(), **{"resource": API, **settings})


def ask(resource, path=PLACE, method="GET", *headers):
    return metadata_response(Request(method, path, headers=headers), resource)


def test_the_document():
    """RFC 9728 §2."""
    assert resource_document(make(resource_scopes=["user:read"]).settings) == {
        "resource": API,
        "authorization_servers": [ISSUER],
        "scopes_supported": ["user:read"],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
    }


@pytest.mark.parametrize(
    "settings, members",
    [
        ({"dpop": "off"}, {}),
        (
            {"dpop": "required", "dpop_algorithms": ["ES256"]},
            {
                "dpop_signing_alg_values_supported": ["ES256"],
                "dpop_bound_access_tokens_required": True,
            },
        ),
    ],
)
def test_the_members_about_dpop(settings, members):
    """RFC 9728 §2."""
    document = resource_document(make(**settings).settings)
    assert {name: value for name, value in document.items() if name.startswith("dpop")} == members


def test_what_is_not_known_is_left_out():
    """RFC 9728 §3.2: no empty values."""
    document = resource_document(make(issuers=print).settings)
    assert document == {
        "resource": API,
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
    }


def test_a_query_token_that_is_accepted_is_said_so():
    assert resource_document(make(insecure_query_token=True).settings)[
        "bearer_methods_supported"
    ] == ["header", "query"]


def test_every_issuer_is_named():
    issuers = [make_issuer(), make_issuer(issuer="https://other.test")]
    assert resource_document(make(issuers=issuers).settings)["authorization_servers"] == [
        ISSUER,
        "https://other.test",
    ]


def test_it_is_served_without_a_token_and_to_every_origin():
    """RFC 9728 §3."""
    resource = make()
    answer = ask(resource, PLACE, "GET", (b"host", b"evil.test"), (b"origin", b"https://app.test"))
    assert answer is not None
    assert (
        answer.status,
        answer.header("content-type"),
        answer.header("access-control-allow-origin"),
    ) == (200, "application/json", "*")
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.header("cache-control") == "public, max-age=3600"
    assert json.loads(answer.body) == resource_document(resource.settings)
    assert b"evil" not in answer.body, "never built from Host"


def test_head_has_no_body():
    resource = make()
    head, get = ask(resource, PLACE, "HEAD"), ask(resource)
    assert head is not None
    assert get is not None
    assert (head.headers, head.body) == (get.headers, b"")


def test_a_preflight_is_answered():
    answer = ask(make(), PLACE, "OPTIONS")
    assert answer is not None
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("access-control-allow-methods") == "GET, HEAD"
    assert answer.header("access-control-allow-headers") == "*", (
        "clients of the Model Context Protocol send fields of their own"
    )


@pytest.mark.parametrize(
    ("path", "method"),
    [
        (PLACE + "/", "GET"),
        (PLACE + "/v1", "GET"),
        ("/", "GET"),
        (PLACE.upper(), "GET"),
        (PLACE, "POST"),
        (PLACE, "DELETE"),
    ],
)
def test_no_other_request_is_answered(path, method):
    """A public path must not make other paths or methods public."""
    assert ask(make(), path, method) is None


def test_nothing_is_served_without_a_resource():
    assert ask(make(resource=None)) is None


def test_a_resource_with_a_path_has_its_own_place():
    """RFC 9728 §3.1."""
    resource = make(resource=f"{API}/v1", audience=f"{API}/v1")
    assert ask(resource) is None
    assert ask(resource, PLACE + "/v1") is not None


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/caf%C3%A9", "/café"),
        ("/a%20b", "/a b"),
        ("/a%252fb", "/a%2fb"),
        ("/x?tenant=1", "/x"),
        ("/", ""),
    ],
)
def test_its_place_is_compared_decoded_as_hosts_give_it(path, asked):
    """RFC 3986 §2.4: the host decodes the path once."""
    resource = make(resource=API + path, audience=API + path)
    assert ask(resource, PLACE + asked) is not None
    assert (ask(resource, PLACE + path) is None) == ("%" in path or "?" in path or path == "/")
