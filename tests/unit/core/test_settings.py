"""Settings of a guard from keywords: validated once, frozen, all faults reported together."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.settings.guard_settings import (
    GUARD_SETTINGS,
    ISSUER_SETTINGS,
    GuardSettings,
    make_settings,
)
from iiniit_guard.core.settings.options import GuardKeywords
from iiniit_guard.errors import SettingsError
from tests.unit.core.setting_rows import ROWS, SECRET
from tests.unit.core.stepping import API, CREDENTIALS, INTROSPECT, ISSUER, make_issuer

BASE: dict[str, Any] = {"issuer": ISSUER, "audience": API}
STORE = {"store_url": "redis://store.test", "store_secret": SECRET}


def named(**keywords):
    with pytest.raises(SettingsError) as raised:
        make_settings(keywords)
    return [fault.partition(":")[0] for fault in raised.value.faults]


@pytest.mark.parametrize(
    "settings, fault",
    [
        ({"dpop_nonce": "required"}, "dpop_nonce_secret"),
        ({"dpop_nonce": "required", "dpop_nonce_secret": "s" * 32, "dpop": "off"}, "dpop_nonce"),
        ({"profile": "assertion", "dpop": "required"}, "dpop"),
    ],
)
def test_settings_of_dpop_that_exclude_each_other(settings, fault):
    assert named(**BASE, **settings) == [fault]


def test_the_nonces_may_use_the_secret_of_the_store():
    store = {"store_url": "redis://s.test", "store_secret": "s" * 32}
    assert make_settings({**BASE, **store, "dpop_nonce": "required"}).dpop_nonce == "required"


def test_every_setting_has_its_rows_and_is_a_keyword_that_editors_know():
    """A setting has the same name in every form."""
    assert (
        set(ROWS) == GUARD_SETTINGS == {each.name for each in fields(GuardSettings)} - {"issuers"}
    )
    assert set(GuardKeywords.__annotations__) == GUARD_SETTINGS | ISSUER_SETTINGS | {"issuers"}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, (good, _) in ROWS.items() for value in good]
)
def test_good(name, value):
    store = STORE if name.startswith("store_") else {}
    settings = make_settings({**BASE, **store, name: value})
    made = getattr(settings, name)
    assert made == (tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, (_, bad) in ROWS.items() for value in bad]
)
def test_a_fault_names_its_setting_and_does_not_quote_its_value(name, value):
    assert named(**BASE, **{name: value}) == [name]


def test_the_defaults_are_those_of_the_design():
    settings = make_settings(BASE)
    assert (settings.max_token_bytes, settings.max_cached_tokens, settings.max_cached_bytes) == (
        16_384,
        65_536,
        67_108_864,
    )
    assert (settings.realm, settings.resource, settings.on_event, settings.store_url) == (
        None,
        None,
        None,
        None,
    )
    assert settings.event_subject
    assert not settings.insecure_query_token


def test_issuer_and_audience_are_mandatory():
    """No constructor trusts every issuer."""
    assert named() == ["issuer", "audience"]
    assert named(issuer=ISSUER) == ["audience"]
    assert named(audience=API, issuer=None) == ["issuer"]


def test_all_faults_are_reported_together():
    """Faults of the guard's settings and of the issuer's, unknown settings and missing ones."""
    found = named(
        issuer=ISSUER, jwt="maybe", realm="", max_token_bytes=0, audiance=API, alternatives=None
    )
    assert sorted(found) == [
        "alternatives",
        "audiance",
        "audience",
        "jwt",
        "max_token_bytes",
        "realm",
    ]


def test_one_issuer_is_made_of_the_keywords():
    settings = make_settings({**BASE, "algorithms": ["ES256"], "realm": "r"})
    assert settings.issuers == (TrustedIssuer(issuer=ISSUER, audience=API, algorithms=["ES256"]),)


def test_several_issuers():
    issuers = [make_issuer(), make_issuer(issuer="https://other.test")]
    settings = make_settings({"issuers": issuers})
    issuers.pop()
    assert isinstance(settings.issuers, tuple)
    assert [issuer.issuer for issuer in settings.issuers] == [ISSUER, "https://other.test"]
    assert make_settings({"issuers": print}).issuers is print


@pytest.mark.parametrize("issuers", [[], (), "x", [ISSUER], {make_issuer}, 7])
def test_what_are_no_issuers(issuers):
    assert named(issuers=issuers) == ["issuers"]


def test_issuers_beside_the_settings_of_one():
    assert named(issuers=[make_issuer()], audience=API, jwt="both") == ["audience", "jwt"]
    assert named(issuers=print, issuer=ISSUER) == ["issuer"]


def test_one_issuer_twice():
    other = make_issuer(issuer="https://other.test")
    assert named(issuers=[make_issuer(), make_issuer(jwt="verify"), other]) == ["issuers"]


@pytest.mark.parametrize(
    ("alternatives", "count"),
    [
        ({"Bearer": print}, 1),
        ({"DPOP": print}, 1),
        ({"Api Key": print}, 1),
        ({"": print}, 1),
        ({"é": print}, 1),
        ({1: print}, 1),
        ({"ApiKey": "x"}, 1),
        ({"ApiKey": print, "apikey": print}, 1),
        ({"dpop": 1, "x y": print, "ok": None}, 3),
    ],
)
def test_alternatives(alternatives, count):
    """The keys are schemes, but never Bearer or DPoP."""
    assert named(**BASE, alternatives=alternatives) == ["alternatives"] * count


def test_the_resource_is_one_of_the_audiences():
    assert named(**BASE, resource="https://other.test") == ["resource"]
    assert (
        make_settings({"issuer": ISSUER, "audience": ["x", API], "resource": API}).resource == API
    )
    assert make_settings({"issuers": print, "resource": API}).resource == API, (
        "their audiences are known later"
    )


@pytest.mark.parametrize("more", [{"store_url": "redis://s.test"}, {"store_secret": SECRET}])
@pytest.mark.parametrize("issuers", [BASE, {"issuers": print}], ids=["one", "found"])
def test_nothing_is_stored_unsealed(issuers, more):
    assert named(**issuers, **more) == ["store_secret"]


@pytest.mark.parametrize(
    ("prefixes", "good"),
    [
        (["a_", "b_"], True),
        (["a_", None], False),
        ([None, None], False),
        (["a_", "a_b_"], False),
        (["a_b_", "a_"], False),
        (["a_", "a_"], False),
        ([None], True),
    ],
)
def test_several_issuers_of_opaque_tokens(prefixes, good):
    """Each needs a prefix or a resolver; otherwise a server could receive a token of another."""
    asked = [
        make_issuer(
            issuer=f"https://{n}.test",
            introspection=CREDENTIALS,
            introspection_endpoint=INTROSPECT,
            token_prefix=prefix,
        )
        for n, prefix in enumerate(prefixes)
    ]
    issuers = [*asked, make_issuer(issuer="https://silent.test")]
    if good:
        assert make_settings({"issuers": issuers}).issuers
    else:
        assert named(issuers=issuers) == ["token_prefix"]
    assert make_settings({"issuers": issuers, "issuer_resolver": print}).issuers


def test_a_query_token_is_not_both_ignored_and_accepted():
    issuers = [make_issuer()]
    assert named(issuers=issuers, query_token="ignore", insecure_query_token=True) == [
        "query_token"
    ]
    assert make_settings(
        {"issuers": issuers, "query_token": "refuse", "insecure_query_token": True}
    )
    assert make_settings({"issuers": issuers, "query_token": "ignore"}).query_token == "ignore"


@pytest.mark.parametrize(
    ("keywords", "wanted"),
    [
        ({}, []),
        ({"alternatives": {"ApiKey": print}}, ["alternatives"]),
        (
            {"issuer_resolver": print, "insecure_query_token": True},
            ["issuer_resolver", "insecure_query_token"],
        ),
        (
            {
                "issuers": [
                    make_issuer(profile="assertion"),
                    make_issuer(issuer="https://other.test"),
                ]
            },
            ["profile"],
        ),
    ],
)
def test_who_believes_the_gateway_believes_nobody_else(keywords, wanted):
    """`profile="assertion"` accepts assertions and refuses everything else."""
    if "issuers" not in keywords:
        keywords = {**keywords, "issuers": [make_issuer(profile="assertion")]}
    if wanted:
        assert named(**keywords) == wanted
    else:
        assert make_settings(keywords).issuers


def test_a_callers_list_that_changes_later_changes_nothing():
    validators, alternatives, scopes = [print], {"ApiKey": print}, ["a"]
    settings = make_settings(
        {**BASE, "validators": validators, "alternatives": alternatives, "resource_scopes": scopes}
    )
    validators.clear()
    alternatives.clear()
    scopes.clear()
    assert (settings.validators, dict(settings.alternatives), settings.resource_scopes) == (
        (print,),
        {"ApiKey": print},
        ("a",),
    )
    with pytest.raises(TypeError):
        settings.alternatives["X"] = print  # type: ignore[index]  # refused values
    with pytest.raises(FrozenInstanceError):
        settings.realm = "x"  # refused


def test_no_secret_in_a_repr():
    settings = make_settings(
        {**BASE, "store_url": "redis://:canary@s.test", "store_secret": "canary" * 6}
    )
    assert "canary" not in repr(settings)


def test_the_message_is_all_faults():
    with pytest.raises(SettingsError, match=r"^2 faults:\n  issuer: .*\n  audience: "):
        make_settings({})
