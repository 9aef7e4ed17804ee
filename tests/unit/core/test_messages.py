"""Each fault begins with the name of its setting and does not quote a value that may be secret."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from iiniit_guard.adapting.admission import make_admission
from iiniit_guard.core.settings.guard_settings import make_settings
from iiniit_guard.errors import SettingsError

BASE = {"issuer": "https://a.test", "audience": "https://api.test"}
RULES = SimpleNamespace(policy_for=len)
CANARY = "canary"


def named(function, *arguments, **keywords):
    """Return the settings that the faults begin with."""
    with pytest.raises(SettingsError) as raised:
        function(*arguments, **keywords)
    assert CANARY not in str(raised.value)
    parts = [fault.partition(": ") for fault in raised.value.faults]
    assert all(words for _, _, words in parts)
    return [name for name, _, _ in parts]


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        *[({"public": public}, ["public"]) for public in ("/x", ["x"], [7], ["/*"], ["/a*"])],
        *[({"public": [path]}, ["public"]) for path in ("/*/*", "/a*/*")],
        ({"enforce": CANARY}, ["enforce"]),
        ({"preflights": CANARY}, ["preflights"]),
        ({"rules": CANARY}, ["rules"]),
        ({"rules": RULES, "enforce": "declared"}, ["rules"]),
        ({"optional_token": CANARY}, ["optional_token"]),
        (
            {"public": "/x", "enforce": "x", "preflights": "y"},
            ["public", "enforce", "preflights"],
        ),
    ],
    ids=str,
)
def test_arguments_of_a_middleware(arguments, settings):
    assert named(make_admission, **arguments) == settings


@pytest.mark.parametrize(
    ("keywords", "settings"),
    [
        ({"issuers": 7}, ["issuers"]),
        ({**BASE, "alternatives": {"X": CANARY}}, ["alternatives"]),
        ({**BASE, "alternatives": {"X": print, "x": print}}, ["alternatives"]),
        ({**BASE, "store_url": f"redis://:{CANARY}@x"}, ["store_secret"]),
        ({**BASE, "resource": "https://other.test"}, ["resource"]),
        ({**BASE, "introspection_endpoint": "https://a.test/i"}, ["introspection"]),
        ({**BASE, "jwt": "both"}, ["introspection"]),
        ({**BASE, "jwks_file": "/x", "jwks_uri": f"https://a.test/{CANARY}"}, ["jwks_file"]),
        (
            {**BASE, "connect_timeout_seconds": 6, "timeout_seconds": 5},
            ["connect_timeout_seconds"],
        ),
        (
            {
                **BASE,
                "resource": "https://other.test",
                "profile": "assertion",
                "alternatives": {"X": print},
            },
            ["resource", "alternatives"],
        ),
    ],
    ids=str,
)
def test_settings_of_a_guard(keywords, settings):
    assert named(make_settings, keywords) == settings
