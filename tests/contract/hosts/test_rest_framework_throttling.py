"""Throttling by client in Django REST framework."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import path
from rest_framework.permissions import AllowAny

from iiniit_guard import Guard, Principal
from iiniit_guard.rest_framework import ClientRateThrottle
from iiniit_guard.testing import Issuer, network, trusted
from tests.contract.hosts import django_project
from tests.contract.hosts.rest_framework_views import Answers


class Twice(ClientRateThrottle):
    rate = "2/min"


class Limited(Answers):
    throttle_classes = (Twice,)
    permission_classes = (AllowAny,)


class ByDefault(Answers):
    throttle_classes = (ClientRateThrottle,)


PATTERNS = (path("limited", Limited.as_view()), path("default", ByDefault.as_view()))


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()


@pytest.fixture
def call(guard):
    def send(token=None, used=guard, where="/limited", address="192.0.2.1", **settings):
        headers = {} if token is None else {"Authorization": token}
        own = {"guard": used, "enforce": "declared", **settings}
        with django_project.configured(ROOT_URLCONF=PATTERNS, IINIIT_GUARD=own):
            client = Client(raise_request_exception=False)
            return client.get(where, headers=headers, REMOTE_ADDR=address)

    return send


def bearer_of(issuer, **claims):
    return f"Bearer {issuer.token(**claims)}"


def statuses(call, *calls, **arguments):
    return [call(each, **arguments).status_code for each in calls]


def test_all_tokens_of_a_client_share_one_count(call, issuer):
    tokens = [bearer_of(issuer, subject=name) for name in ("ada", "eve", "bob")]
    assert statuses(call, *tokens) == [200, 200, 429]
    answer = call(tokens[0], address="192.0.2.2")
    assert (answer.status_code, answer.json().keys()) == (429, {"detail"})
    assert answer["Retry-After"].isdigit()
    assert "WWW-Authenticate" not in answer
    assert statuses(call, bearer_of(issuer, client_id="other")) == [200]


def test_a_token_without_a_client_is_counted_by_its_subject(call, issuer):
    ada, eve = (bearer_of(issuer, subject=name, client_id=None) for name in ("ada", "eve"))
    assert statuses(call, ada, ada, ada, eve) == [200, 200, 429, 200]
    # A client may have the name of a subject.
    assert statuses(call, bearer_of(issuer, client_id="ada")) == [200]


def test_two_issuers_have_different_clients(call):
    one, two = Issuer("https://one.test"), Issuer("https://two.test")
    issuers = [trusted(one, introspection=None), trusted(two, introspection=None)]
    with Guard(issuers=issuers, transport=network(one, two)) as guard:
        first, second = bearer_of(one), bearer_of(two)
        assert statuses(call, first, first, first, second, used=guard) == [200, 200, 429, 200]


def test_another_credential_is_counted_by_its_subject(call, issuer):
    with issuer.guard(alternatives={"Key": lambda key, _: Principal("Key", subject=key)}) as guard:
        found = statuses(call, "Key a", "Key a", "Key a", "Key b", used=guard)
    assert found == [200, 200, 429, 200]


def test_a_request_without_a_credential_is_counted_by_its_address(call):
    assert [call().status_code for _ in range(3)] == [200, 200, 429]
    assert call(address="192.0.2.2").status_code == 200


def test_the_key_contains_no_token_and_suits_every_cache(call, issuer, monkeypatch):
    keys = []
    monkeypatch.setattr(Twice, "cache", _Recording(keys))
    token = bearer_of(issuer, client_id="a client\nwith ä " + "x" * 300)
    assert call(token).status_code == 200
    assert len(keys) == 1
    assert keys[0].startswith("throttle_client_")
    assert keys[0].isascii()
    assert keys[0].isprintable()
    assert len(keys[0]) < 100


class _Recording:
    def __init__(self, keys):
        self.keys = keys

    def get(self, key, default):
        self.keys.append(key)
        return default

    def set(self, key, value, seconds):
        assert value


def test_the_rate_is_that_of_the_settings(call, issuer, monkeypatch):
    token = bearer_of(issuer)
    assert call(token, where="/default").status_code == 500
    monkeypatch.setattr(ClientRateThrottle, "THROTTLE_RATES", {"client": "1/hour"})
    assert [call(token, where="/default").status_code for _ in range(2)] == [200, 429]
