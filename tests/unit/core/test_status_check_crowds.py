"""More status lists than the guard keeps: whose lists stay."""

from __future__ import annotations

from iiniit_guard import Guard
from iiniit_guard.core.model.flow import HttpRequest
from iiniit_guard.testing import Issuer, SettableClock, make_key, network, trusted
from tests.unit.core.status_lists import LIST, NOW, asked, make, outcome, server_of


def crowd(issuer: Issuer, count: int = 300) -> list[str]:
    """Return tokens, each with a list of its own that does not exist."""
    return [
        issuer.token(status={"status_list": {"idx": 0, "uri": f"{issuer.issuer}/lists/{number}"}})
        for number in range(count)
    ]


def test_the_lists_of_one_issuer_do_not_replace_those_of_another():
    key, clock = make_key("ES256", "tests of status lists"), SettableClock(NOW)
    good, bad = (
        Issuer(f"https://{name}.test", signing_key=key, clock=clock) for name in ("good", "bad")
    )
    issuers = [trusted(each, introspection=None, status_list="required") for each in (good, bad)]
    guard = Guard(issuers=issuers, transport=network(good, bad), clock=clock.clock)
    assert outcome(guard, good.listed_token()) == "accepted"
    assert {outcome(guard, token) for token in crowd(bad)} == {"issuer_unavailable"}
    assert outcome(guard, good.listed_token()) == "accepted"
    assert asked(good) == 1


def test_lists_that_cannot_be_fetched_do_not_replace_one_that_was_fetched():
    issuer, guard = make()
    assert outcome(guard, issuer.listed_token()) == "accepted"
    assert {outcome(guard, token) for token in crowd(issuer)} == {"issuer_unavailable"}
    assert outcome(guard, issuer.listed_token()) == "accepted"
    assert asked(issuer) == 1


def test_a_list_that_was_dropped_while_it_was_fetched_is_kept():
    issuer, guard = make()
    _, status = server_of(guard)

    def transport(request: HttpRequest):
        if request.purpose == LIST:
            status._documents.clear()
        return issuer.handle(request)

    guard._engine._runner.transport = transport
    for _ in range(2):
        assert outcome(guard, issuer.listed_token()) == "accepted"
    assert asked(issuer) == 1
