"""JOSE headers are cached after a valid signature only, and within bounds."""

from __future__ import annotations

from iiniit_guard.core.jose import jws as jose
from tests.unit.guard.calling import request
from tests.unit.guard.test_begin import tampered


def test_a_header_is_known_from_a_good_signature_only(issuer, monkeypatch):
    monkeypatch.setattr(jose, "_known_headers", {})
    with issuer.guard() as guard:
        token = issuer.token()
        guard.authenticate(request(tampered(token)))
        assert jose._known_headers == {}
        guard.authenticate(request(token))
        assert set(jose._known_headers) == {token.partition(".")[0].encode()}


def test_an_issuer_with_a_header_for_each_token_replaces_its_own_headers_alone(issuer, monkeypatch):
    monkeypatch.setattr(jose, "_known_headers", {b"another issuer's": jose.JoseHeader("RS256")})
    with issuer.guard() as guard:
        for number in range(jose.MAX_HEADERS_OF_ISSUER + 3):
            for _ in range(2):
                assert guard.verify(issuer.token(header={"more": number})).issuer == issuer.issuer
        assert b"another issuer's" in jose._known_headers
        assert len(jose._known_headers) == 1 + jose.MAX_HEADERS_OF_ISSUER


def test_headers_of_many_issuers_are_bounded(issuer, monkeypatch):
    monkeypatch.setattr(jose, "MAX_HEADERS", 3)
    monkeypatch.setattr(
        jose, "_known_headers", {bytes([number]): jose.JoseHeader("RS256") for number in range(3)}
    )
    with issuer.guard() as guard:
        guard.verify(issuer.token())
        assert len(jose._known_headers) == 1


def test_a_longer_header_is_not_cached(issuer, monkeypatch):
    monkeypatch.setattr(jose, "_known_headers", {})
    with issuer.guard() as guard:
        guard.verify(issuer.token(header={"more": "x" * 1024}))
        assert jose._known_headers == {}


def test_each_guard_of_one_issuer_remembers_its_signer(issuer, monkeypatch):
    """The header is cached for the process, the signer for the guard."""
    monkeypatch.setattr(jose, "_known_headers", {})
    with issuer.guard() as first, issuer.guard() as second:
        signers = []
        for guard in (first, second):
            guard.verify(issuer.token())
            signers.append(guard._engine.resource.only_server.keys.last_signer)
        assert signers[0].header is signers[1].header
        assert signers[0].validity is not signers[1].validity
