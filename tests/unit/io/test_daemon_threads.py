"""The thread pool: few threads, which end when no work is waiting."""

from __future__ import annotations

import threading

import pytest

from iiniit_guard.io.daemon_threads import DaemonThreads

NAME = "tested"


def running() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == NAME]


class Admission:
    """Work that blocks until it is released."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.open = threading.Event()

    def work(self) -> int:
        self.begun.release()
        assert self.open.wait(5)
        return 7


def test_no_more_threads_than_the_limit_and_none_afterwards():
    admission, threads = Admission(), DaemonThreads(NAME, limit=3)
    outcomes = [threads.run(admission.work) for _ in range(10)]
    for _ in range(3):
        assert admission.begun.acquire(timeout=5)
    alive = running()

    assert len(alive) == 3
    assert all(thread.daemon for thread in alive)
    admission.open.set()
    assert [outcome.result(5) for outcome in outcomes] == [7] * 10
    for thread in alive:
        thread.join(5)
    assert running() == []


def test_a_full_backlog_refuses():
    admission, threads = Admission(), DaemonThreads(NAME, limit=1, backlog=2)
    assert threads.start(admission.work)
    assert admission.begun.acquire(timeout=5)
    assert [threads.start(admission.work) for _ in range(3)] == [True, True, False]
    with pytest.raises(OSError, match="no thread is free"):
        threads.run(admission.work).result(5)
    admission.open.set()


def test_a_thread_that_is_given_up_does_not_count():
    admission, threads = Admission(), DaemonThreads(NAME, limit=1)
    lost, waiting = threads.run(admission.work), threads.run(int)
    assert admission.begun.acquire(timeout=5)
    threads.give_up(lost)
    assert waiting.result(5) == 0
    assert threads.run(int).result(5) == 0
    alive = running()
    admission.open.set()
    assert lost.result(5) == 7, "its result is not lost"
    for thread in alive:
        thread.join(5)
    assert (threads._running, threads._begun, threads._lost) == (0, set(), set())
    threads.give_up(lost)
    assert (threads._running, threads._lost) == (0, set())


def test_threads_that_are_given_up_are_bounded():
    before, admission, threads = running(), Admission(), DaemonThreads(NAME, limit=2)
    outcomes = []
    for _ in range(6):
        outcomes.append(threads.run(admission.work))
        if len(outcomes) <= 4:
            assert admission.begun.acquire(timeout=5)
        threads.give_up(outcomes[-1])
        threads.give_up(outcomes[-1])
    assert len([thread for thread in running() if thread not in before]) == 4
    assert [outcome.done() for outcome in outcomes] == [False] * 6
    admission.open.set()
    assert [outcome.result(5) for outcome in outcomes[:4]] == [7] * 4
    assert not outcomes[5].done(), "work that did not begin is removed"


def test_what_is_raised_reaches_whoever_waits():
    def fail() -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        DaemonThreads(NAME, limit=1).run(fail).result(5)


def test_nobody_who_waits_can_cancel_it_for_the_others():
    admission, threads = Admission(), DaemonThreads(NAME, limit=1)
    outcome = threads.run(admission.work)

    assert not outcome.cancel()
    admission.open.set()
    assert outcome.result(5) == 7


def test_without_any_thread_work_is_refused(monkeypatch):
    def refuse(thread) -> None:
        raise RuntimeError("can't start new thread")

    threads = DaemonThreads(NAME, limit=2)
    monkeypatch.setattr(threading.Thread, "start", refuse)

    assert not threads.start(lambda: None)
    assert not threads.start(lambda: None)


def test_where_one_thread_is_at_work_it_takes_what_a_second_would_have(monkeypatch):
    def refuse(thread) -> None:
        raise RuntimeError("can't start new thread")

    admission, threads, done = Admission(), DaemonThreads(NAME, limit=2), threading.Event()
    threads.start(admission.work)
    assert admission.begun.acquire(timeout=5)
    monkeypatch.setattr(threading.Thread, "start", refuse)

    assert threads.start(done.set)
    admission.open.set()
    assert done.wait(5)
