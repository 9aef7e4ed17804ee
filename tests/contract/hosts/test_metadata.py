"""RFC 9728: every host serves the resource's metadata, without a token and to every origin."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from iiniit_guard.core.jose.jws import ALGORITHMS
from iiniit_guard.testing import Issuer
from tests.contract.hosts.builders import HOSTS

PLACE = "/.well-known/oauth-protected-resource/v1"


@pytest.fixture
def issuer():
    return Issuer(audience="https://api.test/v1")


@pytest.fixture
def guard(issuer):
    return issuer.guard(resource="https://api.test/v1", resource_scopes=["user:read", "user:write"])


@pytest.mark.parametrize("host", HOSTS, ids=str)
def test_the_metadata_is_served_without_a_token(host, guard, issuer):
    answer = host.call(guard, "GET", PLACE, [])
    assert answer.status == 200
    assert answer.json == {
        "resource": "https://api.test/v1",
        "authorization_servers": [issuer.issuer],
        "scopes_supported": ["user:read", "user:write"],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
    }
    assert answer.header("access-control-allow-origin") == "*"


@pytest.mark.parametrize("host", HOSTS, ids=str)
def test_a_remembered_token_does_not_hide_the_metadata(host, guard, issuer):
    token = issuer.token()
    guard.verify(token)
    answer = host.call(guard, "GET", PLACE, [(b"authorization", f"Bearer {token}".encode())])
    assert answer.json["resource"] == "https://api.test/v1"


@pytest.mark.parametrize("host", HOSTS, ids=str)
def test_its_preflight_is_answered(host, guard):
    answer = host.call(
        guard,
        "OPTIONS",
        PLACE,
        [(b"origin", b"https://x.test"), (b"access-control-request-method", b"GET")],
    )
    assert (answer.status, answer.header("access-control-allow-origin")) == (204, "*")


@pytest.mark.parametrize("host", HOSTS, ids=str)
def test_another_method_there_is_guarded_like_any_path(host, guard):
    answer = host.call(guard, "POST", PLACE, [])
    assert (answer.status, answer.json["reason"]) == (401, "no_token")


@pytest.mark.parametrize("host", HOSTS, ids=str)
def test_the_url_of_the_challenge_leads_to_the_document(host):
    api = "https://api.test/caf%C3%A9/a%20b"
    with Issuer(audience=api).guard(resource=api) as guard:
        challenge = host.call(guard, "GET", "/x", []).header("www-authenticate")
        place = challenge.split('resource_metadata="https://api.test')[1].partition('"')[0]
        assert place == "/.well-known/oauth-protected-resource/caf%C3%A9/a%20b"
        asked = (
            unquote(place)
            if host.name in ("wsgi", "asgi", "starlette", "django async", "ninja", "fastapi")
            else place
        )  # called with what a server has decoded
        assert host.call(guard, "GET", asked, []).json["resource"] == api


@pytest.mark.parametrize("host", HOSTS, ids=str)
def test_challenges_name_the_document(host, guard):
    answer = host.call(guard, "GET", "/x", [])
    assert f'resource_metadata="https://api.test{PLACE}"' in answer.header("www-authenticate")
