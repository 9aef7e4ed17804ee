"""Faults of the authorization server, as seen by clients of applications on production servers."""

from __future__ import annotations

import time

import pytest

from tests.integration.faults.real_issuer import MachineTime, RealIssuer
from tests.integration.faults.serving import PRELOADED, SERVERS, Reply, serving
from tests.integration.servers.loopback import Answer

PATIENCE = 1.0
QUICK = {
    "connect_timeout_seconds": PATIENCE,
    "timeout_seconds": PATIENCE,
    "keys_max_age_seconds": 1,
    "keys_cooldown_seconds": 1,
    "revocation_delay_seconds": 30,
}


def check_outage(reply: Reply) -> int:
    """Check the response that a client gets during an outage; return its Retry-After."""
    assert (reply.status, reply.document["reason"], reply.document["error"]) == (
        503,
        "issuer_unavailable",
        "temporarily_unavailable",
    )
    assert reply.headers["content-type"] == "application/problem+json"
    assert "www-authenticate" not in reply.headers
    return int(reply.headers["retry-after"])


@pytest.fixture
def machine():
    with RealIssuer(clock=MachineTime()) as real:
        yield real


@pytest.mark.parametrize("server", SERVERS)
def test_an_outage_seen_by_clients(machine, server):
    """The server is healthy, hangs, sends invalid data, is down, and returns with other keys, all
    in one process of the guard.
    """
    issuer = machine.issuer
    with serving(SERVERS[server], machine.environment(**QUICK)) as running:
        remembered, jwt = issuer.opaque_token(expires_in=600), issuer.token(expires_in=600)
        healthy = [running.get(remembered), running.get(jwt)]
        assert [(reply.status, reply.document["subject"]) for reply in healthy] == [
            (200, "user-1")
        ] * 2
        assert running.get("unknown").status == running.get().status == 401
        assert machine.asked == {"discovery": 1, "jwks": 1, "introspection": 2}

        machine.break_at(lambda peer: peer.hang())
        hanging = running.get(issuer.opaque_token())
        assert check_outage(hanging) == 1
        assert PATIENCE * 0.9 < hanging.seconds < PATIENCE + 1.5
        assert (
            running.get(remembered).status
            == running.get(jwt).status
            == running.get(issuer.token()).status
            == 200
        )

        machine.break_at(Answer(200, b"<html>", (("Content-Type", "text/html"),)))
        assert check_outage(running.get(issuer.opaque_token())) == 1
        machine.break_at(Answer(429, b"", (("Retry-After", "7"),)))
        assert check_outage(running.get(issuer.opaque_token())) == 7
        machine.break_at(Answer(401))
        assert check_outage(running.get(issuer.opaque_token())) == 30

        machine.die()
        dead = [running.get(issuer.opaque_token()) for _ in range(8)]
        assert {check_outage(reply) for reply in dead} == {1}
        assert max(reply.seconds for reply in dead) < 1.5
        assert running.get(remembered).status == running.get(jwt).status == 200

        machine.mend()
        issuer.rotate_keys(keep_old=False)
        machine.come_back()
        time.sleep(check_outage(dead[-1]) + 0.1)
        recovered = [running.get(issuer.opaque_token()), running.get(issuer.token())]
        assert [(reply.status, reply.document["subject"]) for reply in recovered] == [
            (200, "user-1")
        ] * 2
        assert running.get(jwt).document["reason"] == "unknown_key"
        assert {reply.document["pid"] for reply in [*healthy, *recovered]} == {
            healthy[0].document["pid"]
        }
        assert (
            machine.asked["introspection"] <= 2 + 4 + 1 + 1
        )  # each fresh token at most once, and a probe
        assert machine.asked["discovery"] + machine.asked["jwks"] <= 12

        machine.break_at(lambda peer: peer.hang())  # and it ends at once while a refresh hangs


def test_workers_forked_from_a_warm_guard_mix_up_nothing(machine):
    """`gunicorn --preload`: the guard was used, in a thread and on a loop, before its workers were
    forked.
    """
    issuer = machine.issuer
    warm = {
        "WARM_TOKENS": f"{issuer.opaque_token(subject='first')} {issuer.token(subject='second')}"
    }
    subjects = [f"n{number}" for number in range(300)]
    with serving(PRELOADED, {**machine.environment(timeout_seconds=5), **warm}) as running:
        tokens = [
            issuer.opaque_token(subject=subject)
            if int(subject[1:]) % 2
            else issuer.token(subject=subject)
            for subject in subjects
        ]
        replies = running.get_all(tokens, at_once=24)

        assert [(reply.status, reply.document["subject"]) for reply in replies] == [
            (200, subject) for subject in subjects
        ]
        assert len({reply.document["pid"] for reply in replies}) == 3
    assert machine.asked == {
        "discovery": 1,
        "jwks": 1,
        "introspection": 151,
    }  # the data that the parent cached was not fetched again
