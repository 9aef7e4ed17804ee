"""A refusal after the first check names its error under the scheme that the client used."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Any

import pytest

from iiniit_guard import Request
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.testing import Issuer, dpop_proof, make_key
from tests.contract.hosts.tls import RFC8705, RFC8705_THUMBPRINT
from tests.unit.guard.calling import WRITE

KEY = make_key("ES256", "client")
CERTIFICATE = {"x5t#S256": RFC8705_THUMBPRINT}


@pytest.fixture
def issuer():
    return Issuer()


def errors_of(refused: Any) -> list[tuple[str, bool]]:
    """Return the schemes of the challenges in their order, and whether each names an error."""
    written = re.split(r", (?=Bearer |DPoP )", refused.header("WWW-Authenticate"))
    return [(each.partition(" ")[0], 'error="' in each) for each in written]


USED_DPOP = [("DPoP", True), ("Bearer", False)]
USED_BEARER = [("Bearer", True), ("DPoP", False)]


@pytest.mark.parametrize(
    ("binding", "expected"),
    [
        ({"dpop_key": KEY}, USED_DPOP),
        ({}, USED_BEARER),
        ({"cnf": CERTIFICATE}, USED_BEARER),
    ],
    ids=["a key", "nothing", "a certificate"],
)
def test_a_policy_of_a_handler_answers_under_the_scheme_of_the_token(issuer, binding, expected):
    token = issuer.token("user:read", **binding)
    scheme = "DPoP" if "dpop_key" in binding else "Bearer"
    proof = dpop_proof(KEY, "GET", "https://api.test/x", token, clock=issuer.clock)
    headers = [(b"authorization", f"{scheme} {token}".encode()), (b"dpop", proof.encode())]
    request = Request("GET", "/x", headers=headers, certificate=b64decode(RFC8705))
    with issuer.guard(public_url="https://api.test") as guard:
        allowed: Any = guard.authenticate(request)
        refused: Any = guard._engine.authorize(request, allowed.token, WRITE)

    assert (refused.status, refused.reason) == (403, Reason.MISSING_SCOPE)
    assert errors_of(refused) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["DPoP x"], USED_DPOP),
        (["dpop x"], USED_DPOP),
        (["DPOP x y"], USED_DPOP),
        (["DPoP"], USED_DPOP),
        (["Bearer x"], USED_BEARER),
        (["Bearer DPoP"], USED_BEARER),
        (["x DPoP"], USED_BEARER),
        ([], USED_BEARER),
    ],
    ids=str,
)
def test_a_refusal_from_outside_answers_under_the_scheme_of_the_request(issuer, lines, expected):
    headers = [(b"authorization", line.encode()) for line in lines]
    with issuer.guard() as guard:
        refused = guard._engine.refuse(
            Request("GET", "/x", headers=headers), PROBLEMS[Reason.UNBOUND_TOKEN]
        )

    assert refused.reason is Reason.UNBOUND_TOKEN
    assert errors_of(refused) == expected
