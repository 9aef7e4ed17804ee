"""The state of DPoP: accepted proofs, the shared store, one request (RFC 9449 §8, §11.1)."""

from __future__ import annotations

from typing import Any

import pytest

from iiniit_guard.core.dpop.presented_proof import accepted_proofs
from iiniit_guard.core.issuer.client_authentication import SecretFile
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.flow import StoreAdd
from iiniit_guard.core.model.policy import Policy, make_policy
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.testing import Issuer, SettableClock, dpop_proof, make_key

NOW = 1_800_000_000
SECRET = "s" * 32
KEY, OTHER = make_key("ES256", "client"), make_key("ES256", "client", 2)
URL = "https://api.test/x"
WRITE = make_policy(["user:write"])


def lines(token: str, proof: str) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", f"DPoP {token}".encode()), (b"dpop", proof.encode())]


class TestOneRequest:
    """Several handlers and guards may check one request."""

    def make(self, **settings: Any) -> tuple[Issuer, Any]:
        issuer = Issuer(clock=SettableClock(NOW))
        return issuer, issuer.guard(public_url="https://api.test", **settings)

    def test_a_proof_counts_again_for_the_same_request_only(self):
        issuer, guard = self.make()
        token = issuer.token(dpop_key=KEY, expires_in=3600)
        made = lines(token, dpop_proof(KEY, "GET", URL, token, clock=issuer.clock))
        native: dict[str, Any] = {"type": "websocket", "path": "/x"}
        request = Request("GET", "/x", headers=made, native=native)
        assert guard.authenticate(request).token is not None
        (kept,) = accepted_proofs(request)
        assert (kept.proof, kept.encoded) == (None, made[1][1])
        # An open connection is checked with the proof of its handshake.
        issuer.clock.advance(600)
        again = Request("GET", "/x", headers=made, native={**native})
        assert guard.authenticate(again).token is not None
        fresh = Request("GET", "/x", headers=made, native={"type": "http", "path": "/x"})
        assert guard.authenticate(fresh).reason is Reason.STALE_PROOF
        issuer.clock.advance(3600)
        assert guard.authenticate(again).reason is Reason.EXPIRED

    def test_a_replay_stays_a_replay_in_its_request(self):
        """A refused proof is not stored in the request, so no later check passes by it."""
        issuer, guard = self.make()
        token = issuer.token(dpop_key=KEY)
        made = lines(token, dpop_proof(KEY, "GET", URL, token, clock=issuer.clock))
        assert guard.authenticate(Request("GET", "/x", headers=made)).token is not None
        native: dict[str, Any] = {"type": "http", "path": "/x"}
        for _ in range(2):
            replay = Request("GET", "/x", headers=made, native=native)
            assert guard.authenticate(replay).reason is Reason.REPLAYED_PROOF
        assert set(native) == {"type", "path"}

    def test_another_token_in_the_same_request_needs_its_own_proof(self):
        issuer, guard = self.make()
        token, second = issuer.token(dpop_key=KEY), issuer.token(dpop_key=OTHER)
        made = dpop_proof(KEY, "GET", URL, token, clock=issuer.clock)
        native: dict[str, Any] = {"type": "http", "path": "/x"}
        first = Request("GET", "/x", headers=lines(token, made), native=native)
        assert guard.authenticate(first).token is not None
        changed = Request("GET", "/x", headers=lines(second, made), native=native)
        assert guard.authenticate(changed).reason is Reason.WRONG_PROOF_TOKEN

    def test_an_inner_guard_checks_the_proof_itself_and_it_is_no_replay(self):
        issuer, outer = self.make()
        inner: Any = issuer.guard(public_url="https://api.test")
        strict: Any = issuer.guard(public_url="https://other.test")
        token = issuer.token(dpop_key=KEY)
        made = lines(token, dpop_proof(KEY, "GET", URL, token, clock=issuer.clock))
        request = Request("GET", "/x", headers=made, native={"type": "http", "path": "/x"})
        assert outer.authenticate(request).token is not None
        assert inner.authenticate(request).token is not None
        assert strict.authenticate(request).reason is Reason.WRONG_PROOF_TARGET
        replay = Request("GET", "/x", headers=made, native={"type": "http", "path": "/x"})
        assert inner.authenticate(replay).reason is Reason.REPLAYED_PROOF

    def test_each_proof_of_one_request_is_recorded_once(self):
        """The message of an open connection may bring a proof of its own."""
        issuer, outer = self.make()
        inner: Any = issuer.guard(public_url="https://api.test")
        token = issuer.token(dpop_key=KEY)
        proofs = [dpop_proof(KEY, "GET", URL, token, clock=issuer.clock) for _ in range(2)]
        native: dict[str, Any] = {"type": "websocket", "path": "/x"}
        for guard in (outer, inner, outer, inner):
            for proof in proofs:
                sent = Request("GET", "/x", headers=lines(token, proof), native=native)
                assert guard.authenticate(sent).token is not None
        for guard in (outer, inner):
            assert len(guard._engine.resource.proofs.replays) == 2
            for proof in proofs:
                fresh = Request("GET", "/x", headers=lines(token, proof))
                assert guard.authenticate(fresh).reason is Reason.REPLAYED_PROOF

    def test_a_token_whose_binding_changed_does_not_pass_by_the_old_proof(self):
        issuer, guard = self.make(inactive_seconds=0.001, revocation_delay_seconds=0.001)
        token = issuer.opaque_token(dpop_key=KEY)
        made = lines(token, dpop_proof(KEY, "GET", URL, token, clock=issuer.clock))
        request = Request("GET", "/x", headers=made, native={"type": "http", "path": "/x"})
        assert guard.authenticate(request).token is not None
        bound = issuer._known[issuer.opaque_token(dpop_key=OTHER)]
        issuer._known[token] = bound
        issuer.clock.advance(1)
        assert guard.authenticate(request).reason is Reason.WRONG_PROOF_KEY

    def test_a_refused_request_does_not_use_up_its_proof(self):
        issuer, guard = self.make(validators=[lambda token, request: allowed[0]])
        allowed: list[bool] = [False]
        token = issuer.token(dpop_key=KEY)
        made = lines(token, dpop_proof(KEY, "GET", URL, token, clock=issuer.clock))
        assert guard.authenticate(Request("GET", "/x", headers=made)).status == 401
        allowed[0] = True
        assert guard.authenticate(Request("GET", "/x", headers=made)).token is not None
        replayed = guard.authenticate(Request("GET", "/x", headers=made))
        assert replayed.reason is Reason.REPLAYED_PROOF

    def test_a_request_that_the_policy_refuses_does_not_use_up_its_proof(self):
        issuer, guard = self.make()
        token = issuer.token("user:read", dpop_key=KEY)
        made = lines(token, dpop_proof(KEY, "GET", URL, token, clock=issuer.clock))
        write = guard._engine.authenticate(Request("GET", "/x", headers=made), WRITE)
        assert write.reason is Reason.MISSING_SCOPE
        assert guard.authenticate(Request("GET", "/x", headers=made)).token is not None

    @pytest.mark.parametrize("query, headers", [(b"access_token=%b", ""), (b"", "Bearer %b")])
    def test_a_bearer_token_is_no_anonymous_request(self, query, headers):
        """With `dpop="required"` it is a credential of another scheme, wherever it is."""
        issuer, guard = self.make(dpop="required", insecure_query_token=True)
        sent = issuer.token().encode()
        written = [(b"authorization", headers.encode() % sent)] if headers else []
        query = query % sent if query else b""
        optional = Policy(anonymous=True)
        refused = guard._engine.authenticate(
            Request("GET", "/x", query=query, headers=written), optional
        )
        assert refused.reason is Reason.NO_TOKEN
        passed = guard._engine.authenticate(Request("GET", "/x", query=b"a=b"), optional)
        assert isinstance(passed, Allow)

    def test_a_fork_replaces_the_lock(self):
        _, guard = self.make()
        replays = guard._engine.resource.proofs.replays
        lock = replays._lock
        guard._engine.after_fork()
        assert replays._lock is not lock

    def test_a_foreign_value_under_the_key_of_the_state_is_ignored(self):
        issuer, guard = self.make()
        token = issuer.token(dpop_key=KEY)
        made = lines(token, dpop_proof(KEY, "GET", URL, token, clock=issuer.clock))
        native = {"type": "http", "path": "/x", "iiniit_guard.accepted_proofs": "x"}
        assert guard.authenticate(Request("GET", "/x", headers=made, native=native)).token


