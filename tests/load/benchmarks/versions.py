"""Compare two checkouts of the package in one run.

    python -m tests.load.benchmarks.versions OLD_CHECKOUT [NEW_CHECKOUT]

For each action both versions wait in a process of their own and take turns of some milliseconds
(A B B A …), so that load from other programs affects both alike. The table shows the CPU time of a
call and the median of the paired ratios, with its quartiles. The exit status is 1 if an action is
more than 3 % slower, or a cached token takes more than 3 % more memory.

With `--instructions`, the table shows the processor instructions of a call in place of its time, as
valgrind counts them. They are the same in each run with one build of Python.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.load.benchmarks.measure import Spread, spread_of

NAMES: Final = {
    "lookup": "cached token, `Guard.verify`",
    "starlette": "Starlette, token cached",
    "starlette-unwrapped": "Starlette, without the wrapping of `send`",
    "flask": "Flask, token cached",
    "flask-unwrapped": "Flask, without the wrapping of `start_response`",
    "django": "Django, token cached",
    "RS256": "new JWT, RS256",
    "ES256": "new JWT, ES256",
    "EdDSA": "new JWT, EdDSA",
    "full": "new JWT, RS256, the cache full",
    "first": "first JWT of a guard, which is created too",
    "opaque": "new opaque token",
}
COUNTED: Final = (
    *("lookup", "starlette", "starlette-unwrapped", "flask", "flask-unwrapped", "django"),
)
MOST: Final = 1.03
_THIS: Final = Path(__file__).parents[3]
_CHILD: Final = Path(__file__).with_name("version_actions.py")
_CHILD_UNWRAPPED: Final = Path(__file__).with_name("version_unwrapped.py")
_CHILD_COUNTED: Final = Path(__file__).with_name("version_instructions.py")
_CALLS: Final = (100, 500)
_NEW_TOKENS: Final = 255
_TURN_SECONDS: Final = 0.015
_ROUNDS: Final = 16
_PAIRS: Final = 3


class _Child:
    """A process that repeats one action with the package of one checkout."""

    def __init__(self, root: Path, action: str) -> None:
        self._process = subprocess.Popen(
            _command(action),
            env=_environment(root),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> Self:
        if self._reply() != "ready":
            raise RuntimeError("the process is not ready")
        return self

    def time(self, calls: int) -> float:
        """Return the CPU time of one call."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{calls}\n")
        self._process.stdin.flush()
        return float(self._reply()) / calls

    def _reply(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process ended with status {self._process.wait()}")
        return line.strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()


def _command(action: str) -> list[str]:
    # -P: the directory of the script must not come before the checkout.
    script = _CHILD_UNWRAPPED if action.endswith("-unwrapped") else _CHILD
    return [sys.executable, "-P", "-W", "ignore", str(script), action]


def _environment(root: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(root)}


def compare_versions(
    old: Path, new: Path, action: str, rounds: int, pairs: int
) -> tuple[Spread, float]:
    """Return the ratio of the new to the old version, with the seconds of the new one, and the
    seconds of the old one.
    """
    ratios, seconds = [], {old: [], new: []}
    for _ in range(pairs):
        # Further processes, because the layout of its memory makes one process faster or slower.
        with ExitStack() as stack:
            children = {root: stack.enter_context(_Child(root, action)) for root in (old, new)}
            for child in children.values():
                child.ready()
            calls = _calls(children[old], action)
            for turn in range(rounds):
                order = (old, new) if turn % 2 else (new, old)
                taken = {root: children[root].time(calls) for root in order}
                ratios.append(taken[new] / taken[old])
                for root, value in taken.items():
                    seconds[root].append(value)
    medians = {root: statistics.median(values) for root, values in seconds.items()}
    return spread_of(ratios, medians[new]), medians[old]


def _calls(child: _Child, action: str) -> int:
    if action in ("RS256", "ES256", "EdDSA", "full", "opaque"):
        return _NEW_TOKENS
    return max(1, round(_TURN_SECONDS / child.time(20)))


def memory_of(root: Path) -> float:
    """Return the bytes of one cached token."""
    done = subprocess.run(
        _command("memory"), env=_environment(root), check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def instructions_of(root: Path, action: str) -> float:
    """Return the processor instructions of one call of an action.

    Raises:
        FileNotFoundError: valgrind is not installed.
        RuntimeError: It failed.
    """
    counts = []
    for calls in _CALLS:
        done = subprocess.run(
            [
                *("valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}"),
                *(sys.executable, "-P", "-W", "ignore", str(_CHILD_COUNTED), action, str(calls)),
            ],
            env={**_environment(root), "PYTHONHASHSEED": "0"},
            check=False,
            capture_output=True,
            text=True,
        )
        found = re.search(r"Collected : (\d+)", done.stderr)
        if done.returncode or found is None:
            raise RuntimeError(f"valgrind failed: {done.stderr[-300:]}")
        counts.append(int(found[1]))
    return (counts[1] - counts[0]) / (_CALLS[1] - _CALLS[0])


def print_instructions(old: Path, new: Path, only: Sequence[str]) -> int:
    """Print the table of instructions, and return the exit status."""
    slower = []
    print("| what | old | new | new ÷ old |\n|---|---:|---:|---:|", flush=True)
    for action in COUNTED:
        if action in only:
            before, after = instructions_of(old, action), instructions_of(new, action)
            name = NAMES[action]
            print(f"| {name} | {before:,.0f} | {after:,.0f} | {after / before:.3f} |", flush=True)
            slower += [name] * (after > MOST * before)
    print(f"\nover {MOST}: {', '.join(slower) or 'none'}")
    return 1 if slower else 0


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path, metavar="OLD_CHECKOUT")
    parser.add_argument("new", type=Path, nargs="?", default=_THIS, help="this checkout by default")
    parser.add_argument("--only", default="", help="actions, separated by commas")
    parser.add_argument("--instructions", action="store_true", help="count in place of timing")
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    parser.add_argument("--pairs", type=int, default=_PAIRS)
    given = parser.parse_args(arguments)
    old: Path = given.old.resolve()
    new: Path = given.new.resolve()
    only = given.only.split(",") if given.only else [*NAMES, "memory"]
    if given.instructions:
        return print_instructions(old, new, only)
    slower = []
    print("| what | old | new | new ÷ old | quartiles |\n|---|---:|---:|---:|---|", flush=True)
    for action, name in NAMES.items():
        if action not in only:
            continue
        ratio, before = compare_versions(old, new, action, given.rounds, given.pairs)
        print(
            f"| {name} | {before * 1e6:.1f} µs | {(ratio.seconds or 0) * 1e6:.1f} µs "
            f"| {ratio.median:.3f} | {ratio.low:.3f} to {ratio.high:.3f} |",
            flush=True,
        )
        slower += [name] * (ratio.median > MOST)
    if "memory" in only:
        before, after = memory_of(old), memory_of(new)
        ratio_text = f"{after / before:.3f}"
        print(f"| memory of a cached token | {before:.0f} B | {after:.0f} B | {ratio_text} | |")
        slower += ["memory"] * (after > MOST * before)
    print(f"\nover {MOST}: {', '.join(slower) or 'none'}")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
