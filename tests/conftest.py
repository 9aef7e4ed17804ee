"""What holds for every test: nothing is skipped, and the properties try the same examples on every
run.
"""

from __future__ import annotations

import gc
import re

import pytest
from hypothesis import HealthCheck, settings

from tests.batches import BatchScheduling, slow_first
from tests.measuring import Measuring

# The suite tries the same examples each time; `make fuzz` searches longer, with new ones.
settings.register_profile("suite", derandomize=True, deadline=None, database=None)
settings.register_profile(
    "fuzz", max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")

# Collection creates millions of objects and no garbage; `pytest_collection_finish` enables it.
gc.disable()


def pytest_configure(config):
    config.pluginmanager.register(Measuring())


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    # A missing framework or program must be an error: a skipped test proves nothing.
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


def pytest_collection_modifyitems(items):
    slow_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return BatchScheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_collection_finish():
    # The collected tests stay until the end, so the garbage collector need not visit them.
    gc.freeze()
    gc.enable()
