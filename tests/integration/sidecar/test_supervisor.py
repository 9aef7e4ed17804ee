"""Supervision of workers in the test process, which measures the coverage of every branch."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

import pytest

from iiniit_guard import SettingsError
from iiniit_guard.sidecar.server.supervisor import Supervisor
from tests.integration.sidecar.in_process import ended, in_a_thread

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.usefixtures("hangups")]


def supervise(
    script, tmp_path, *, workers=1, check=lambda: None, stop_seconds=5, during=lambda: None
):
    """Run workers of a few lines of Python, and `during` meanwhile; then stop all of them."""
    command = [
        sys.executable,
        "-c",
        f"import os, signal, sys, time, pathlib\nwhere = pathlib.Path({str(tmp_path)!r})\n{script}",
    ]
    supervisor = Supervisor(lambda name: [*command, name], (), workers, check, stop_seconds)
    outcome, thread = in_a_thread(during)
    asyncio.run(supervisor.run())
    ended(outcome, thread)


RUNS = (
    "(where / sys.argv[1]).touch()\nsignal.signal(signal.SIGHUP, lambda *_: (where / "
    "f'{sys.argv[1]}.reloaded').touch())\n"
)
MASKED = "signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})\n"
FOREVER = "while True: time.sleep(0.05)\n"


def until(condition):
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_workers_hear_of_new_settings_when_those_are_good(tmp_path, caplog):
    faults = [SettingsError(["colour: unknown setting"]), None]

    def check():
        fault = faults.pop(0)
        if fault is not None:
            raise fault

    def during():
        until((tmp_path / "worker-2").exists)
        os.kill(os.getpid(), signal.SIGHUP)
        until(lambda: "the old settings stay" in caplog.text)
        assert not list(tmp_path.glob("*.reloaded"))
        os.kill(os.getpid(), signal.SIGHUP)
        until(lambda: len(list(tmp_path.glob("*.reloaded"))) == 2)

    # The first lines of a worker run before it handles the signal. A signal that arrives meanwhile
    # must stay pending and not end the worker.
    supervise(RUNS + MASKED + FOREVER, tmp_path, workers=2, check=check, during=during)


def test_a_worker_that_dies_is_replaced_after_a_pause(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("iiniit_guard.sidecar.server.supervisor._FIRST_PAUSE_SECONDS", 0.02)
    supervise(RUNS + "sys.exit(3)", tmp_path, during=lambda: until((tmp_path / "worker-3").exists))

    assert "ended with status 3; a new one starts in" in caplog.text


def test_the_pause_begins_anew_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr("iiniit_guard.sidecar.server.supervisor._FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr("iiniit_guard.sidecar.server.supervisor._SETTLED_SECONDS", 0.0)
    supervise(RUNS + "sys.exit(3)", tmp_path, during=lambda: until((tmp_path / "worker-3").exists))


def test_a_stop_in_the_pause_ends_it(tmp_path, caplog):
    supervise(
        RUNS + "sys.exit(3)",
        tmp_path,
        during=lambda: until(lambda: "a new one starts" in caplog.text),
    )

    assert not (tmp_path / "worker-2").exists()


def test_a_worker_that_does_not_end_is_killed(tmp_path, caplog):
    ignoring = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + RUNS + FOREVER
    supervise(
        ignoring, tmp_path, stop_seconds=-4.9, during=lambda: until((tmp_path / "worker-1").exists)
    )

    assert "did not stop in time and is killed" in caplog.text
