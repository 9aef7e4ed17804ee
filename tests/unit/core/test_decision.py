"""Decisions as values."""

from __future__ import annotations

import pytest

from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Deny, Response, Unavailable
from iiniit_guard.core.model.problem import Reason


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (200, "200 OK"),
        (204, "204 No Content"),
        (400, "400 Bad Request"),
        (401, "401 Unauthorized"),
        (403, "403 Forbidden"),
        (429, "429 Too Many Requests"),
        (500, "500 Internal Server Error"),
        (503, "503 Service Unavailable"),
    ],
)
def test_the_status_line_is_what_wsgi_wants(status, line):
    """PEP 3333: a status of three digits, a space and a reason phrase."""
    assert Response(status, (), b"").status_line == line


def test_a_header_is_found_in_any_case():
    answer = Response(401, (("WWW-Authenticate", "Bearer"), ("Retry-After", "1")), b"")
    assert answer.header("retry-after") == "1"
    assert answer.header("WWW-AUTHENTICATE") == "Bearer"
    assert answer.header("x") is None


def test_a_refusal_does_not_show_the_token_it_is_about():
    token = AccessToken("https://issuer.test", subject="canary", claims={"email": "canary"})
    for kind in (Deny, Unavailable):
        refusal = kind(403, (), b"", Reason.MISSING_SCOPE, token)
        assert refusal.token is token
        assert "canary" not in repr(refusal)
        assert refusal.cache == "none"
