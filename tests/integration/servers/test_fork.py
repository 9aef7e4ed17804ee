"""A forked child shares no connection, lock or call in flight with its parent."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from tests.integration.servers.loopback import Answer, LoopbackServer
from tests.integration.servers.scripts import answering

ROOT = Path(__file__).parents[3]


def run_script(script: str, *arguments: str) -> str:
    """Run the script in its own interpreter, because a fork of the test process would copy the
    locks of pytest's threads.
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *arguments],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stderr == ""
    return done.stdout


MANY_CHILDREN = """
import asyncio, os, sys
from iiniit_guard.core.model.flow import Fetch, HttpRequest
from iiniit_guard.io.effects import EffectRunner

url = sys.argv[1]
performer = EffectRunner()

def mixed(who):
    wrong = 0
    for number in range(25):
        path = f"/{who}/{number}"
        wrong += performer.perform(Fetch(HttpRequest("GET", url + path))).body != path.encode()
    return wrong

async def mixed_async(who):
    wrong = 0
    for number in range(25):
        path = f"/{who}/async/{number}"
        response = await performer.loops.perform(Fetch(HttpRequest("GET", url + path)))
        wrong += response.body != path.encode()
    return wrong

async def fork_on_a_loop():
    assert await mixed_async("before") == 0
    children = []
    for who in range(4):
        child = os.fork()
        if child == 0:
            os._exit(mixed(who))
        children.append(child)
    assert await mixed_async("parent") == 0
    return children

assert mixed("before") == 0
children = asyncio.run(fork_on_a_loop())
for who in range(4, 8):
    child = os.fork()
    if child == 0:
        os._exit(mixed(who) + asyncio.run(mixed_async(who)))
    children.append(child)
assert mixed("parent") == 0
print(sum(os.waitpid(child, 0)[1] != 0 for child in children), "children with mixed answers")
performer.close()
"""


def test_answers_are_not_mixed_between_processes():
    with LoopbackServer(answering(lambda request: Answer(200, request.target.encode()))) as server:
        assert run_script(MANY_CHILDREN, server.url) == "0 children with mixed answers\n"

        assert (
            server.connections == 2 + 4 + 2 * 4
        )  # the parent's thread and loop, and each child's own


LOCKS_THAT_WERE_HELD = """
import os
from iiniit_guard.core.model.flow import Fetch, HttpRequest, Spawn
from iiniit_guard.io.effects import EffectRunner
from iiniit_guard.io.fork import on_fork

class Guard:
    fresh = 0
    def after_fork(self):
        self.fresh += 1

guard, gone, performer = Guard(), Guard(), EffectRunner()
on_fork(guard)
on_fork(gone)
del gone
threads, _ = performer._make_clients()
performer._lock.acquire()                  # as by a thread that the child does not have
threads._lock.acquire()
performer._background._lock.acquire()
child = os.fork()
if child == 0:
    assert guard.fresh == 1
    reply = performer.perform(Fetch(HttpRequest("GET", "http://127.0.0.1:1/")))
    performer.perform(Spawn(lambda: (effect for effect in ())))
    os._exit(0 if reply.cause == "connection" else 1)
print(os.waitpid(child, 0)[1], guard.fresh)
"""


def test_a_lock_that_another_thread_held_stops_no_child():
    assert run_script(LOCKS_THAT_WERE_HELD) == "0 0\n"


SHUTDOWN = """
import sys, threading
from iiniit_guard.core.model.flow import Fetch, HttpRequest, Spawn
from iiniit_guard.io.effects import EffectRunner

url, performer = sys.argv[1], EffectRunner()

def refresh():
    yield Fetch(HttpRequest("GET", url))
    raise AssertionError("the interpreter waited")

performer.perform(Fetch(HttpRequest("GET", url + "/warm")))
for _ in range(8):
    performer.perform(Spawn(refresh))
print("done")
"""


def test_a_refresh_in_the_background_does_not_hold_up_the_interpreters_end():
    def script(peer):
        while (request := peer.receive()) is not None:
            if request.target == "/":
                peer.hang()
            else:
                peer.answer(Answer())

    with LoopbackServer(script) as server:
        assert (
            run_script(SHUTDOWN, server.url) == "done\n"
        )  # well before the 5 s that each would take
