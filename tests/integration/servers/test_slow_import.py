"""The first call has its whole time-out, although it imports the HTTP client."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

from tests.integration.servers.loopback import Answer, LoopbackServer
from tests.integration.servers.scripts import answering

# The import of the client takes longer than the whole call may take.
SCRIPT: Final = """
import asyncio, sys, time
from iiniit_guard.core.model.flow import Connection, Fetch, HttpRequest, HttpResponse
from iiniit_guard.io.effects import EffectRunner

SECONDS = 1.0

class Slow:
    waited = False
    def find_spec(self, name, path=None, target=None):
        if name == "httpx2" and not self.waited:
            self.waited = True
            time.sleep(1.5 * SECONDS)

slow = Slow()
sys.meta_path.insert(0, slow)
effect = Fetch(HttpRequest("GET", sys.argv[1], connection=Connection(SECONDS, SECONDS)))
runner = EffectRunner()
if sys.argv[2] == "thread":
    reply = runner.perform(effect)
else:
    reply = asyncio.run(runner.loops.perform(effect))
assert slow.waited
assert isinstance(reply, HttpResponse), reply
"""


@pytest.mark.parametrize("where", ["thread", "loop"])
def test_importing_the_client_is_not_part_of_the_first_call(where):
    with LoopbackServer(answering(Answer(body=b"{}"))) as server:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, server.url, where],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
