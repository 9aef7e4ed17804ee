"""What holds for every test: nothing is skipped, and the properties try the same examples on every
run.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, settings

# The suite repeats itself; `make fuzz` looks for something new, and for longer.
settings.register_profile("suite", derandomize=True, deadline=None, database=None)
settings.register_profile(
    "fuzz", max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    # A missing framework or program must be seen: a test that is skipped where it matters holds
    # nothing.
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"nothing is skipped here, nor expected to fail: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    _refuse_skip(report)
    return report


def pytest_itemcollected(item):
    # Some values print their address under `ids=str`; two workers of xdist must see the same names.
    item._nodeid = re.sub(r" at 0x[0-9a-f]+", "", item.nodeid)
