"""`python -m tests.load.soak [--minutes 15]`, or `--zipf` for `/introspect` compared with the
endpoint behind it.

Figures go to the terminal, to build/ and into docs/explanation/performance-gateway.md (`--dry`
does not change the page). The exit status is 1 if a promise is broken.
"""

from __future__ import annotations

import argparse
import sys

from tests.load.soak import report, steady, zipf


def main() -> None:
    """Run the test that the command line selects."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.soak")
    parser.add_argument("--minutes", type=float, default=15.0, help="of steady load; 15 by default")
    parser.add_argument(
        "--rate",
        type=float,
        default=steady.RATE,
        help=f"requests a second; {steady.RATE:.0f} by default",
    )
    parser.add_argument(
        "--zipf",
        action="store_true",
        help="requests a second and calls of /introspect under a Zipf load instead",
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="of each of the --zipf runs")
    parser.add_argument(
        "--dry", action="store_true", help="leave docs/explanation/performance-gateway.md alone"
    )
    chosen = parser.parse_args()
    if chosen.zipf:
        name, faults = "zipf", []
        text = zipf.table(zipf.run(chosen.seconds, _say))
    else:
        soak = steady.run(chosen.minutes, chosen.rate, _say)
        name, text, faults = "soak", f"{report.machine()}\n\n{report.soak_table(soak)}", soak.faults
    print(text)
    if not chosen.dry:
        report.write(name, text)
    if faults:
        sys.exit("\n".join(("", *faults)))


def _say(what: str) -> None:
    print(what, flush=True)


if __name__ == "__main__":
    main()
