"""Processes that end or fork: no delay at exit, no shared connection, no output on stderr."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.faults.real_issuer import MachineTime, RealIssuer

ROOT = Path(__file__).parents[3]


def run_script(script: str, real: RealIssuer, *arguments: str) -> tuple[str, float]:
    """Run the script in its own interpreter, which must exit with 0 and print nothing on stderr.

    Returns:
        Its output, and the seconds from its last output to its exit.
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *arguments],
        cwd=ROOT,
        env={"LANG": "C.UTF-8", **real.environment()},
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    ended = time.time()
    assert done.stderr == ""
    assert done.returncode == 0
    printed, _, at = done.stdout.strip().rpartition("\n")
    return printed, ended - float(at)


@pytest.fixture
def machine():
    """An issuer at the machine's time, for guards in other processes."""
    with RealIssuer(clock=MachineTime()) as real:
        yield real


ENDING = """
import asyncio, os, sys, threading, time
from iiniit_guard import Guard
from iiniit_guard.io.settings import settings_from_env
from iiniit_guard.testing import SettableClock

first, second, opaque = sys.argv[1:]
clock = SettableClock()
guard = Guard(clock=clock.clock, **settings_from_env(os.environ))

async def refresh():
    await guard.verify_async(first)
    clock.advance(3_599)
    # From the old set; both documents are refreshed in the background, and hang.
    await guard.verify_async(second)
    await asyncio.sleep(0.3)

def ask(token):
    try:
        guard.verify(token)
    except Exception as error:
        print("late", error, file=sys.stderr)
"""
ENDS = {
    "a script": "guard.verify(first); clock.advance(3_599); guard.verify(second); time.sleep(0.3)",
    "a script that ends at once": "guard.verify(first); clock.advance(3_599); guard.verify(second)",
    "a script that closes its guard": (
        "with guard: guard.verify(first); clock.advance(3_599); guard.verify(second)"
    ),
    "an asynchronous script": "asyncio.run(refresh())",
    "an asynchronous script that closes its guard": """
async def main():
    async with guard:
        await refresh()
asyncio.run(main())
""",
    "a loop in a daemon thread": """
async def forever():
    await refresh()
    done.set()
    await asyncio.sleep(60)
done = threading.Event()
threading.Thread(target=lambda: asyncio.run(forever()), daemon=True).start()
done.wait(10)
""",
    "daemon threads that wait for an answer": """
for _ in range(20):
    threading.Thread(target=ask, args=(opaque,), daemon=True).start()
time.sleep(0.5)
""",
    "sys.exit in a thread that was asked": (
        "guard.verify(first); clock.advance(3_599); guard.verify(second); sys.exit(0)"
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_an_interpreter_ends_at_once_whatever_hangs(machine, end):
    """Well before the 5 s that each call may take."""
    machine.break_at(lambda peer: peer.hang(), "jwks", "discovery", after=1)
    machine.break_at(lambda peer: peer.hang(), "introspection")
    tokens = [
        machine.issuer.token(expires_in=86_400),
        machine.issuer.token(expires_in=86_400),
        machine.issuer.opaque_token(),
    ]
    last = "import atexit; atexit.register(lambda: print(time.time(), flush=True))\n"

    _, seconds = run_script(ENDING + last + ENDS[end], machine, *tokens)
    assert seconds < 2
    assert machine.asked["jwks"] <= 2


FORKING = """
import asyncio, os, sys, threading, time
from iiniit_guard import Guard

guard = Guard.from_env()
warm, held, *tokens = sys.argv[1:]
guard.verify(warm)

def answers(which):
    return all(guard.verify(token).subject == token.partition(".")[0] for token in which)

async def answers_async(which):
    found = await asyncio.gather(*map(guard.verify_async, which))
    return all(token.subject == asked.partition(".")[0] for token, asked in zip(found, which))

# In the middle of a call while all are forked.
leader = threading.Thread(target=guard.verify, args=(held,), daemon=True)
leader.start()
time.sleep(0.3)
children = []
for number in range(6):
    own = tokens[number * 20 : number * 20 + 20]
    child = os.fork()
    if child == 0:
        good = guard.verify(warm).subject == "warm" and answers(own[:10])
        good = good and asyncio.run(answers_async(own[10:]))
        [server] = guard._engine.resource.servers
        os._exit(0 if good and server.calls._taken == 0 and len(server.flights) == 0 else 1)
    children.append(child)
good = answers(tokens[120:])
print([os.waitpid(child, 0)[1] for child in children], good)
leader.join(5)
print(leader.is_alive())
guard.close()
print(time.time())
"""


def test_children_and_their_parent_share_what_was_learned_and_nothing_else(machine):
    """Parent and children share no connection, lock or call in flight. Each response goes to its
    own process, and a leader in the parent blocks no child.
    """
    subjects = [f"n{number}" for number in range(140)]
    tokens = [
        machine.issuer.opaque_token(subject=subject, prefix=f"{subject}.") for subject in subjects
    ]
    warm = machine.issuer.token(subject="warm")
    held = machine.issuer.opaque_token(subject="held")
    machine.slow_token, machine.delay_seconds = held, 2.0

    printed, _ = run_script(FORKING, machine, warm, held, *tokens)
    assert printed == "[0, 0, 0, 0, 0, 0] True\nFalse"
    assert machine.asked == {"discovery": 1, "jwks": 1, "introspection": 141}
