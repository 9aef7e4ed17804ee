"""Signed introspection responses of oidc-provider (RFC 9701)."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from iiniit_guard import ClientSecretBasic, Guard, TokenRefused
from tests.integration.interop.node import AUDIENCE, GUARD, SECRET

pytestmark = pytest.mark.xdist_group("interop")

SIGNED = "application/token-introspection+jwt"


@pytest.fixture(scope="module")
def guard(issuer) -> Iterator[Guard]:
    """A guard that accepts only signed responses."""
    made = Guard(
        issuer=issuer,
        audience=AUDIENCE,
        introspection=ClientSecretBasic(GUARD, SECRET),
        introspection_signed=True,
    )
    yield made
    made.close()


def test_a_signed_response_is_accepted_and_its_text_is_no_token(run, guard, issuer):
    token = run("oauth4webapi", "uvicorn", "opaque", bound=False).token

    verified = guard.verify(token)
    assert (verified.client_id, verified.scopes) == ("opaque", frozenset({"user:read"}))
    with httpx2.Client(trust_env=False) as client:
        answer = client.post(
            f"{issuer}/token/introspection",
            data={"token": token},
            headers={"Accept": SIGNED},
            auth=(GUARD, SECRET),
        )
    assert answer.headers["content-type"].partition(";")[0] == SIGNED
    with pytest.raises(TokenRefused) as refused:
        guard.verify(answer.text)
    assert refused.value.reason == "wrong_type"


def test_an_unknown_token_is_inactive(guard):
    with pytest.raises(TokenRefused) as refused:
        guard.verify("A" * 43)
    assert refused.value.reason == "inactive"
