"""The identity header fields for the upstream."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.sidecar.gateway.identity import NOBODY, escaped, identity_headers
from iiniit_guard.testing import Issuer
from tests.integration.sidecar.sites import GATEWAYS, RULES, ask, bearer, identity, make_sidecar

NOTHING = {"subject": "", "client": "", "scope": "", "issuer": ""}


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_grant_carries_all_four_headers(gateway):
    issuer = Issuer()
    answer = ask(
        make_sidecar(issuer, gateway), headers=bearer(issuer.token("user:write user:read"))
    )

    assert (answer.status, answer.body) == (200, b"")
    assert identity(answer) == {
        "subject": "user-1",
        "client": "client-1",
        "scope": "user:read user:write",
        "issuer": "https://issuer.test",
    }
    assert (answer.header("cache-control"), answer.header("vary")) == (
        "no-store",
        "Authorization, DPoP",
    )


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_they_are_empty_where_there_is_nothing_and_never_missing(gateway):
    issuer = Issuer()
    sidecar = make_sidecar(issuer, gateway, rules=RULES)
    bare = ask(
        sidecar,
        target="/v1/user/profile",
        headers=bearer(issuer.token(subject=None, client_id=None)),
    )

    assert identity(ask(sidecar, target="/open")) == NOTHING
    assert identity(bare) == {**NOTHING, "scope": "user:read", "issuer": "https://issuer.test"}


def test_another_credential_has_a_subject_and_scopes():
    principal = Principal("ApiKey", "robot", frozenset({"b", "a"}))

    assert identity_headers(principal) == (
        *((b"x-iiniit-subject", b"robot"), (b"x-iiniit-client", b"")),
        (b"x-iiniit-scope", b"a b"),
        NOBODY[3],
    )
    assert identity_headers(None) == NOBODY


@pytest.mark.parametrize(
    "value, written",
    [
        ("auth0|123", "auth0|123"),
        ("https://a.example/user?x=1#y", "https://a.example/user?x=1#y"),
        ("50%", "50%25"),
        ("%0d%0a", "%250d%250a"),
        ("a\r\nX-Iiniit-Subject: root", "a%0D%0AX-Iiniit-Subject:%20root"),
        ("\x00\x7f", "%00%7F"),
        ("ä\u2028", "%C3%A4%E2%80%A8"),
        (" padded ", "%20padded%20"),
    ],
)
def test_values_are_visible_ascii_and_can_be_read_back(value, written):
    assert escaped(value).decode() == written
    assert unquote(written) == value


def test_no_two_subjects_look_alike():
    alike = ["a b", "a%20b", "a%2520b", "A b", "a+b"]

    assert len(
        {identity_headers(AccessToken("https://i.test", subject=subject)) for subject in alike}
    ) == len(alike)
