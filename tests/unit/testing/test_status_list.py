"""The status list of the issuer for tests."""

from __future__ import annotations

import json

import pytest

from iiniit_guard.core.jose.encodings import decode_base64url
from iiniit_guard.testing import Issuer
from iiniit_guard.testing.status_list import PublishedStatusList


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_each_status_has_its_bits(bits):
    published = PublishedStatusList("https://issuer.test/1")
    published.bits, published.size = bits, 9
    published.statuses = {0: 1, 8: 2**bits - 1}
    whole = 1 | (2**bits - 1) << 8 * bits
    assert published.octets() == whole.to_bytes((9 * bits + 7) // 8, "little")


def test_tokens_get_their_own_entries():
    issuer = Issuer()
    entries = [issuer.introspect(issuer.listed_token())["status"] for _ in range(3)]
    assert [entry["status_list"]["idx"] for entry in entries] == [0, 1, 2]
    assert {entry["status_list"]["uri"] for entry in entries} == {issuer.status_list.uri}


def test_the_status_of_a_token_changes():
    issuer = Issuer()
    token = issuer.listed_token()
    for change, status in ((issuer.revoke, 1), (issuer.suspend, 2), (issuer.reinstate, 0)):
        change(token)
        assert issuer.status_list.statuses == {0: status}


def test_other_tokens_have_no_status():
    issuer = Issuer()
    for token in (issuer.token(), issuer.opaque_token(), "a.b.c", "", issuer.token(status=1)):
        issuer.revoke(token)
    assert issuer.status_list.statuses == {}


def test_claims_of_the_list_can_be_left_out():
    issuer = Issuer()
    issuer.status_list.ttl = issuer.status_list.expires_in = None
    payload = issuer.status_list.response(issuer).body.split(b".")[1]
    claims = json.loads(decode_base64url(payload) or b"")
    assert set(claims) == {"iss", "sub", "iat", "status_list"}
