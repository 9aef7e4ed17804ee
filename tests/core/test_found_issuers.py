"""DESIGN §4: `issuers` may be a callable; at most 1,000 are kept, an answer counts for 60 s, None too, nothing is fetched for None."""

from __future__ import annotations

import pytest

from iiniit_guard.core.found_issuers import FoundIssuers
from iiniit_guard.errors import UsageError
from tests.core.stepping import ISSUER, KEY, Steps, key_set, make_clock, make_issuer, make_resource

OTHER = "https://other.test"


@pytest.fixture
def clock():
    return make_clock()


def make_found(clock, *max_age):
    resource = make_resource(clock, issuers=print)
    return FoundIssuers(print, resource._server, clock.clock, *max_age)


@pytest.fixture
def found(clock):
    return make_found(clock)


def find(found, issuer=ISSUER):
    return Steps(found.server_of(issuer))


def settle(found, issuer, *, proven=False):
    server = find(found, issuer).send(make_issuer(issuer=issuer)).result
    server.proven = proven
    return server


def test_it_is_asked_once_for_each_issuer(found):
    steps = find(found)
    assert (steps.asked.function, steps.asked.arguments) == (print, (ISSUER,))
    server = steps.send(make_issuer()).result
    assert server.issuer == ISSUER
    assert find(found).result is server
    assert found.servers == (server,)


@pytest.mark.parametrize(("seconds", "asked"), [(59, False), (60, True), (61, True)])
def test_none_is_remembered_for_a_minute(found, clock, seconds, asked):
    assert find(found, OTHER).send(None).result is None
    clock.advance(seconds)
    assert (not find(found, OTHER).ended) is asked


@pytest.mark.parametrize("proven", [False, True])
@pytest.mark.parametrize("max_age", [60, 5, 300])
def test_one_that_is_no_longer_trusted_is_withdrawn_when_the_callable_is_asked_again(clock, proven, max_age):
    found = make_found(clock, max_age)
    server = settle(found, ISSUER, proven=proven)
    clock.advance(max_age - 1)
    assert find(found).ended
    assert found.remaining(ISSUER) == 1
    clock.advance(1)
    assert found.remaining(ISSUER) == 0
    steps = find(found)
    assert server.issuer_validity.valid, "until the answer is there"
    assert steps.send(None).result is None
    assert not server.issuer_validity.valid
    assert find(found).result is None
    assert found.servers == ()


def test_zero_asks_each_time(clock):
    found = make_found(clock, 0)
    server = settle(found, ISSUER)
    assert found.remaining(ISSUER) == 0
    assert find(found).send(make_issuer()).result is server
    assert find(found, OTHER).send(None).result is None
    assert find(found, OTHER).asked


def test_a_machine_that_slept_asks_again(found, clock):
    settle(found, ISSUER)
    clock.set_wall(clock.wall() + 60)
    assert find(found).asked


def test_asking_again_keeps_what_was_learned_unless_the_settings_changed(found, clock):
    server = settle(found, ISSUER, proven=True)
    clock.advance(60)
    assert find(found).send(make_issuer()).result is server
    assert server.issuer_validity.valid
    clock.advance(60)
    changed = find(found).send(make_issuer(audience="https://new.test")).result
    assert changed is not server
    assert not server.issuer_validity.valid
    assert find(found).result is changed


def ask_for_keys(server):
    assert Steps(server.keys.obtain()).send(key_set(KEY)).ended


def test_one_that_loses_its_place_is_parked_with_what_was_learned(found):
    """Cycling many known tenants must not make the guard fetch their documents again and again."""
    server = settle(found, ISSUER)
    ask_for_keys(server)
    for number in range(64):
        settle(found, f"https://{number}.test")
    assert server not in found.servers
    assert server.issuer_validity.valid
    assert found.remaining(ISSUER) == 0, "the callable is asked before anything counts"
    assert find(found).send(make_issuer()).result is server
    assert server in found.servers


