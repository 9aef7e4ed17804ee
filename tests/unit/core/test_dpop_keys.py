"""What is kept of clients and of requests: their keys and URIs, bounded (RFC 9449 §4.2)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from iiniit_guard.core.decide import begin
from iiniit_guard.core.dpop.proof import (
    MAX_KEYS,
    MAX_PROOF_BYTES,
    ProofKey,
    ProofKeys,
    only_proof,
    parse_proof,
)
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.presented import Presented
from iiniit_guard.testing import Issuer, SettableClock, dpop_proof, make_key
from iiniit_guard.testing.dpop import key_thumbprint

NOW = 1_800_000_000
KEY, OTHER = make_key("ES256", "client"), make_key("ES256", "client", 2)
URL = "https://api.test/x"


class TestProofKeys:
    def test_the_table_is_bounded(self):
        keys = ProofKeys()
        key = ProofKey("t", lambda _input, _signature: True)
        for number in range(MAX_KEYS):
            keys.keep(b"%d" % number, key)
        assert len(keys._keys) == MAX_KEYS
        keys.keep(b"0", key)
        assert len(keys._keys) == MAX_KEYS
        keys.keep(b"x", key)
        assert len(keys._keys) == 1
        keys.keep(b"x" * 1025, key)
        assert keys.get(b"x" * 1025) is None
        keys.keep(b"x" * 1024, key)
        assert keys.get(b"x" * 1024) is key

    def test_a_known_header_is_not_parsed_again(self):
        made = dpop_proof(KEY, "GET", URL, "x").encode()
        keys, known = ProofKeys(), ProofKey("t", lambda _input, _signature: True)
        new: Any = parse_proof(made, frozenset({"ES256"}), keys)
        assert (new.key, set(new.members)) == (None, {"typ", "alg", "jwk"})
        keys.keep(made.partition(b".")[0], known)
        again: Any = parse_proof(made, frozenset({"ES256"}), keys)
        assert (again.key, again.members) == (known, {})

    def test_a_proof_shows_nothing(self):
        made = dpop_proof(KEY, "GET", URL, "x").encode()
        assert repr(parse_proof(made, frozenset({"ES256"}), ProofKeys())) == "Proof()"


def lines(token: str, proof: str) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", f"DPoP {token}".encode()), (b"dpop", proof.encode())]


def test_a_known_key_does_not_pass_for_a_token_of_another_key():
    """The header of a client is kept after its first request."""
    issuer = Issuer(clock=SettableClock(NOW))
    guard: Any = issuer.guard(public_url="https://api.test")
    for key, of, reason in ((KEY, KEY, None), (KEY, OTHER, Reason.WRONG_PROOF_KEY)):
        token = issuer.token(dpop_key=of)
        made = lines(token, dpop_proof(key, "GET", URL, token, clock=issuer.clock))
        decision = guard.authenticate(Request("GET", "/x", headers=made))
        assert getattr(decision, "reason", None) is reason


def test_only_an_accepted_proof_keeps_its_key():
    issuer = Issuer(clock=SettableClock(NOW))
    guard: Any = issuer.guard(public_url="https://api.test")
    keys = guard._engine.resource.proofs._keys
    token = issuer.token("other", dpop_key=KEY)
    for sign_with, length in ((OTHER, 0), (KEY, 1), (KEY, 1)):
        proof = dpop_proof(KEY, "GET", URL, token, clock=issuer.clock, sign_with=sign_with)
        guard.authenticate(Request("GET", "/x", headers=lines(token, proof)))
        assert len(keys._keys) == length
        assert {key.thumbprint for key in keys._keys.values()} <= {key_thumbprint(KEY)}


def test_a_key_that_the_library_refuses_signed_nothing(monkeypatch):
    """A FIPS build has no Ed25519."""

    class Refusing:
        @staticmethod
        def from_public_bytes(encoded: bytes) -> None:
            raise UnsupportedAlgorithm(encoded.hex())

    issuer, key = Issuer(clock=SettableClock(NOW)), make_key("Ed25519", "client")
    guard: Any = issuer.guard(public_url="https://api.test")
    token = issuer.token(dpop_key=key)
    proof = dpop_proof(key, "GET", URL, token, clock=issuer.clock)
    name = "cryptography.hazmat.primitives.asymmetric.ed25519.Ed25519PublicKey"
    with monkeypatch.context() as patched:
        patched.setattr(name, Refusing)
        refused = guard.authenticate(Request("GET", "/x", headers=lines(token, proof)))
    assert (refused.status, refused.reason) == (401, Reason.WRONG_PROOF_KEY)
    assert guard.authenticate(Request("GET", "/x", headers=lines(token, proof))).token is not None


def test_the_limit_of_a_proof_and_the_white_space_around_it():
    longest = b"x" * MAX_PROOF_BYTES

    def read(value: bytes) -> Any:
        return only_proof(Request("GET", "/x", headers=[(b"dpop", value)]))

    assert read(longest) == longest
    assert read(b"xX") == b"xX"
    assert read(b" \t" + longest + b"\t ") == longest
    assert read(longest + b"x").reason is Reason.MALFORMED_PROOF
    # RFC 9110 §5.5: optional white space is a space or a tab. Other characters belong to the value.
    assert read(b"\x0bX\x0c") == b"\x0bX\x0c"


def test_the_normal_forms_that_are_kept_are_bounded():
    issuer = Issuer(clock=SettableClock(NOW))
    guard: Any = issuer.guard(public_url="https://api.test")
    kept = guard._engine.resource.proofs._normal
    token = issuer.token(dpop_key=KEY)

    def send(path: str) -> Any:
        made = dpop_proof(KEY, "GET", f"https://api.test{path}", token, clock=issuer.clock)
        return guard.authenticate(Request("GET", path, headers=lines(token, made)))

    kept.update({str(number): "x" for number in range(1024)})
    assert send("/a").token is not None
    assert len(kept) == 1
    # A URI of 512 characters is kept; a longer one is not.
    assert send(f"/{'x' * 496}").token is not None
    assert len(kept) == 1
    assert send(f"/{'x' * 495}").token is not None
    assert len(kept) == 2


def test_an_identifier_counts_for_one_key_and_one_uri():
    """RFC 9449 §11.1: `jti` is unique in the context of the target URI."""
    issuer = Issuer(clock=SettableClock(NOW))
    guard: Any = issuer.guard(public_url="https://api.test")

    def send(path: str, key: Any = KEY, htu: str = "", **claims: Any) -> Reason | None:
        token = issuer.token(dpop_key=key)
        url = htu or f"https://api.test{path}"
        proof = dpop_proof(key, "GET", url, token, clock=issuer.clock, **claims)
        sent = Request("GET", path, headers=lines(token, proof), target=path)
        return getattr(guard.authenticate(sent), "reason", None)

    assert send("/a", jti="1") is None
    # Another time, another token or another spelling of the URI make no other proof.
    assert send("/a", jti="1", iat=NOW - 1) is Reason.REPLAYED_PROOF
    assert send("/a", jti="1", htu="HTTPS://API.test:443/%61") is Reason.REPLAYED_PROOF
    assert send("/%61", jti="1") is Reason.REPLAYED_PROOF
    assert send("/b", jti="1") is None
    assert send("/a", jti="1", key=OTHER) is None
    assert send("/a", jti="11") is None


def test_every_release_identifies_a_proof_alike():
    """Otherwise the processes of two releases accept it twice by their shared store."""
    issuer = Issuer(clock=SettableClock(NOW))
    guard: Any = issuer.guard(public_url="https://api.test")
    token = issuer.token(dpop_key=KEY)
    proof = dpop_proof(KEY, "GET", "https://api.test/%78", token, clock=issuer.clock, jti="abc")
    assert guard.authenticate(Request("GET", "/x", headers=lines(token, proof))).token is not None
    identity = f"{key_thumbprint(KEY)}3:abchttps://api.test/x"
    replays = guard._engine.resource.proofs.replays
    assert set(replays._entries) == {sha256(identity.encode()).digest()[:16]}


@pytest.mark.parametrize(
    ("changes", "settings", "detail"),
    [
        ({"htm": "POST"}, {}, "htm is another method"),
        ({"htu": f"{URL}/y"}, {}, "htu is another URI than that of the request; see public_url"),
        ({}, {"public_url": None}, "the URI of the request is ambiguous; set public_url"),
    ],
)
def test_the_log_learns_which_part_of_the_target_differs(changes, settings, detail):
    issuer = Issuer(clock=SettableClock(NOW))
    guard: Any = issuer.guard(**{"public_url": "https://api.test", **settings})
    proof = dpop_proof(KEY, "GET", URL, "x", clock=issuer.clock, **changes)
    request = Request("GET", "/x", headers=lines("x", proof))
    problem = guard._engine.resource.proofs.begin("x", request)
    assert problem.reason is Reason.WRONG_PROOF_TARGET
    assert problem.diagnosis.detail == detail


def test_a_full_cache_is_an_outage_of_its_own():
    issuer = Issuer(clock=SettableClock(NOW))
    guard: Any = issuer.guard(public_url="https://api.test", max_dpop_proofs=1)
    guard.verify(issuer.token())  # loads the keys

    def send(key, jti):
        token = issuer.token(dpop_key=key, jti=key.kid)
        proof = dpop_proof(key, "GET", URL, token, clock=issuer.clock, jti=jti)
        request = Request("GET", "/x", headers=lines(token, proof))
        begun: Any = begin(guard._engine.resource, Presented.of(request))
        return begun if isinstance(begun, AccessToken) else begun.result

    assert isinstance(send(KEY, "1"), AccessToken)
    full = Unreachable("proof_store", "max_dpop_proofs: no room for another proof")
    assert send(OTHER, "2") == full
    assert send(KEY, "1").reason is Reason.REPLAYED_PROOF
    assert send(KEY, "3").reason is Reason.TOO_MANY_PROOFS


@pytest.mark.parametrize("htu", ["https://api.test/%zz", "https://api.test/%z", "x", ""])
def test_a_request_whose_uri_has_no_normal_form_fits_no_proof(htu):
    """Two URIs without a normal form are not equal because of that."""
    issuer = Issuer(clock=SettableClock(NOW))
    guard: Any = issuer.guard(public_url="https://api.test")
    token = issuer.token(dpop_key=KEY)
    made = lines(token, dpop_proof(KEY, "GET", URL, token, clock=issuer.clock, htu=htu))
    refused = guard.authenticate(Request("GET", "/%zz", headers=made, target="/%zz"))
    assert refused.reason is Reason.WRONG_PROOF_TARGET


def test_the_secret_of_the_store_makes_the_nonces_if_they_have_none():
    issuer = Issuer(clock=SettableClock(NOW))
    guard: Any = issuer.guard(
        public_url="https://api.test",
        introspection=None,
        dpop_nonce="required",
        store_url="redis://127.0.0.1:1",
        store_secret="s" * 32,
    )
    token = issuer.token(dpop_key=KEY)
    made = lines(token, dpop_proof(KEY, "GET", URL, token, clock=issuer.clock))
    refused = guard.authenticate(Request("GET", "/x", headers=made))
    assert refused.reason is Reason.PROOF_NONCE_REQUIRED


def test_a_problem_of_a_proof_never_shows_it():
    issuer = Issuer(clock=SettableClock(NOW))
    with issuer.guard() as guard:
        token = issuer.token(dpop_key=KEY)
        proof = dpop_proof(KEY, "GET", URL, token, clock=issuer.clock)
        refused: Any = guard.authenticate(Request("GET", "/x", headers=lines(token, proof)))
        shown = f"{refused}{refused.headers}{refused.body}"
        assert refused.reason is Reason.WRONG_PROOF_TARGET
        assert proof not in shown
        assert token not in shown
