"""The watch of one token: its deadline, its requirements, and the failures of its checks."""

from __future__ import annotations

import asyncio
import os

import pytest

from iiniit_guard import Guard, TrustedIssuer
from iiniit_guard.adapting.admission import make_admission
from iiniit_guard.adapting.loop_watcher import LoopWatcher
from iiniit_guard.adapting.request_state import RefusalRecord
from iiniit_guard.adapting.token_watch import FIRST_SECONDS, TokenWatch, WatchSettings
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.testing import Issuer


@pytest.fixture
def issuer():
    return Issuer()


def request_with(token):
    return Request("GET", "/x", headers=[(b"authorization", b"Bearer " + token.encode())])


def settings_of(guard, kind=WatchSettings, **admission):
    return kind(guard._engine, make_admission(**admission), "test", lambda source: source)


def begun(issuer, guard, token, record=None, **admission):
    """Return a watch after its first check."""
    record = record or RefusalRecord()
    watch = TokenWatch(settings_of(guard, **admission), record, request_with(token), "stream")
    assert watch.is_current()
    issuer.clock.advance(FIRST_SECONDS)
    assert not watch.is_current()
    watch.permits()
    return watch


def test_a_repeated_check_is_planned_before_the_deadline(issuer):
    with issuer.guard(jwt="introspect") as guard:
        watch = begun(issuer, guard, issuer.opaque_token(expires_in=3000))
        left = watch.next_check - issuer.clock.monotonic()
        assert 47 <= left <= 48
        issuer.clock.advance(59)
        assert watch.is_current()
        issuer.clock.advance(1)
        assert not watch.is_current()


@pytest.mark.parametrize("opaque", [True, False])
def test_a_token_that_is_not_cached_is_valid_no_longer(issuer, opaque):
    with issuer.guard(max_cached_bytes=65_536) as guard:
        make = issuer.opaque_token if opaque else issuer.token
        token = make(expires_in=40, filling=["x" * 9] * 900)
        watch = begun(issuer, guard, token)
        assert len(guard._engine.resource.cache) == 0
        issuer.clock.advance(30)
        assert watch.is_current()
        issuer.clock.advance(14)
        assert watch.is_current()
        issuer.clock.advance(1)
        assert not watch.is_current()
        assert not watch.permits()
        assert watch.reason == Reason.EXPIRED if not opaque else watch.reason


def test_an_uncached_token_without_an_end_is_checked_after_the_delay(issuer):
    with issuer.guard(jwt="introspect", max_cached_bytes=65_536) as guard:
        token = issuer.opaque_token(exp=None, filling=["x" * 9] * 900)
        watch = begun(issuer, guard, token)
        issuer.clock.advance(59)
        assert watch.is_current()
        issuer.clock.advance(1)
        assert not watch.is_current()
        assert watch.permits()


def test_a_delay_of_zero_asks_for_every_message(issuer):
    with issuer.guard(jwt="introspect", revocation_delay_seconds=0) as guard:
        token = issuer.opaque_token()
        watch = begun(issuer, guard, token)
        assert watch.next_check - issuer.clock.monotonic() == pytest.approx(1)
        issuer.requests.clear()
        assert not watch.is_current()
        assert watch.permits()
        assert issuer.requests == ["introspection"]
        issuer.revoke(token)
        assert not watch.permits()
        assert watch.reason == "inactive"


def test_an_issuer_that_a_callable_no_longer_knows_ends_it(issuer):
    known = [
        TrustedIssuer(
            issuer=issuer.issuer,
            audience=str(issuer.audience),
            introspection=issuer.credentials("client_secret_basic"),
        )
    ]
    with Guard(
        issuers=lambda name: known[0] if known else None,
        transport=issuer.handle,
        clock=issuer.clock.clock,
    ) as guard:
        watch = begun(issuer, guard, issuer.token())
        known.clear()
        issuer.clock.advance(59)
        assert watch.is_current()
        issuer.clock.advance(2)
        assert not watch.permits()
        assert watch.reason == "not_verified"  # what a client may know
        assert watch.ended is not None


def test_the_issuer_of_the_request_is_found_again(issuer):
    named = [issuer.issuer]
    with issuer.guard(issuer_resolver=lambda request: named[0]) as guard:
        watch = begun(issuer, guard, issuer.token())
        issuer.clock.advance(280)
        assert watch.permits()
        named[0] = None
        issuer.clock.advance(30)
        assert not watch.permits()
        assert watch.reason == "unknown_issuer"


def test_a_rule_that_no_longer_fits_ends_it(issuer):
    class Changing:
        answer: object = make_policy()

        def policy_for(self, request):
            return self.answer

    rules = Changing()
    with issuer.guard() as guard:
        watch = begun(issuer, guard, issuer.token(), rules=rules)
        rules.answer = PROBLEMS[Reason.NO_RULE]
        issuer.clock.advance(300)
        assert not watch.permits()
        assert watch.reason == "no_rule"


def test_a_request_that_lost_its_credential_ends(issuer):
    with issuer.guard() as guard:
        settings = settings_of(guard)
        watch = TokenWatch(settings, RefusalRecord(), Request("GET", "/x"), "stream")
        issuer.clock.advance(1)
        assert not watch.permits()
        assert watch.reason == "no_token"


