"""Processor instructions of one request, counted by valgrind: for information, without a goal.

`python -m tests.load.benchmarks.callgrind` prints the table. Unlike the counts of
`tests/quality/instructions`, these include C code, and they depend on the machine: on the build of
Python and on the code that OpenSSL chooses for the processor.
"""

from __future__ import annotations

import gc
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Final

from tests.load.benchmarks.tokens import AUDIENCE, ISSUER, SYSTEM_CLOCK, WANTED, token_of
from tests.quality.instructions.fixed_key import make_fixed_key

NAMES: Final = {
    "starlette": "one request through Starlette, token cached",
    "verify": "one RS256 token never seen, `Guard.verify`",
}
_REQUESTS: Final = 100
_WARMING_UP: Final = 20


def measure() -> dict[str, float] | str:
    """Return the instructions of one request by name, or why there are none."""
    if shutil.which("valgrind") is None:
        return "valgrind is not installed"
    counts: dict[str, float] = {}
    for kind, name in NAMES.items():
        # The second process sends twice as many requests; the rest of both is equal.
        pair = [_start(kind, times * _REQUESTS) for times in (1, 2)]
        try:
            fewer, more = map(_collected, pair)
        except ValueError as fault:
            return str(fault)
        counts[name] = (more - fewer) / _REQUESTS
    return counts


def _start(kind: str, requests: int) -> subprocess.Popen[str]:
    tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}"]
    return subprocess.Popen(
        [*tool, sys.executable, "-W", "ignore", "-m", __spec__.name, kind, str(requests)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )


def _collected(process: subprocess.Popen[str]) -> int:
    _, output = process.communicate()
    found = re.search(r"Collected : (\d+)", output)
    if process.returncode or found is None:
        raise ValueError(f"valgrind failed: {output[-300:]}")
    return int(found[1])


def run(kind: str, requests: int) -> None:
    """Do the same work for every number of requests, except the requests."""
    from iiniit_guard.testing import Issuer

    issuer = Issuer(ISSUER, AUDIENCE)
    issuer.signing_key = make_fixed_key()
    issuer.keys = [issuer.signing_key]
    guard = issuer.guard(clock=SYSTEM_CLOCK)
    if kind == "verify":
        total = _WARMING_UP + 2 * _REQUESTS
        tokens = iter([token_of(issuer, number=1000 + number) for number in range(total)])

        def call() -> object:
            return guard.verify(next(tokens))
    else:
        from iiniit_guard.asgi import GuardMiddleware
        from iiniit_guard.starlette import require_scope
        from tests.load.benchmarks.starlette_host import application, me, request

        token = token_of(issuer)
        guard.verify(token)
        call = request(GuardMiddleware(application(require_scope(WANTED)(me)), guard), token)
    _repeat(call, _WARMING_UP)
    gc.collect()
    gc.freeze()
    _repeat(call, requests)


def _repeat(call: Callable[[], object], times: int) -> None:
    for _ in range(times):
        call()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        run(sys.argv[1], int(sys.argv[2]))
    else:
        from tests.load.benchmarks.report import instructions

        print(instructions(measure()))