def test_one_that_is_parked_is_withdrawn_like_any_other(found):
    server = settle(found, ISSUER)
    ask_for_keys(server)
    for number in range(64):
        settle(found, f"https://{number}.test")
    assert find(found).send(make_issuer(audience="https://new.test")).result is not server
    assert not server.issuer_validity.valid


def test_those_that_are_parked_are_bounded(found, clock):
    server = settle(found, ISSUER)
    ask_for_keys(server)
    for number in range(64):
        settle(found, f"https://idle{number}.test")
    for number in range(1_064):
        assert server.issuer_validity.valid
        clock.advance(0.1)  # first loads have a budget
        ask_for_keys(settle(found, f"https://{number}.test"))
    assert not server.issuer_validity.valid
    assert find(found).send(make_issuer()).result is not server


def test_a_proven_one_keeps_its_keys_though_it_was_looked_up_only_once(found):
    real = settle(found, ISSUER, proven=True)
    for number in range(70):
        settle(found, f"https://{number}.test")
    assert find(found).result is real


def test_a_forked_child_takes_fresh_locks_for_those_that_are_parked(found):
    server = settle(found, ISSUER)
    ask_for_keys(server)
    for number in range(64):
        settle(found, f"https://{number}.test")
    server.keys._lock.acquire()
    found.reset_after_fork()
    assert Steps(server.keys.load()).send(key_set(KEY)).ended


def test_two_who_ask_at_once_get_the_same(found):
    """What was learned of an issuer must not be split between two."""
    first, second = find(found), find(found)
    assert first.send(make_issuer()).result is second.send(make_issuer()).result


def test_settings_of_another_issuer_say_nothing_about_this_one(found):
    """A callable that tidies names up (`iss.rstrip("/")`) must not turn a stranger's token into a fault of ours."""
    assert find(found, ISSUER + "/").send(make_issuer()).result is None
    assert find(found, ISSUER + "/").ended


@pytest.mark.parametrize("answer", [True, "x", {"issuer": ISSUER}], ids=["True", "text", "a table"])
def test_another_answer_is_a_mistake_in_the_code(found, answer):
    with pytest.raises(UsageError, match="gives a TrustedIssuer or None"):
        find(found).send(answer)


@pytest.mark.parametrize(
    "name", ["", "\0", "a\nb", "https://\u00e9.test", "x" * 2049], ids=["empty", "NUL", "line break", "letter", "long"]
)
def test_a_name_that_no_issuer_can_have_is_not_asked_about(found, name):
    assert find(found, name).result is None


def test_the_longest_name_is_asked_about(found):
    assert find(found, "x" * 2048).asked


def test_strangers_do_not_make_a_real_issuer_lose_its_place(found):
    """A callable that accepts a family of names lets a stranger invent them: those stay among themselves."""
    real = settle(found, ISSUER, proven=True)
    assert find(found).result is real
    for number in range(70):
        settle(found, f"https://{number}.test")
    assert len(found.servers) == 1 + 64
    assert find(found, "https://5.test").asked, "the oldest of them made room"
    assert find(found).result is real


def test_what_is_remembered_is_bounded(found):
    for number in range(1_003):
        settle(found, f"https://{number}.test", proven=True)
        assert find(found, f"https://{number}.test").ended
        find(found, f"https://no{number}.test").send(None)
    assert len(found.servers) == 1_000
    assert find(found, "https://2.test").asked
    assert find(found, "https://3.test").ended
    assert find(found, "https://no2.test").asked
    assert find(found, "https://no3.test").ended


def test_a_forked_child_of_a_guard_that_finds_issuers_takes_fresh_locks(clock):
    resource = make_resource(clock, issuers=print)
    server = Steps(resource.server_of(ISSUER)).send(make_issuer()).result
    assert resource._found is not None
    resource._found._lock.acquire()
    server.keys._lock.acquire()
    resource.reset_after_fork()
    assert Steps(resource.server_of(ISSUER)).result is server
    assert Steps(server.keys.obtain()).fetch


def test_a_forked_child_takes_a_fresh_lock_and_keeps_what_was_learned(found):
    server = settle(found, ISSUER)
    found._lock.acquire()
    found.reset_after_fork()
    assert find(found).result is server
