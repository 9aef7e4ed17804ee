"""The numbers of the last hour: counts, merges and sums."""

from __future__ import annotations

import json

import pytest

from iiniit_guard.core.http.event import Event
from iiniit_guard.sidecar.status.history import BOUNDS, History, merge, quantile, summary
from iiniit_guard.sidecar.status.worker_stats import WorkerStats

NOW = 1_800_000_000.0  # begins a minute


class Clock:
    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now


def event(clock, decision="deny", reason="expired", cache="miss", seconds=0.003):
    return Event(clock.now, "sidecar", "GET", decision, 401, reason, cache, seconds)


def test_decisions_are_counted_by_minute():
    clock = Clock()
    history = History(clock)
    history.hit(clock.now, 0.000015)
    history.record(event(clock))
    clock.now += 60
    history.hit(clock.now, 0.000015)
    history.hit(clock.now, 20.0)
    shot = history.snapshot()

    assert [minute["minute"] for minute in shot["minutes"]] == [NOW // 60, NOW // 60 + 1]
    assert shot["minutes"][0]["counts"] == [["allow", "", "hit", 1], ["deny", "expired", "miss", 1]]
    assert shot["minutes"][1]["counts"] == [["allow", "", "hit", 2]]
    assert shot["total"]["counts"] == [["allow", "", "hit", 3], ["deny", "expired", "miss", 1]]
    assert shot["total"]["latency"]["hit"][1] == 2
    assert shot["total"]["latency"]["hit"][-1] == 1
    assert shot["total"]["seconds"]["miss"] == pytest.approx(0.003)
    assert json.loads(json.dumps(shot)) == shot


def test_an_event_of_a_later_minute_opens_that_minute():
    clock = Clock()
    history = History(clock)
    clock.now += 61
    history.record(event(clock))

    assert [minute["counts"] for minute in history.snapshot()["minutes"]] == [
        [],
        [["deny", "expired", "miss", 1]],
    ]


def test_an_hour_is_kept_and_the_total_for_ever():
    clock = Clock()
    history = History(clock)
    for _ in range(70):
        history.hit(clock.now, 0.001)
        clock.now += 60
    clock.now += 1800
    shot = history.snapshot()

    assert len(shot["minutes"]) <= 61
    assert min(minute["minute"] for minute in shot["minutes"]) > shot["now"] // 60 - 60
    assert shot["total"]["counts"] == [["allow", "", "hit", 70]]


def test_a_clock_that_is_set_back_ends_no_minute():
    clock = Clock()
    history = History(clock)
    clock.now -= 500
    history.hit(clock.now, 0.001)

    assert len(history.snapshot()["minutes"]) == 1


def test_calls_are_counted_over_a_reload():
    clock = Clock()
    history = History(clock)
    history.count_calls(5)
    clock.now += 60
    history.count_calls(7)
    history.count_calls(1)  # a new guard, which made one call
    shot = history.snapshot()

    assert [minute["calls"] for minute in shot["minutes"]] == [5, 3]
    assert shot["total"]["calls"] == 8


def test_workers_are_merged():
    clock, later = Clock(), Clock(NOW + 60)
    one, two = History(clock), History(later)
    one.hit(clock.now, 0.001)
    two.hit(later.now, 0.001)
    two.record(event(later))
    clock.now += 60
    one.hit(clock.now, 0.1)
    one.count_calls(3)
    merged = merge([one.snapshot(), two.snapshot()])

    assert [(minute["minute"], minute["counts"]) for minute in merged["minutes"]] == [
        (NOW // 60, [["allow", "", "hit", 1]]),
        (NOW // 60 + 1, [["allow", "", "hit", 2], ["deny", "expired", "miss", 1]]),
    ]
    assert merged["total"]["counts"] == [["allow", "", "hit", 3], ["deny", "expired", "miss", 1]]
    assert (merged["started"], merged["total"]["calls"]) == (NOW, 3)
    assert sum(merged["total"]["latency"]["hit"]) == 3


def test_what_a_minute_comes_to():
    clock = Clock()
    history = History(clock)
    for _ in range(98):
        history.hit(clock.now, 0.00004)
    history.record(event(clock, seconds=0.004))
    history.record(event(clock, "unavailable", "issuer_unavailable", seconds=7.0))
    history.count_calls(2)
    said = summary(history.snapshot()["total"])

    assert (said["requests"], said["decisions"]) == (
        100,
        {"allow": 98, "deny": 1, "unavailable": 1},
    )
    assert said["refusals"] == {"expired": 1, "issuer_unavailable": 1}
    assert (said["hits"], said["misses"], said["hit_ratio"]) == (98, 2, 0.98)
    assert (said["calls"], said["calls_saved"]) == (2, 98)
    assert (said["p50"], said["p95"], said["p99"]) == (5e-5, 5e-5, 5e-3)


def test_nothing_comes_to_nothing():
    said = summary(History(Clock()).snapshot()["total"])

    assert (said["requests"], said["hit_ratio"], said["p50"]) == (0, None, None)


def test_quantiles_lie_within_what_was_counted():
    numbers = [0] * (len(BOUNDS) + 1)
    assert quantile(0.5, numbers) is None
    numbers[-1] = 1
    assert quantile(0.99, numbers) == BOUNDS[-1]


def test_workers_tell_each_other_over_the_board(tmp_path):
    one, two = WorkerStats(tmp_path, "worker-1"), WorkerStats(tmp_path, "worker-2")
    shots = [History(Clock()).snapshot(), History(Clock(NOW + 60)).snapshot()]
    one.tell({"old": 1})
    one.tell(shots[0])
    two.tell(shots[1])

    assert (list(one.others()), list(two.others())) == ([shots[1]], [shots[0]])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["worker-1.json", "worker-2.json"]
