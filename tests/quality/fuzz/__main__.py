"""Fuzz the parsers: `python -m tests.quality.fuzz [--seconds N] [TARGET...]`, N seconds for each
target.

With atheris the fuzzer is guided by coverage; without it, Hypothesis changes the seeds at random.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MAX_BYTES = 4096


def guided(name: str, seconds: int) -> None:
    """Run one target under libFuzzer; this process ends with it."""
    atheris: Any = importlib.import_module("atheris")  # optional
    with atheris.instrument_imports(include=["iiniit_guard", "json", "tomllib"]):
        from tests.quality.fuzz.seeds import SEEDS
        from tests.quality.fuzz.targets import TARGETS

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS[name]):
            (Path(corpus) / str(number)).write_bytes(seed)
        arguments = [
            f"-max_total_time={seconds}",
            f"-max_len={MAX_BYTES}",
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-verbosity=1",
        ]
        atheris.Setup(
            [
                sys.argv[0],
                *arguments,
                f"-artifact_prefix={tempfile.gettempdir()}/fuzz-{name}-",
                corpus,
            ],
            TARGETS[name],
        )
        atheris.Fuzz()


def blind(name: str, seconds: int) -> int:
    """Change seeds at random for a while; return the number of executions."""
    from tests.quality.fuzz.seeds import SEEDS
    from tests.quality.fuzz.targets import TARGETS

    chance, target, runs = random.Random(), TARGETS[name], 0
    pool, end = list(SEEDS[name]), time.monotonic() + seconds
    while time.monotonic() < end:
        text = bytearray(chance.choice(pool))
        for _ in range(chance.randint(1, 8)):
            at = chance.randint(0, len(text))
            piece = chance.choice(
                [bytes([chance.randrange(256)]), chance.choice(pool)[: chance.randint(0, 40)], b""]
            )
            text[at : at + chance.randint(0, 3)] = piece
        shown = bytes(text[:MAX_BYTES])
        try:
            target(shown)
        except BaseException:
            print(f"{name}: fails for {shown!r}")
            raise
        runs += 1
    return runs


def main() -> int:
    """Run the named targets, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--one", choices=["guided", "blind"], help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*")
    asked = parser.parse_args()
    if asked.one == "guided":
        guided(asked.targets[0], asked.seconds)
    if asked.one is not None:
        print(f"Done {blind(asked.targets[0], asked.seconds)} runs")
        return 0
    from tests.quality.fuzz.targets import TARGETS

    how = "guided" if importlib.util.find_spec("atheris") is not None else "blind"
    print(f"{how}, {asked.seconds} s for each target")
    failed = []
    total = 0
    for name in asked.targets or TARGETS:
        command = [
            sys.executable,
            "-m",
            "tests.quality.fuzz",
            "--one",
            how,
            "--seconds",
            str(asked.seconds),
            name,
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, errors="replace"
        )
        found = re.search(r"Done (\d+) runs", done.stdout + done.stderr)
        runs = int(found[1]) if found else 0
        total += runs
        print(
            f"{name}: {runs:,} executions{'' if done.returncode == 0 else ', FAILED'}", flush=True
        )
        if done.returncode != 0:
            failed.append(name)
            print((done.stdout + done.stderr)[-4000:])
    print(f"{total:,} executions, {len(failed)} of {len(asked.targets or TARGETS)} targets failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
