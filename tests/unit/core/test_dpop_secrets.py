"""What processes with one secret share: nonces, and the names of proofs (RFC 9449 §8, §11.1)."""

from __future__ import annotations

import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from iiniit_guard.core.dpop.nonces import Nonces
from iiniit_guard.core.dpop.shared import SharedProofs
from iiniit_guard.core.issuer.client_authentication import SecretFile
from iiniit_guard.core.model.flow import ReadFile, StoreAdd, Unreachable
from iiniit_guard.errors import UsageError
from iiniit_guard.testing.jws import encode

NOW = 1_800_000_000
SECRET = "s" * 32


def digest(number: int) -> bytes:
    return number.to_bytes(16, "big")


def key_for(purpose: bytes) -> bytes:
    """Derive a key from `SECRET` by another implementation of RFC 5869."""
    return HKDF(SHA256(), 32, b"iiniit_guard shared store", purpose).derive(SECRET.encode())


def finish(flow: Any, *replies: Any) -> tuple[list[Any], Any]:
    """Run a flow with these replies; return its effects and its result."""
    effects: list[Any] = []
    try:
        effects.append(flow.send(None))
        for reply in replies:
            effects += [flow.send(reply)]
    except StopIteration as end:
        return effects, end.value
    raise AssertionError(f"one more effect: {effects[-1]}")


class TestNonces:
    def make(self, secret: Any = SECRET, seconds: float = 60) -> Nonces:
        nonces = Nonces(secret, seconds)
        assert finish(nonces.unlock())[1] is None
        return nonces

    def test_each_period_has_its_own_nonce(self):
        nonces = self.make()
        start = NOW - NOW % 60
        made = [nonces.current(start + 60 * number) for number in range(20)]
        assert len(set(made)) == 20
        assert nonces.current(start + 59.9) == made[0]
        # RFC 9449 §8.1: nonce = 1*NQCHAR
        assert all(0x21 <= ord(sign) <= 0x7E and sign not in '"\\' for sign in made[0])

    def test_processes_with_the_same_secret_make_the_same(self):
        assert self.make().current(NOW) == self.make().current(NOW)
        assert self.make("t" * 32).current(NOW) != self.make().current(NOW)

    def test_every_release_makes_the_same(self):
        """Otherwise the processes of two releases refuse the nonces of each other."""
        number = str(NOW // 60).encode()
        made = hmac.digest(key_for(b"dpop nonces"), number, "sha256")[:18]
        assert self.make().current(NOW) == encode(made)

    def test_few_nonces_are_kept_and_each_is_made_once(self):
        nonces = self.make()
        for number in range(9):
            nonces.current(NOW + 60 * number)
            assert len(nonces._made) == number % 8 + 1
        assert nonces.current(NOW) is nonces.current(NOW)

    def test_a_nonce_is_accepted_in_its_period_and_the_next(self):
        nonces, start = self.make(), NOW - NOW % 60
        nonce = nonces.current(start)
        assert nonces.accepted_until(nonce, start) == start + 120
        assert nonces.accepted_until(nonce, start + 119) == start + 120
        assert nonces.accepted_until(nonce, start + 120) is None
        assert nonces.accepted_until(nonce, start - 60) == start + 120
        assert nonces.accepted_until(nonce, start - 61) is None
        assert [nonces.is_near_its_end(nonce, start + at) for at in (0, 59, 60)] == [
            False,
            False,
            True,
        ]

    @pytest.mark.parametrize("nonce", [None, 1, "", "x", "é", ["x"]])
    def test_no_other_value_is_accepted(self, nonce):
        assert self.make().accepted_until(nonce, NOW) is None

    def test_a_secret_in_a_file_is_read_once(self):
        nonces = Nonces(SecretFile("/s"), 60)
        effects, result = finish(nonces.unlock(), f"{SECRET}\n".encode())
        assert (effects, result) == ([ReadFile("/s")], None)
        assert finish(nonces.unlock()) == ([], None)
        assert nonces.current(NOW) == self.make().current(NOW)

    def test_a_secret_that_cannot_be_read_is_an_outage(self):
        nonces = Nonces(SecretFile("/s"), 60)
        failed = finish(nonces.unlock(), Unreachable("file", "x"))[1]
        assert (failed.cause, failed.diagnosis.topic) == ("file", "dpop_nonce_secret")
        short = finish(nonces.unlock(), b"short")[1]
        assert (short.cause, short.detail) == ("credentials", "dpop_nonce_secret: too short")
        assert finish(nonces.unlock(), b"s" * 31)[1].cause == "credentials"
        with pytest.raises(UsageError):
            nonces.current(NOW)


class TestSharedProofs:
    def test_the_name_shows_nothing_and_is_the_same_in_each_process(self):
        (first,), added = finish(SharedProofs(SECRET).add(digest(1), 60), True)
        (second,), known = finish(SharedProofs(SECRET).add(digest(1), 60), False)
        assert isinstance(first, StoreAdd)
        assert (first, added, known) == (second, True, False)
        assert first.seconds == 62
        assert digest(1).hex() not in first.name
        (other,), _ = finish(SharedProofs("t" * 32).add(digest(1), -1), True)
        assert (other.name == first.name, other.seconds) == (False, 2)
        (second_proof,), _ = finish(SharedProofs(SECRET).add(digest(2), 60), True)
        assert second_proof.name != first.name

    def test_the_name_is_the_same_in_every_release(self):
        """Otherwise the processes of two releases accept the same proof twice."""
        (effect,), _ = finish(SharedProofs(SECRET).add(digest(1), 60), True)
        keyed = hmac.digest(key_for(b"dpop proofs"), digest(1), "sha256").hex()
        assert effect.name == f"iiniit_guard:proof:{keyed}"

    def test_a_failure_is_an_outage(self):
        failed = finish(SharedProofs(SECRET).add(digest(1), 60), None)[1]
        assert failed == Unreachable("proof_store", "the shared store did not record a proof")

    def test_a_secret_that_cannot_be_read_is_an_outage(self):
        shared = SharedProofs(SecretFile("/s"))
        failed = finish(shared.add(digest(1), 60), Unreachable("file", "x"))[1]
        assert (failed.cause, failed.diagnosis.topic) == ("file", "store_secret")
        short = finish(shared.add(digest(1), 60), b"short")[1]
        assert (short.cause, short.detail) == ("credentials", "store_secret: too short")
        assert finish(shared.add(digest(1), 60), b"s" * 31)[1].cause == "credentials"
        effects, added = finish(shared.add(digest(1), 60), SECRET.encode(), True)
        assert [type(effect) for effect in effects] == [ReadFile, StoreAdd]
        assert added is True
