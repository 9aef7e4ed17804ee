"""DPoP at the token endpoint of the demo's authorization server (RFC 9449 §5)."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from werkzeug.test import TestResponse

from iiniit_guard.testing import dpop_proof, make_key
from iiniit_guard.testing.dpop import key_thumbprint
from tests.integration.example_flow import ISSUER, VERIFIER, Flow, body, settings_in

PAGE = "http://127.0.0.1:9006/"
KEY = make_key("ES256", "page")
URL = f"{ISSUER}/token"
API = {"client_id": "api", "secret": "a" * 32, "introspects": "https://api.iiniit.example"}


@pytest.fixture(scope="module", params=["jwt", "opaque"])
def flow(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Flow:
    page = {"client_id": "page", "secret": "", "name": "Page", "redirect_uris": [PAGE]}
    clients = [{**page, "token_format": request.param}, API]
    return Flow(settings_in(tmp_path_factory.mktemp(request.param), clients=clients))


def exchange(flow: Flow, code: str, *proofs: str) -> TestResponse:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": "page",
        "redirect_uri": PAGE,
        "code_verifier": VERIFIER,
    }
    headers = [("DPoP", proof) for proof in proofs]
    return flow.app.test_client().post("/token", data=form, headers=headers, base_url=ISSUER)


def new_code(flow: Flow) -> str:
    return flow.code("user:read", client_id="page", redirect_uri=PAGE)


def introspect(flow: Flow, token: str) -> dict[str, Any]:
    basic = base64.b64encode(f"api:{'a' * 32}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    client = flow.app.test_client()
    form = {"token": token}
    told: dict[str, Any] = body(
        client.post("/introspect", data=form, headers=headers, base_url=ISSUER)
    )
    return told


def test_a_proof_binds_the_token_to_its_key(flow: Flow) -> None:
    response = exchange(flow, new_code(flow), dpop_proof(KEY, "POST", URL))

    issued, bound = body(response), {"jkt": key_thumbprint(KEY)}
    assert (response.status_code, issued["token_type"]) == (200, "DPoP")
    told = introspect(flow, issued["access_token"])
    assert (told["token_type"], told["cnf"]) == ("DPoP", bound)
    if issued["access_token"].count(".") == 2:
        payload = issued["access_token"].split(".")[1]
        assert json.loads(base64.urlsafe_b64decode(payload + "=="))["cnf"] == bound


def test_without_a_proof_the_token_is_a_bearer_token(flow: Flow) -> None:
    issued = body(exchange(flow, new_code(flow)))

    told = introspect(flow, issued["access_token"])
    assert (issued["token_type"], told["token_type"], "cnf" in told) == ("Bearer", "Bearer", False)


RSA, OTHER = make_key("RS256", "rsa"), make_key("ES256", "other")
FAULTS: dict[str, list[str]] = {
    "two proofs": [dpop_proof(KEY, "POST", URL), dpop_proof(KEY, "POST", URL)],
    "no JWT": ["x"],
    "another character set": ["é.é.é"],
    "too long": [dpop_proof(KEY, "POST", URL, padding="x" * 5000)],
    "another type": [dpop_proof(KEY, "POST", URL, header={"typ": "JWT"})],
    "no type": [dpop_proof(KEY, "POST", URL, header={"typ": None})],
    "no key": [dpop_proof(KEY, "POST", URL, header={"jwk": None})],
    "a key that is no object": [dpop_proof(KEY, "POST", URL, header={"jwk": "x"})],
    "an algorithm that is not supported": [dpop_proof(RSA, "POST", URL)],
    "the algorithm none": [dpop_proof(KEY, "POST", URL, header={"alg": "none"})],
    "the signature of another key": [dpop_proof(KEY, "POST", URL, sign_with=OTHER)],
    "another method": [dpop_proof(KEY, "GET", URL)],
    "another URL": [dpop_proof(KEY, "POST", f"{ISSUER}/revoke")],
    "no jti": [dpop_proof(KEY, "POST", URL, jti=None)],
    "an empty jti": [dpop_proof(KEY, "POST", URL, jti="")],
    "no iat": [dpop_proof(KEY, "POST", URL, iat=None)],
    "iat true": [dpop_proof(KEY, "POST", URL, iat=True)],
}


@pytest.mark.parametrize("proofs", FAULTS.values(), ids=FAULTS)
def test_a_faulty_proof_gets_no_token_and_leaves_the_code(flow: Flow, proofs: list[str]) -> None:
    code = new_code(flow)
    response = exchange(flow, code, *proofs)

    assert (response.status_code, body(response)["error"]) == (400, "invalid_dpop_proof")
    assert exchange(flow, code, dpop_proof(KEY, "POST", URL)).status_code == 200


@pytest.mark.parametrize("seconds", [-70, 30])
def test_an_old_proof_and_a_proof_from_the_future_get_no_token(flow: Flow, seconds: int) -> None:
    proof = dpop_proof(KEY, "POST", URL, iat=int(time.time()) + seconds)
    response = exchange(flow, new_code(flow), proof)

    assert (response.status_code, body(response)["error"]) == (400, "invalid_dpop_proof")


def test_a_proof_works_once(flow: Flow) -> None:
    proof = dpop_proof(KEY, "POST", URL)
    assert exchange(flow, new_code(flow), proof).status_code == 200
    again = exchange(flow, new_code(flow), proof)
    assert (again.status_code, body(again)["error"]) == (400, "invalid_dpop_proof")
