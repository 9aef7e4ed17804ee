"""Settings of one issuer: each fault names its setting, all are reported together, frozen."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields
from types import MappingProxyType
from typing import Any

import pytest

from iiniit_guard.core.issuer.client_authentication import ClientSecretBasic
from iiniit_guard.core.issuer.issuer_checks import CHECKS
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.jose.jws import ALGORITHMS
from iiniit_guard.errors import SettingsError
from tests.unit.core.setting_rows import LONGEST
from tests.unit.core.stepping import API, CREDENTIALS, ISSUER

BASE = {"issuer": ISSUER, "audience": API}

# One invalid value for each setting. A new setting without one fails the test.
BAD = {
    "issuer": 1,
    "audience": [],
    "metadata_url": "http://a.test",
    "jwks_uri": "http://a.test",
    "jwks_file": 1,
    "introspection_endpoint": "ftp://a.test",
    "introspection": "secret",
    "jwt": "maybe",
    "algorithms": ["HS256"],
    "profile": "x",
    "audience_claim": "",
    "client_id_claims": [],
    "token_id_claims": [""],
    "scope_claims": "roles",
    "scope_aliases": [],
    "scope_implies": {"a": "b"},
    "require_claim": [],
    "expiry_leeway_seconds": -1,
    "clock_leeway_seconds": "30",
    "revocation_delay_seconds": -1,
    "inactive_seconds": None,
    "status_list": "on",
    "status_list_origins": "https://a.test",
    "status_list_max_age_seconds": 0,
    "keys_max_age_seconds": 0,
    "keys_cooldown_seconds": 0,
    "keys_stale_seconds": -1,
    "connect_timeout_seconds": 0,
    "timeout_seconds": 0,
    "ca_file": "",
    "http_proxy": "socks5://127.0.0.1:1",
    "discovery_authentication": "token",
    "http_headers": {"Authorization": "Bearer x"},
    "token_prefix": "",
    "insecure_accept_missing_audience": 1,
    "insecure_accept_id_tokens": "yes",
    "insecure_metadata_issuer": "",
    "insecure_http_hosts": "a.test",
    "audience_exclusive": "true",
    "bound_tokens": "dpop",
    "subject_prefix": "",
    "introspection_signed": "yes",
    "introspection_response_audience": [],
    "scope_prefix": "api://a b/",
    "key_issuers": "https://a.test",
    "preset": "",
}


def faults(**settings):
    with pytest.raises(SettingsError) as raised:
        TrustedIssuer(**{**BASE, **settings})
    return raised.value.faults


def test_every_setting_has_a_check_and_a_row():
    names = {each.name for each in fields(TrustedIssuer)}
    assert names == set(BAD)
    assert names - {"introspection"} == set(CHECKS)


@pytest.mark.parametrize("name", BAD)
def test_a_fault_names_its_setting(name):
    found = faults(**{"introspection": CREDENTIALS, name: BAD[name]})
    assert [fault.partition(":")[0] for fault in found] == [name]


@pytest.mark.parametrize("name", sorted(name for name in CHECKS if name.endswith("_seconds")))
def test_every_time_has_a_longest(name):
    """A typing error (milliseconds for seconds) would keep expired tokens and withdrawn keys."""
    settings: dict[str, Any] = {**BASE, "timeout_seconds": 60, name: LONGEST[name]}
    assert getattr(TrustedIssuer(**settings), name) == LONGEST[name]
    for value in (LONGEST[name] + 0.5, LONGEST[name] * 1_000, 1e300, 10**400):
        assert faults(**{name: value}) == (f"{name}: must be at most {LONGEST[name]} seconds",)


# Empty or meaningless values of settings that restrict what is accepted.
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("audience", value)
            for value in (
                None,
                "",
                " ",
                (),
                [""],
                [" "],
                ["a", ""],
                ["a", None],
                {"a"},
                {"a": 1},
                b"a",
                1,
            )
        ),
        *(("issuer", value) for value in (None, "", " ", [ISSUER])),
        *(
            ("algorithms", value)
            for value in (
                None,
                [],
                (),
                "",
                "ES256 RS256",
                "es256",
                [""],
                [None],
                ["none"],
                ["ES256", "HS256"],
            )
        ),
        *(("profile", value) for value in (None, "", "RFC9068", "rfc9068 ", ["rfc9068"])),
        *(("jwt", value) for value in (None, "", "Both", ["both"])),
        *(("audience_claim", value) for value in (None, "", " ", ["aud"])),
        *(
            ("require_claim", value)
            for value in (
                None,
                [],
                "tenant",
                {"tenant": None},
                {"tenant": ""},
                {"tenant": []},
                {"": "acme"},
            )
        ),
        *(
            ("scope_claims", value)
            for value in (None, "roles", [None], [""], [[]], ["a..b"], ["*"])
        ),
        *(
            ("scope_aliases", value)
            for value in (None, [], {"a": None}, {"a": ["b"]}, {"a": ""}, {"": "a"})
        ),
        *(
            ("scope_implies", value)
            for value in (
                None,
                [],
                {"a": None},
                {"a": [None]},
                {"a": [["b"]]},
                {"a": b""},
                {"": []},
            )
        ),
        *(("token_prefix", value) for value in ("", " ", "a b", "one,", ["one"])),
        *(
            ("insecure_http_hosts", value)
            for value in (
                None,
                "a.test",
                [None],
                ["*"],
                ["http://a.test"],
                ["a.test:80"],
                ["A.test"],
            )
        ),
        *(("insecure_accept_missing_audience", value) for value in (None, "false", "true", 0, 1)),
        *(("insecure_accept_id_tokens", value) for value in (None, "false", "true", 0, 1)),
        *(
            (name, value)
            for name in LONGEST
            for value in (None, "", "5", True, False, -1, float("nan"), float("inf"), [5])
            if not (value is None and name == "connect_timeout_seconds")
        ),
    ],
)
def test_what_would_weaken_a_check_is_a_fault(name, value):
    assert {
        fault.partition(":")[0] for fault in faults(**{"introspection": CREDENTIALS, name: value})
    } == {name}


@pytest.mark.parametrize("profile", ["rfc9068", "assertion"])
def test_id_tokens_are_accepted_by_the_generic_profile_alone(profile):
    assert faults(profile=profile, insecure_accept_id_tokens=True) == (
        (
            f"insecure_accept_id_tokens: profile={profile!r} never accepts ID tokens; remove one "
            "of the two settings"
        ),
    )


def test_all_faults_are_reported_together():
    single = {
        name: value
        for name, value in BAD.items()
        if name in CHECKS and name not in ("metadata_url", "jwks_uri", "introspection_endpoint")
    }
    assert {fault.partition(":")[0] for fault in faults(**single)} == set(single)


def test_the_defaults_are_those_of_the_design():
    issuer = TrustedIssuer(issuer=ISSUER, audience=API)
    assert issuer.audiences == (API,)
    assert (issuer.jwt, issuer.profile, issuer.audience_claim, issuer.algorithms) == (
        "verify",
        "generic",
        "aud",
        ALGORITHMS,
    )
    assert (issuer.expiry_leeway_seconds, issuer.clock_leeway_seconds) == (5, 30)
    assert (issuer.revocation_delay_seconds, issuer.inactive_seconds) == (60, 10)
    assert (
        issuer.keys_max_age_seconds,
        issuer.keys_cooldown_seconds,
        issuer.keys_stale_seconds,
    ) == (3600, 30, 3600)
    assert (issuer.connect_seconds, issuer.timeout_seconds) == (2, 5)
    assert not issuer.insecure_accept_missing_audience


def test_a_callers_list_that_changes_later_changes_nothing():
    audience, algorithms, aliases, implies, wanted = (
        [API],
        ["ES256"],
        {"a": "b"},
        {"a": ["b"]},
        {"tenant": ["x"]},
    )
    issuer = TrustedIssuer(
        issuer=ISSUER,
        audience=audience,
        algorithms=algorithms,
        scope_aliases=aliases,
        scope_implies=implies,
        require_claim=wanted,
    )
    for changed in (audience, algorithms, implies["a"], wanted["tenant"]):
        changed.append("evil")
    aliases["c"] = "d"
    assert issuer.audiences == (API,)
    assert issuer.algorithms == ("ES256",)
    assert issuer.scope_aliases == {"a": "b"}
    assert issuer.scope_implies == {"a": ("b",)}
    assert issuer.required_claims == {"tenant": ("x",)}
    assert isinstance(issuer.require_claim, MappingProxyType)
    with pytest.raises(FrozenInstanceError):
        issuer.audience = "x"  # refused values


def test_a_claim_may_have_one_value_or_several():
    wanted = {"a": "x", "b": ["x", 1], "c": True}
    issuer = TrustedIssuer(issuer=ISSUER, audience=API, require_claim=wanted)
    assert issuer.required_claims == {"a": ("x",), "b": ("x", 1), "c": (True,)}


def test_no_secret_in_a_repr_or_a_fault():
    issuer = TrustedIssuer(
        issuer=ISSUER,
        audience=API,
        introspection=ClientSecretBasic("api", "canary"),
        http_proxy="http://u:canary@p.test",
    )
    assert "canary" not in repr(issuer)
    found = faults(
        introspection=ClientSecretBasic("", "canary"),
        metadata_url="https://u:canary@a.test",
        jwks_uri="canary",
        connect_timeout_seconds=9,
    )
    assert len(found) == 4
    assert "canary" not in json.dumps(found)
