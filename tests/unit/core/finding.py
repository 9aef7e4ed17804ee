"""A registry of dynamic issuers whose look-ups run step by step."""

from __future__ import annotations

from iiniit_guard.core.issuer.registry import FoundIssuers
from tests.unit.core.stepping import ISSUER, KEY, Steps, key_set, make_issuer, make_resource


def make_found(clock, *max_age):
    resource = make_resource(clock, issuers=print)
    return FoundIssuers(print, resource._server, clock.clock, *max_age)


def find(found, issuer=ISSUER):
    return Steps(found.server_of(issuer))


def settle(found, issuer, *, confirmed=False):
    server = find(found, issuer).send(make_issuer(issuer=issuer)).result
    server.confirmed = confirmed
    return server


def ask_for_keys(server):
    assert Steps(server.keys.get()).send(key_set(KEY)).ended
