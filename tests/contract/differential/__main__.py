"""`make differential`: compare the guard with an independent verifier in some 260,000 cases.

The exit status is 1 if they differ.

`--seed 7` makes other cases; `--part 10` runs a tenth of each kind.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from tests.contract.differential.compare import (
    Difference,
    compare_answers,
    compare_paths,
    compare_tokens,
)
from tests.contract.differential.orders import compare_orders
from tests.contract.differential.proofs import compare_proofs

SIZES: Final[tuple[tuple[str, int, Callable[..., Iterator[Difference]]], ...]] = (
    ("tokens, each shown twice", 51_000, compare_tokens),
    ("introspection answers", 40_000, compare_answers),
    ("hostile paths", 44_000, compare_paths),
    ("orders of 40 events", 1_000, compare_orders),
    ("DPoP proofs", 100_000, compare_proofs),
)
_GROUPS: Final = 30
_SHOWN: Final = 2
_LONGEST: Final = 1_200


def main() -> int:
    """Compare, print the differences, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", type=int, default=1)
    given = parser.parse_args()
    logging.getLogger("iiniit_guard").setLevel(logging.ERROR)
    found: list[Difference] = []
    for name, number, compare in SIZES:
        started, tally = time.monotonic(), Counter[str]()
        differences = list(compare(given.seed, number // given.part, tally))
        found += differences
        answers = ", ".join(f"{count:,} {answer}" for answer, count in sorted(tally.items()))
        print(
            f"{number // given.part:,} {name}: {answers}; {len(differences)} differences; "
            f"{time.monotonic() - started:.0f} s",
            flush=True,
        )
    _show(found)
    return 1 if found else 0


def _show(found: list[Difference]) -> None:
    groups: dict[Any, list[Difference]] = {}
    for each in found:
        groups.setdefault(
            (each.kind, each.about if each.kind in ("token", "answer") else ()), []
        ).append(each)
    largest = sorted(groups.items(), key=lambda group: -len(group[1]))
    for (kind, about), members in largest[:_GROUPS]:
        print(f"{kind}, changed: {', '.join(about) or 'nothing'}: {len(members)}")
        for each in members[:_SHOWN]:
            print(
                f"  {each.seed}\n    naive: {each.expected}\n    guard: {each.got}\n    "
                f"{each.text[:_LONGEST]}"
            )
    if len(largest) > _GROUPS:
        print(f"and {len(largest) - _GROUPS} further sets of changes")


if __name__ == "__main__":
    sys.exit(main())
