"""Every row of the decision tables, run against the guard and against every host."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from iiniit_guard.core.model.decision import Allow, Decision
from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import (
    Allowed,
    Case,
    Refused,
    Scene,
    play,
    request_of,
    seen_by_guard,
    seen_by_guard_async,
    verdict,
)
from tests.contract.cases.tables import CASES, TABLES
from tests.contract.hosts.builders import MATRIX, Host
from tests.contract.hosts.calling import Answer

each_case = pytest.mark.parametrize("case", CASES, ids=str)


def check_decision(case: Case, decision: Decision, scene: Scene) -> None:
    """Compare the guard's own decision with the row."""
    if isinstance(decision, Allow):
        assert isinstance(case.expected, Allowed)
        who = decision.token or decision.principal
        assert who is not None
        check_token(case.expected, who.scopes, who.subject)
    else:
        assert (
            verdict(decision.status, decision.header("WWW-Authenticate"), decision.reason)
            == case.expected
        )
        assert case.retry_after in (None, decision.header("Retry-After"))
    assert case.asked is None or tuple(scene.issuer.requests) == case.asked


def check_token(expected: Allowed, scopes: frozenset[str], subject: str | None) -> None:
    """Compare the token that a handler sees with the row."""
    assert expected.scopes is None or scopes == expected.scopes
    assert expected.subject is None or subject == expected.subject


@each_case
def test_the_guard_decides(case):
    decision, scene = play(case, seen_by_guard)

    check_decision(case, decision, scene)
    assert [event.reason for event in scene.events] == [
        None if isinstance(case.expected, Allowed) else case.expected.reason
    ]


@pytest.mark.unmeasured
@each_case
def test_the_guard_decides_alike_when_nobody_listens(case):
    decision, scene = play(case, seen_by_guard, listening=False)

    check_decision(case, decision, scene)


@pytest.mark.unmeasured
@each_case
def test_the_guard_decides_alike_when_keys_and_header_are_known(case):
    decision, scene = play(case, seen_by_guard, prepared=True)

    assert isinstance(decision, Allow) == isinstance(case.expected, Allowed)
    if not isinstance(decision, Allow):
        assert (
            verdict(decision.status, decision.header("WWW-Authenticate"), decision.reason)
            == case.expected
        )
    assert [event.reason for event in scene.events] == [
        None if isinstance(case.expected, Allowed) else case.expected.reason
    ]


@pytest.mark.unmeasured
@each_case
def test_the_guard_decides_alike_on_an_event_loop(case):
    decision, scene = play(case, seen_by_guard_async)

    check_decision(case, decision, scene)


@pytest.mark.unmeasured
@pytest.mark.parametrize("host", MATRIX, ids=str)
@each_case
def test_every_host_answers_alike(case, host):
    answer, scene = play(case, host.call)

    last = scene.events[-1]
    assert last.host in host.events
    assert case.asked is None or tuple(scene.issuer.requests) == case.asked
    if isinstance(case.expected, Allowed):
        assert (answer.status, last.decision) == (200, "allow")
        assert (answer.header("dpop-nonce") is not None) == case.nonce
        if case.method != "HEAD" and answer.json["subject"] is not None:
            check_token(case.expected, frozenset(answer.json["scopes"]), answer.json["subject"])
        return
    assert last.status == answer.status
    expected = replace(case.expected, scope=None) if is_refused_first(case, host) else case.expected
    assert verdict(answer.status, answer.header("www-authenticate"), last.reason) == expected
    check_refusal(case, answer, scene, host)


def is_refused_first(case: Case, host: Host) -> bool:
    """Return whether the middleware refuses the request before the scopes of its handler are known.

    Only a decorator demands another authentication.
    """
    return (
        isinstance(case.expected, Refused)
        and not host.knows_policy
        and case.expected.status == 401
        and case.expected.reason is not Reason.INSUFFICIENT_AUTHENTICATION
        and case.expected.scope is not None
        and not (host.knows_policy_without_token and case.expected.reason is Reason.NO_TOKEN)
    )


@cache
def own_decision(case: Case, *, by_middleware: bool = False) -> Decision:
    """Return the decision of the guard itself, which all hosts must return."""
    if not by_middleware:
        return play(case, seen_by_guard)[0]
    return play(
        case,
        lambda guard, method, path, lines, query: guard.authenticate(
            request_of(method, path, lines, query)
        ),
    )[0]


def check_refusal(case: Case, answer: Answer, scene: Scene, host: Host) -> None:
    """Check a refusal for the properties of all refusals, and compare it with the guard's own."""
    assert isinstance(case.expected, Refused)
    assert answer.header("cache-control") == "no-store"
    assert answer.header("content-type") == "application/problem+json"
    assert (answer.header("retry-after") is not None) == (answer.status in (429, 503))
    assert (answer.header("www-authenticate") is not None) == (answer.status not in (429, 503))
    assert (answer.header("dpop-nonce") is not None) == case.nonce
    if case.method == "HEAD":
        assert answer.body == b""
    else:
        assert answer.header("content-length") == str(len(answer.body))
        body = answer.json
        assert (body["status"], body["reason"]) == (answer.status, case.expected.reason)
        assert body.get("error") == case.expected.code
    sent = "\n".join(
        [*(f"{name}: {value}" for name, value in answer.headers), answer.body.decode()]
    )
    assert len(scene.token) < 9 or scene.token not in sent
    assert all(character.isprintable() or character == "\n" for character in sent)

    own = own_decision(case, by_middleware=is_refused_first(case, host))
    assert not isinstance(own, Allow)
    assert {name.lower(): value for name, value in own.headers}.items() <= dict(
        answer.headers
    ).items(), host.name
    assert (own.status, own.body) == (answer.status, answer.body)


def test_no_row_repeats_another():
    names = Counter(case.name for case in CASES)
    assert [name for name, times in names.items() if times > 1] == []


def test_every_row_names_its_clause():
    known = (
        "RFC",
        "CVE",
        "CWE",
        "IINIIT",
        "OpenID",
        "Wycheproof",
        "FAPI",
        "Keycloak",
        "Amazon",
        "Fetch",
        "HTML",
        "OAuth 2.1",
        "draft-ietf-oauth-status-list",
    )
    assert [case.name for case in CASES if not case.clause.startswith(known)] == []


def test_the_tables_reach_every_reason():
    reached = {case.expected.reason for case in CASES if isinstance(case.expected, Refused)}
    # These need rules, pushed revocation, MCP, a callable for issuers or the header field of a
    # proxy, and have their own tests.
    elsewhere = {
        Reason.NOT_VERIFIED,
        Reason.REVOKED,
        Reason.NO_RULE,
        Reason.AMBIGUOUS_PATH,
        Reason.METHOD_OVERRIDE,
        Reason.UNKNOWN_ORIGINAL,
        Reason.UNTRUSTED_PEER,
        Reason.FOREIGN_ORIGIN,
        Reason.HEADER_MISMATCH,
        Reason.MALFORMED_MESSAGE,
        Reason.MALFORMED_CERTIFICATE,
    }
    assert set(Reason) - reached == elsewhere


def test_no_table_is_empty():
    assert {name: len(table) > 9 for name, table in TABLES.items()} == dict.fromkeys(TABLES, True)