class TestStore:
    """With a shared store, a proof is recorded there too, by one atomic command."""

    def make(self, perform: Any, issuer: Issuer | None = None) -> tuple[Issuer, Any]:
        issuer = issuer or Issuer(clock=SettableClock(NOW))
        settings: Any = {"store_url": "redis://127.0.0.1:1", "store_secret": SECRET}
        guard: Any = issuer.guard(public_url="https://api.test", introspection=None, **settings)
        guard._engine._runner.store.perform = perform
        return issuer, guard

    def ask(self, issuer: Issuer, guard: Any, proof: str, token: str) -> Any:
        return guard.authenticate(Request("GET", "/x", headers=lines(token, proof)))

    def test_two_processes_share_the_proofs(self):
        names: set[str] = set()

        def perform(effect: Any) -> bool:
            assert isinstance(effect, StoreAdd)
            assert effect.seconds == 62  # the age of a proof, and the clock of another process
            known = effect.name in names
            names.add(effect.name)
            return not known

        issuer, one = self.make(perform)
        _, two = self.make(perform)
        token = issuer.token(dpop_key=KEY)
        proof = dpop_proof(KEY, "GET", URL, token, clock=issuer.clock)
        two_of_issuer: Any = issuer.guard(
            public_url="https://api.test",
            introspection=None,
            store_url="redis://127.0.0.1:1",
            store_secret=SECRET,
        )
        two_of_issuer._engine._runner.store.perform = perform
        assert self.ask(issuer, one, proof, token).token is not None
        assert self.ask(issuer, two_of_issuer, proof, token).reason is Reason.REPLAYED_PROOF
        assert len(names) == 1
        second = dpop_proof(KEY, "GET", URL, token, clock=issuer.clock)
        assert self.ask(issuer, two_of_issuer, second, token).token is not None
        assert self.ask(issuer, one, second, token).reason is Reason.REPLAYED_PROOF
        assert len(names) == 2
        two.close()

    def test_a_replay_in_the_same_process_needs_no_call_to_the_store(self):
        effects: list[Any] = []
        issuer, guard = self.make(lambda effect: not effects.append(effect))
        token = issuer.token(dpop_key=KEY)
        proof = dpop_proof(KEY, "GET", URL, token, clock=issuer.clock)
        assert self.ask(issuer, guard, proof, token).token is not None
        assert self.ask(issuer, guard, proof, token).reason is Reason.REPLAYED_PROOF
        assert len(effects) == 1

    def test_only_a_recorded_proof_counts_again_for_its_request(self):
        replies = [True, None, None, False]
        issuer, guard = self.make(lambda effect: replies.pop(0))
        token = issuer.token(dpop_key=KEY)

        def ask(proof: str, native: dict[str, Any]) -> Any:
            sent = Request("GET", "/x", headers=lines(token, proof), native=native)
            return getattr(guard.authenticate(sent), "reason", None)

        first, other = (dpop_proof(KEY, "GET", URL, token, clock=issuer.clock) for _ in range(2))
        native: dict[str, Any] = {"type": "http", "path": "/x"}
        assert [ask(first, native) for _ in range(3)] == [None] * 3
        assert len(replies) == 3
        native = {"type": "http", "path": "/x"}
        assert [ask(other, native) for _ in range(4)] == [
            *[Reason.PROOF_STORE_UNAVAILABLE] * 2,
            *[Reason.REPLAYED_PROOF] * 2,
        ]
        assert (set(native), replies) == ({"type", "path"}, [])

    @pytest.mark.parametrize("has_store", [False, True])
    def test_guards_of_one_store_record_a_proof_there_once(self, has_store):
        """An inner guard does not rely on the record of an outer guard without the store."""
        effects: list[Any] = []
        issuer, inner = self.make(lambda effect: not effects.append(effect))
        outer: Any = issuer.guard(public_url="https://api.test")
        if has_store:
            _, outer = self.make(lambda effect: not effects.append(effect), issuer)
        token = issuer.token(dpop_key=KEY)
        made = lines(token, dpop_proof(KEY, "GET", URL, token, clock=issuer.clock))
        request = Request("GET", "/x", headers=made, native={"type": "http", "path": "/x"})
        assert all(guard.authenticate(request).token for guard in (outer, inner))
        assert len(effects) == 1

    def test_a_store_that_fails_is_503_and_the_proof_may_come_again(self):
        replies = [None, True]
        issuer, guard = self.make(lambda effect: replies.pop(0))
        token = issuer.token(dpop_key=KEY)
        proof = dpop_proof(KEY, "GET", URL, token, clock=issuer.clock)
        refused = self.ask(issuer, guard, proof, token)
        assert (refused.status, refused.reason) == (503, Reason.PROOF_STORE_UNAVAILABLE)
        assert refused.header("Retry-After") == "1"
        assert refused.header("WWW-Authenticate") is None
        assert self.ask(issuer, guard, proof, token).token is not None

    def test_a_nonce_secret_that_cannot_be_read_is_503(self, tmp_path):
        issuer = Issuer(clock=SettableClock(NOW))
        file = tmp_path / "secret"
        guard: Any = issuer.guard(
            public_url="https://api.test",
            dpop_nonce="required",
            dpop_nonce_secret=SecretFile(str(file)),
        )
        token = issuer.token(dpop_key=KEY)
        proof = dpop_proof(KEY, "GET", URL, token, clock=issuer.clock)
        assert self.ask(issuer, guard, proof, token).status == 503
        file.write_text(SECRET)
        assert self.ask(issuer, guard, proof, token).reason is Reason.PROOF_NONCE_REQUIRED
