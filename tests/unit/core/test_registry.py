"""`issuers` as a callable: at most 1,000 issuers are cached, an answer for 60 s.

None is cached too, and nothing is fetched for None.
"""

from __future__ import annotations

import pytest

from iiniit_guard.core.model.flow import TIMED_OUT
from iiniit_guard.errors import UsageError
from tests.unit.core.finding import find, make_found, settle
from tests.unit.core.stepping import ISSUER, Steps, make_issuer, make_resource

OTHER = "https://other.test"


@pytest.fixture
def found(clock):
    return make_found(clock)


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


@pytest.mark.parametrize("confirmed", [False, True])
@pytest.mark.parametrize("max_age", [60, 5, 300])
def test_one_that_is_no_longer_trusted_is_withdrawn_when_the_callable_is_asked_again(
    clock, confirmed, max_age
):
    found = make_found(clock, max_age)
    server = settle(found, ISSUER, confirmed=confirmed)
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
    server = settle(found, ISSUER, confirmed=True)
    clock.advance(60)
    assert find(found).send(make_issuer()).result is server
    assert server.issuer_validity.valid
    clock.advance(60)
    changed = find(found).send(make_issuer(audience="https://new.test")).result
    assert changed is not server
    assert not server.issuer_validity.valid
    assert find(found).result is changed


def test_two_who_ask_at_once_get_the_same(found):
    """Otherwise cached data of one issuer would be split between two objects."""
    first, second = find(found), find(found)
    server = first.send(make_issuer()).result
    assert second.follow().result is server


def test_the_answer_that_another_got_meanwhile_is_not_asked_for_again(found):
    """The answer arrived between the lookup and the load of this caller."""
    late = found._ask_unless_answered(ISSUER)
    server = settle(found, ISSUER)
    assert Steps(late).result is server


def test_who_waits_takes_the_place_of_one_that_fails(found):
    first, second = find(found), find(found)
    with pytest.raises(UsageError):
        first.send(True)
    assert second.follow().asked
    assert second.send(make_issuer()).result.issuer == ISSUER


def test_who_waits_in_vain_asks(found):
    first, second = find(found), find(found)
    assert second.join.timeout_seconds == 5
    assert second.send(TIMED_OUT).asked
    server = second.send(make_issuer()).result
    assert first.send(make_issuer()).result is server


def test_a_caller_that_hangs_up_does_not_end_the_question(found):
    first, second = find(found), find(found)
    first.hang_up().send(make_issuer())
    assert second.follow().result.issuer == ISSUER


def test_a_forked_child_does_not_wait_for_a_question_of_its_parent(found):
    leader = find(found)
    found.reset_after_fork()
    assert find(found).asked
    leader.close()


def test_zero_shares_no_question(clock):
    """An answer must not be older than the request."""
    found = make_found(clock, 0)
    assert find(found).asked
    assert find(found).asked


def test_settings_of_another_issuer_say_nothing_about_this_one(found):
    """A callable may normalize names (`iss.rstrip("/")`); a bad token must not become a fault."""
    assert find(found, ISSUER + "/").send(make_issuer()).result is None
    assert find(found, ISSUER + "/").ended


@pytest.mark.parametrize("answer", [True, "x", {"issuer": ISSUER}], ids=["True", "text", "a table"])
def test_another_answer_is_a_mistake_in_the_code(found, answer):
    with pytest.raises(UsageError, match="must return a TrustedIssuer or None"):
        find(found).send(answer)


@pytest.mark.parametrize("profile", ["assertion", "txn"])
def test_an_issuer_whose_tokens_are_in_another_field_is_a_mistake_too(found, profile):
    """Otherwise a transaction token would be accepted in Authorization, as an access token."""
    with pytest.raises(UsageError, match=f'must not return an issuer with profile="{profile}"'):
        find(found).send(make_issuer(profile=profile))


@pytest.mark.parametrize(
    "name",
    ["", "\0", "a\nb", "https://\u00e9.test", "x" * 2049],
    ids=["empty", "NUL", "line break", "letter", "long"],
)
def test_a_name_that_no_issuer_can_have_is_not_asked_about(found, name):
    assert find(found, name).result is None


def test_the_longest_name_is_asked_about(found):
    assert find(found, "x" * 2048).asked


def test_a_forked_child_of_a_guard_that_finds_issuers_takes_fresh_locks(clock):
    resource = make_resource(clock, issuers=print)
    server = Steps(resource.server_of(ISSUER)).send(make_issuer()).result
    assert resource._found is not None
    resource._found._lock.acquire()
    server.keys._lock.acquire()
    resource.reset_after_fork()
    assert Steps(resource.server_of(ISSUER)).result is server
    assert Steps(server.keys.get()).fetch


def test_a_forked_child_takes_a_fresh_lock_and_keeps_what_was_learned(found):
    server = settle(found, ISSUER)
    found._lock.acquire()
    found.reset_after_fork()
    assert find(found).result is server
