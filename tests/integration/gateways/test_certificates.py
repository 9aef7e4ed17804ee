"""A token that is bound to a client certificate, through each gateway with TLS."""

from __future__ import annotations

import hashlib
import ssl
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import pytest

from tests.integration.gateways.recipes import RECIPES, Recipe
from tests.integration.gateways.tls_world import LISTENERS, TlsWorld
from tests.integration.servers.certificates import Authority

EACH = [
    pytest.param(recipe, id=recipe.name, marks=pytest.mark.xdist_group(f"tls-{recipe.name}"))
    for recipe in RECIPES
    if recipe.name in LISTENERS
]


@pytest.fixture(scope="module", params=EACH)
def world(request: pytest.FixtureRequest) -> Iterator[TlsWorld]:
    recipe: Recipe = request.param
    with TemporaryDirectory(prefix=f"tls-{recipe.name}-", ignore_cleanup_errors=True) as place:
        directory = Path(place)
        directory.chmod(0o755)
        with TlsWorld(recipe, directory, Authority(directory)) as running:
            yield running


def der_of(file: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(Path(file).read_text())


def test_a_bound_token_needs_its_certificate(world):
    own, other = world.authority.issue("client-1"), world.authority.issue("client-2")
    der = der_of(own.certificate_file)
    digest = urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
    bound = world.issuer.issuer.token("user:read", cnf={"x5t#S256": digest})
    bearer = {"Authorization": f"Bearer {bound}"}
    pem = quote(Path(own.certificate_file).read_text())
    value = f":{b64encode(der).decode()}:"

    assert world.get("/v1/user/profile", own, **bearer) == (200, None)
    assert len(world.upstream.arrived) == 1
    sent = {name.lower() for name, _ in world.upstream.arrived[0].headers}
    assert not {name for name in sent if "client-cert" in name}, "the API gets no certificate"
    for certificate, reason in ((other, "wrong_certificate"), (None, "no_certificate")):
        status, problem = world.get("/v1/user/profile", certificate, **bearer)
        assert (status, problem["reason"]) == (401, reason)
        assert world.upstream.arrived == []
    lies = {
        "Client_Cert": value,
        "X_Original_Client_Cert": pem,
        "X_Forwarded_Client_Cert": f'Cert="{pem}"',
        "X_Forwarded_Tls_Client_Cert": b64encode(der).decode(),
        "X_SSL_Client_Cert": pem,
    }
    status, problem = world.get("/v1/user/profile", None, **bearer, **lies)
    assert (status, problem["reason"]) == (401, "no_certificate")
    status, problem = world.get("/v1/user/profile", other, **bearer, **lies)
    assert (status, problem["reason"]) == (401, "wrong_certificate")
    assert world.upstream.arrived == []


def test_the_original_request_is_not_the_word_of_the_client(world):
    lies = {
        "X_Forwarded_Uri": "/healthz",
        "X_Forwarded_Method": "OPTIONS",
        "X_Forwarded_Host": "elsewhere.example",
        "X_Forwarded_Proto": "http",
    }

    status, problem = world.get("/v1/user/profile", None, **lies)

    assert (status, problem["reason"]) == (401, "no_token")


def test_a_bearer_token_needs_none(world):
    bearer = {"Authorization": f"Bearer {world.issuer.issuer.token('user:read')}"}

    assert world.get("/v1/user/profile", None, **bearer)[0] == 200
