"""The pytest plugin: its fixtures, moved clocks, tests in parallel, and what it imports."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from iiniit_guard.testing import Issuer, MachineClock

pytest_plugins = ["pytester"]
PLUGIN = "iiniit_guard.testing.plugin"
# An installed package has the entry point too, and pytest loads a plugin only once.
LOADED = ("-p", "no:iiniit_guard", "-p", PLUGIN, "-W", "ignore")
ROOT = Path(__file__).parents[3]

TESTS = """
import time

import pytest
import time_machine
from freezegun import freeze_time

from iiniit_guard import IssuerUnavailable, TokenRefused


def reason_of(guard, token):
    with pytest.raises(TokenRefused) as refused:
        guard.verify(token)
    return refused.value.reason


def test_a_token_is_accepted(issuer, guard):
    assert guard.verify(issuer.token(scope="a", subject="ada", expires_in=60)).subject == "ada"


def test_time_machine_moves_the_clock(issuer, guard):
    token = issuer.token(expires_in=60)
    guard.verify(token)
    with time_machine.travel(time.time() + 100):
        assert reason_of(guard, token) == "expired"
    with time_machine.travel(2_000_000_000, tick=False):
        assert guard.verify(issuer.token()).issued_at == 2_000_000_000


def test_freezegun_moves_the_clock(issuer, guard):
    with freeze_time("2040-01-01") as frozen:
        token = issuer.token(expires_in=60)
        guard.verify(token)
        frozen.tick(100)
        assert reason_of(guard, token) == "expired"


def test_the_clock_is_advanced(issuer, guard):
    token = issuer.token(expires_in=60)
    issuer.clock.advance(70)
    assert reason_of(guard, token) == "expired"
    issuer.clock.set_wall(5_000)
    assert 0 <= issuer.now - 5_000 < 60


def test_failures_end_with_their_block(issuer, guard):
    with issuer.down("jwks"), pytest.raises(IssuerUnavailable):
        guard.verify(issuer.token())
    issuer.clock.advance(60)
    guard.verify(issuer.token())
    with issuer.skewed(600):
        token = issuer.token()
    assert reason_of(guard, token) == "issued_in_future"
    issuer.clock.advance(7_200)
    before = issuer.clock.wall()
    with issuer.slow(3):
        issuer.handle(issuer.last_request)
    assert issuer.clock.wall() - before in (3, 4)


class TestSettings:
    @pytest.fixture
    def guard_settings(self):
        return {"scope_aliases": {"r": "read"}}

    def test_the_settings_are_used(self, issuer, guard):
        assert guard.verify(issuer.token("r")).scopes == {"r", "read"}


@pytest.mark.parametrize("number", range(4))
def test_issuers_share_nothing(issuer, guard, number):
    assert len(issuer.requests) == 0
    issuer.rotate_keys(keep_old=False)
    guard.verify(issuer.token())
"""


def test_the_fixtures_work(pytester):
    pytester.makepyfile(TESTS)
    pytester.runpytest_inprocess(*LOADED).assert_outcomes(passed=10)


def test_tests_in_parallel_share_nothing(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # workers start faster
    pytester.makepyfile(TESTS)
    done = pytester.runpytest_subprocess("-p", "xdist", *LOADED, "-n", "2")

    done.assert_outcomes(passed=10)


def test_pytest_finds_the_plugin_by_its_entry_point():
    with (ROOT / "pyproject.toml").open("rb") as file:
        found = tomllib.load(file)["project"]["entry-points"]["pytest11"]

    assert found == {"iiniit_guard": PLUGIN}


def test_the_start_of_pytest_imports_no_framework_and_no_cryptography():
    code = (
        f"import sys, pytest; before = set(sys.modules)\nimport {PLUGIN}\n"
        "print(*(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert set(done.stdout.split()) == {"iiniit_guard", "iiniit_guard.testing", PLUGIN}


def test_the_clock_of_the_machine_shows_whole_seconds():
    clock = MachineClock()

    assert clock.wall() == int(clock.wall())
    assert clock.monotonic() <= clock.monotonic()
    assert clock.added == 0


def test_a_part_without_an_issuer_cannot_fail():
    from iiniit_guard.testing.injection import FaultInjection

    with pytest.raises(NotImplementedError):
        FaultInjection().fail(None)
    assert isinstance(Issuer(), FaultInjection)