def test_the_policy_of_a_handler_applies_until_the_end(issuer):
    record = RefusalRecord()
    record.policies = (make_policy(max_age=100), make_policy(acr_values="gold"))
    with issuer.guard() as guard:
        token = issuer.token(auth_time=int(issuer.now), acr="gold")
        watch = begun(issuer, guard, token, record)
        issuer.clock.advance(99)
        assert watch.permits()
        issuer.clock.advance(2)
        assert not watch.permits()
        assert watch.reason == "insufficient_authentication"


def test_a_function_that_fails_ends_it_once(issuer, caplog):
    def fails(token, request):
        raise LookupError("secret")

    with issuer.guard() as guard, issuer.guard(validators=[fails]) as failing:
        watch = TokenWatch(settings_of(failing), RefusalRecord(), request_with("x"), "stream")
        watch._source = request_with(issuer.token())
        issuer.clock.advance(1)
        assert not watch.permits()
        assert watch.reason == "issuer_unavailable"
        assert "the check of an open stream failed: LookupError" in caplog.text
        assert "secret" not in caplog.text

        def read(source: object) -> Request:
            raise LookupError

        unreadable = WatchSettings(guard._engine, make_admission(), "test", read)
        broken = TokenWatch(unreadable, RefusalRecord(), None, "stream")
        issuer.clock.advance(1)
        assert not broken.permits()
        assert broken.begin() is None


def test_two_checks_at_once_end_it_once(issuer):
    events = []
    with issuer.guard(on_event=events.append) as guard:
        watch = begun(issuer, guard, issuer.token(expires_in=20))
        issuer.clock.advance(30)
        now = issuer.clock.clock.now()
        checks = [watch.begin(), watch.begin()]
        for check in checks:
            watch.apply(check, check.result, now)
    assert [event.reason for event in events] == ["expired"]


def test_what_an_outage_says_is_kept(issuer):
    events = []
    with issuer.guard(jwt="introspect", on_event=events.append) as guard:
        watch = begun(issuer, guard, issuer.opaque_token())
        issuer.fail("connection")
        issuer.clock.advance(59)
        check = watch.begin()
        asyncio.run(watch.finish_async(check, issuer.clock.clock.now()))
        assert watch.ended is None
        assert watch.next_check <= issuer.clock.monotonic() + 1
        issuer.clock.advance(1)
        assert not watch.permits()
    assert [event.cause for event in events] == ["connection"]
    assert "the open stream was ended" in events[0].detail


class Nothing:
    def token_ended(self, watch):
        raise AssertionError

    def overdue(self):
        raise AssertionError


def test_loops_that_ended_and_forked_children_have_no_connections(issuer):
    with issuer.guard() as guard:
        watcher = settings_of(guard, LoopWatcher)

        async def watch():
            return watcher.watch(Nothing(), RefusalRecord(), request_with("x"), "stream")

        loops = [asyncio.new_event_loop() for _ in range(2)]
        for loop in loops:
            loop.run_until_complete(watch())
            loop.close()
        assert list(watcher._loops) == loops[1:]
        child = os.fork()
        if not child:
            os._exit(len(watcher._loops))
        assert os.waitpid(child, 0)[1] == 0
        watcher.after_fork()
        assert watcher._loops == {}


def test_a_check_that_ends_after_its_loop_is_closed_starts_nothing(issuer):
    with issuer.guard(jwt="introspect") as guard:
        watcher, token = settings_of(guard, LoopWatcher), issuer.opaque_token()
        loop = asyncio.new_event_loop()

        async def work():
            watch = watcher.watch(Nothing(), RefusalRecord(), request_with(token), "stream")
            issuer.clock.advance(1)
            watch._watches.turn()
            return watch._watches

        [task] = (watches := loop.run_until_complete(work()))._checks
        loop.run_until_complete(task)
        loop.close()
        watches._done(task)
        assert watches._checks == set()


def test_only_connections_of_a_withdrawn_key_are_swept(issuer):
    ended = []

    class Seen(Nothing):
        def token_ended(self, watch):
            ended.append(watch.reason)

    async def work(guard):
        watcher = settings_of(guard, LoopWatcher)
        old = issuer.token()
        new = issuer.rotate_keys()
        watcher.watch(Seen(), RefusalRecord(), request_with(old), "stream")
        watch = watcher.watch(Seen(), RefusalRecord(), request_with(issuer.token()), "stream")
        closed = watcher.watch(Seen(), RefusalRecord(), request_with(old), "stream")
        watches = watch._watches
        issuer.clock.advance(1)
        watches.turn()
        await asyncio.sleep(0.05)
        closed.close()
        issuer.keys = [new]
        issuer.clock.advance(60)
        issuer.rotate_keys()
        await guard.verify_async(issuer.token())
        watches._waiting[closed] = None
        watches.turn()
        await asyncio.sleep(0.05)
        assert len(watches._wheel) == 1
        watch.close()

    with issuer.guard(keys_max_age_seconds=30) as guard:
        guard.verify(issuer.token())
        asyncio.run(work(guard))
    assert ended == ["unknown_key"]
