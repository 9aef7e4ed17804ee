"""Small floods for every run of the tests. `make floods` runs them at full size and reports the
figures.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator

import pytest

from tests.integration.faults.real_issuer import MachineTime, RealIssuer
from tests.integration.faults.serving import serving
from tests.integration.servers.loopback import Answer
from tests.load.floods.client import Wanted
from tests.load.floods.flood import KINDS, SERVED_BY, Figures, client, run_flood, seen_by

# Only the server process runs code that these tests are about, and coverage does not measure it.
# Other tests cover what the issuer executes here.
pytestmark = pytest.mark.unmeasured

SMALL = 5_000
# A random opaque token costs a call to the issuer, which the other kinds do not cost. 2,500 tokens
# show the same growth for each request, because the bound of the growth is halved too.
SIZES = dict.fromkeys(KINDS, SMALL) | {"opaque": SMALL // 2}
CALM_REQUESTS = 20
PLACES, FOR_STRANGERS = 64, 32
# For 5,000 requests: 16,384 refusals, 4,096 tokens, headers of 60,000 bytes in flight. A leak would
# add 5,000 of these.
GROWTH_BYTES = 12 << 20
WAIT_MS = 3_000.0  # on a busy machine; `make floods` reports the usual figures
COOLDOWN = 30


def check(figures: Figures) -> None:
    """Check what holds for a flood of any size."""
    before, _, after = figures.memory
    kind, asked = figures.kind, figures.asked
    expected = {
        "opaque": {"401", "503"},
        "kids": {"401"},
        "signatures": {"401"},
        "headers": {"400"},
        "valid": {"200"},
    }[kind]
    assert set(figures.flood.statuses) <= expected
    assert sum(figures.flood.statuses.values()) == figures.size
    assert set(figures.good.statuses) == {"200"}
    assert figures.good.p99_ms < WAIT_MS
    assert after - before < GROWTH_BYTES * max(figures.size, SMALL // 2) // SMALL

    renewals = (
        figures.seconds + 2
    )  # the good client's opaque token is asked about every 2 s; moments are kept in whole seconds
    assert asked.get("introspection", 0) <= renewals + (
        figures.flood.statuses["401"] if kind == "opaque" else 0
    )
    assert asked.get("jwks", 0) <= (figures.seconds / COOLDOWN + 1 if kind == "kids" else 0)
    assert asked.get("discovery", 0) == asked.get("other", 0) == 0
    assert figures.busiest <= (FOR_STRANGERS + 1 if kind == "opaque" else 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_flood_on_a_loop(kind):
    check(run_flood(kind, "uvicorn", SIZES[kind], CALM_REQUESTS))


@pytest.mark.parametrize("kind", ["opaque", "signatures"])
def test_a_flood_on_threads(kind):
    check(run_flood(kind, "waitress", SMALL // 5, CALM_REQUESTS))


def test_a_server_that_is_slow_under_a_flood_of_garbage_still_answers_about_good_tokens():
    """Half of the places are reserved for recently active tokens."""
    with RealIssuer(clock=MachineTime()) as real:
        with serving(
            SERVED_BY["uvicorn"], real.environment(revocation_delay_seconds=0.5)
        ) as running:
            good = real.issuer.opaque_token(expires_in=600)
            assert running.get(good).status == 200
            real.delay_seconds = 0.3
            with client(Wanted("good", running.port, [good])) as steady:
                with client(Wanted("opaque", running.port, [good], SMALL, 200)) as flooding:
                    flood = seen_by(flooding)
                served = seen_by(steady)

        assert set(served.statuses) == {"200"}
        assert flood.statuses["503"] > SMALL / 2
        assert FOR_STRANGERS / 2 < real.busiest <= FOR_STRANGERS + 1


@pytest.mark.parametrize("server", SERVED_BY)
def test_refusals_never_evict_a_good_token(server):
    """Far more invalid tokens than there is room for valid ones, then an outage of the server.
    Every valid token is still accepted without a call.
    """
    with RealIssuer(clock=MachineTime()) as real:
        settings = {"max_cached_tokens": 64, "revocation_delay_seconds": 600}
        with serving(SERVED_BY[server], real.environment(**settings)) as running:
            good = [
                real.issuer.opaque_token(client_id=f"client-{number}", expires_in=600)
                for number in range(60)
            ]
            assert {running.get(token).status for token in good} == {200}
            with client(Wanted("opaque", running.port, good, 1_000, 20)) as flooding:
                seen_by(flooding)
            real.break_at(Answer(500))
            before = real.asked.copy()

            assert {running.get(token).status for token in good} == {200}
            assert real.asked == before


@pytest.fixture
def _many_descriptors() -> Iterator[None]:
    """Room for a thousand sockets here and in the server: a shell's usual limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < 4_096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (4_096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("_many_descriptors")
def test_one_token_from_a_thousand_clients_at_once():
    with RealIssuer(clock=MachineTime()) as real:
        real.delay_seconds = 2.0
        with serving(SERVED_BY["uvicorn"], real.environment()) as running:
            assert running.get(real.issuer.token()).status == 200
            started = time.monotonic()
            replies = running.get_all([real.issuer.opaque_token()] * 1_000)

            assert {reply.status for reply in replies} == {200}
            assert real.asked["introspection"] == 1
            assert time.monotonic() - started < 15
