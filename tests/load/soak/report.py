"""The figures of the soak test in Markdown: on the terminal, in build/ and in
docs/explanation/performance-gateway.md.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections import Counter
from pathlib import Path
from typing import Final

from tests.load.soak.site import ROOT
from tests.load.soak.steady import Soak, early_calls, keys_bound
from tests.load.soak.tokens import (
    COOLDOWN_SECONDS,
    KEYS_MAX_AGE_SECONDS,
    LONGEST_BREAKER_PAUSE_SECONDS,
    REVOCATION_DELAY_SECONDS,
)

PAGE: Final = ROOT / "docs" / "explanation" / "performance-gateway.md"


def soak_table(soak: Soak) -> str:
    """Return the results of the soak test."""
    seen, pool = soak.seen, soak.pool
    total = sum(seen.statuses.values())
    asked = sum(len(moments) for moments in soak.server.calls.values())
    judged = sum(
        number
        for (kind, _), number in seen.statuses.items()
        if "opaque" in kind or "revocable" in kind
    )
    about_good = sum(
        len(moments) for token, moments in soak.server.calls.items() if token.startswith("opaque-")
    )
    calm, late = soak.during(0.2, 0.35), soak.during(0.9, 1)
    delays = [
        one.last_good - one.revoked
        for one in (*pool.ended, *pool.revocable)
        if one.last_good and one.revoked
    ]
    revoked = sum(one.revoked is not None for one in (*pool.ended, *pool.revocable))
    begun, mended = pool.outage or 0.0, pool.mended or 0.0
    outside = sum(not begun - 1 <= at <= mended for at, _ in seen.outages)
    last = max((at - mended for at, _ in seen.outages), default=0.0)
    statuses = Counter[int]()
    for (_, status), number in seen.statuses.items():
        statuses[status] += number
    answers = ", ".join(f"{status}: {number:,}" for status, number in sorted(statuses.items()))
    rows = [
        ("requests, and the rate", "", f"{total:,} in {soak.minutes:g} minutes, {soak.rate:.0f}/s"),
        ("answers", "", answers),
        (
            "errors of our own (500, lost connections, traces in the log)",
            "0",
            str(_own_errors(soak)),
        ),
        ("answers that were not as promised", "0", f"{seen.faults.total():,}"),
        ("CPU of the process for one request", "", f"{soak.cpu_seconds / total * 1e6:.0f} µs"),
        (
            "resident memory, 20 % to 35 % of the time → the last tenth",
            "flat",
            f"{soak.rss(0.2, 0.35):.1f} → {soak.rss(0.9, 1):.1f} MiB",
        ),
        (
            "resident memory in each tenth of the time, MiB",
            "",
            ", ".join(f"{soak.rss(part / 10, part / 10 + 0.1):.1f}" for part in range(10)),
        ),
        (
            "open descriptors, the same as above",
            "flat",
            f"{max(one.descriptors for one in calm)} → {max(one.descriptors for one in late)}",
        ),
        (
            (
                f"a revoked token was last let through after its revocation ({revoked} revoked, "
                "some just before and in the outage)"
            ),
            f"≤ {REVOCATION_DELAY_SECONDS:.0f} s",
            f"{max(delays, default=0):.1f} s (median {statistics.median(delays or [0]):.1f} s)",
        ),
        (
            (
                "a new key's token refused after its publication, unknown key IDs being shown all "
                "the time"
            ),
            f"≤ {COOLDOWN_SECONDS:.0f} s",
            f"{pool.late_key:.1f} s",
        ),
        (
            "a withdrawn key's token let through after its withdrawal",
            f"≤ {KEYS_MAX_AGE_SECONDS:.0f} s",
            f"{pool.old_key:.1f} s",
        ),
        ("introspection calls while an answer still counted", "0", str(early_calls(soak))),
        (
            "introspection calls, for so many requests with opaque tokens",
            "",
            f"{about_good:,} for {judged:,}",
        ),
        ("introspection calls about junk", "", f"{asked - about_good:,}"),
        (
            "fetches of the keys, unknown key IDs and the outage included",
            f"≤ {keys_bound(soak)}",
            str(soak.asked.get("jwks", 0)),
        ),
        ("503 with `Retry-After`", "all", f"{len(seen.outages):,}" + _without_retry(soak)),
        (
            "503 after the outage",
            f"≤ {LONGEST_BREAKER_PAUSE_SECONDS:.0f} s after it; keys ≤ {COOLDOWN_SECONDS:.0f} s",
            f"{outside:,}, the last {max(0.0, last):.1f} s after it",
        ),
        ("waiting time of what needs no server: p50, p99, calm", "", _waits(soak, inside=False)),
        ("the same in the outage", "", _waits(soak, inside=True)),
        ("status page, metrics and status.json read", "", f"{soak.page:,} times each"),
    ]
    return "\n".join(
        (
            "| | promised | seen |",
            "|---|---:|---:|",
            *(f"| {what} | {wanted} | {was} |" for what, wanted, was in rows),
        )
    )


def _own_errors(soak: Soak) -> int:
    errors = sum(
        number
        for (_, status), number in soak.seen.statuses.items()
        if status >= 500 and status != 503
    )
    return errors + soak.seen.dropped + sum("log" in fault for fault in soak.faults)


def _without_retry(soak: Soak) -> str:
    number = sum(count for what, count in soak.seen.faults.items() if "Retry-After" in what)
    return f", {number:,} without" if number else ""


def _waits(soak: Soak, *, inside: bool) -> str:
    begun, mended = soak.pool.outage or 0.0, soak.pool.mended or 0.0
    waits = [
        seconds * 1e3 for sent, seconds in soak.seen.waits if (begun <= sent <= mended) is inside
    ]
    cuts = statistics.quantiles(waits, n=100) if len(waits) > 1 else [0.0] * 99
    return f"{cuts[49]:.1f} ms, {cuts[98]:.0f} ms"


def machine() -> str:
    """Return the machine of the measurement."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?"
    )
    cores = len(os.sched_getaffinity(0))
    return (
        f"{model}, {cores} cores, {platform.python_implementation()} "
        f"{platform.python_version()}, {platform.system()}."
    )


def write(name: str, text: str) -> None:
    """Write figures to build/, and in the page between the markers `name`.

    Raises:
        ValueError: The page does not have these markers.
    """
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    (build / f"{name}.md").write_text(text + "\n")
    begin, end = f"<!-- {name}: written by make soak -->", f"<!-- {name}: end -->"
    head, found, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"no markers for {name} in {PAGE.name}")
    PAGE.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")
