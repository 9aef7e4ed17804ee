"""The charts section of the status page: charts with summaries, and the same data as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from iiniit_guard.adapting.types import Members
from iiniit_guard.sidecar.status.chart import Tick, bars, figure, nice_top, steps
from iiniit_guard.sidecar.status.formatting import at_most, clock, count, percent, within
from iiniit_guard.sidecar.status.history import MINUTES
from iiniit_guard.sidecar.status.window import Hour

_QUANTILES: Final = (("p50", "half of the requests"), ("p95", "95\u202f%"), ("p99", "99\u202f%"))
_EMPTY: Final = "Nothing was asked in this hour"


def charts_section(issuers: Sequence[Members], hour: Hour) -> str:
    """Return the HTML of the section.

    Args:
        issuers: The states that `describe_issuers` returns.
        hour: The statistics of the last hour.
    """
    drawn = (_requests(hour), _latency(hour), _ratio(hour), _calls(issuers, hour))
    return (
        "<section aria-labelledby=charts><h2 id=charts>Minute by minute <small>the last one is "
        "still under way</small></h2>"
        f"<div class=charts>{''.join(drawn)}</div>"
        f"{_minutes(hour)}</section>"
    )


def _requests(hour: Hour) -> str:
    kinds = {"allow": "let through", "deny": "refused", "unavailable": "answered 503"}
    parts = [[(kind, float(hour.of(number, kind))) for kind in kinds] for number in range(MINUTES)]
    sums = [sum(value for _, value in part) for part in parts]
    titles = [
        f"{clock(hour.first + number)}: "
        + ", ".join(f"{count(value)} {kinds[kind]}" for kind, value in part)
        if sums[number]
        else ""
        for number, part in enumerate(parts)
    ]
    top, most = nice_top(max(sums)), max(sums)
    text = ", ".join(
        f"{count(hour.total['decisions'].get(kind, 0))} {name}" for kind, name in kinds.items()
    )
    busiest = (
        f" Busiest minute: {clock(hour.first + sums.index(most))} with {count(most)}."
        if most
        else ""
    )
    ticks = [Tick(share, count(share * top)) for share in (0, 0.5, 1)]
    drawing = bars(parts, titles, top, ticks, f"Requests in each minute: {text}.{busiest}")
    legend = [(kind, name.capitalize()) for kind, name in kinds.items()]
    return figure(
        "Requests a minute",
        f"{text}.{busiest}",
        drawing,
        ticks,
        hour.first,
        legend,
        "" if most else _EMPTY,
    )


def _latency(hour: Hour) -> str:
    found = [
        [None if minute is None else minute[name] for minute in hour.minutes]
        for name, _ in _QUANTILES
    ]
    values = [value for line in found for value in line if value is not None]
    low = math.floor(math.log10(min(values, default=1e-5)) + 1e-9)
    high = max(low + 1, math.ceil(math.log10(max(values, default=1e-2)) - 1e-9))
    lines = [
        (
            name,
            [None if value is None else (math.log10(value) - low) / (high - low) for value in line],
        )
        for (name, _), line in zip(_QUANTILES, found, strict=True)
    ]
    ticks = [
        Tick((power - low) / (high - low), within(10.0**power)) for power in range(low, high + 1)
    ]
    titles = [
        f"{clock(hour.first + number)}: "
        f"{', '.join(f'{kind} {at_most(minute[kind])}' for kind, _ in _QUANTILES)}"
        if minute is not None and minute["p50"] is not None
        else ""
        for number, minute in enumerate(hour.minutes)
    ]
    text = "No request was timed."
    if values:
        named = ", ".join(f"{name} {at_most(hour.total[kind])}" for kind, name in _QUANTILES)
        text = f"{named[0].upper()}{named[1:]}; the gateway's own time is not in it."
    drawing = steps(lines, titles, ticks, f"Latency in each minute, on a logarithmic scale. {text}")
    return figure(
        "Latency",
        text,
        drawing,
        ticks,
        hour.first,
        [(kind, f"{name[0].upper()}{name[1:]} ({kind})") for kind, name in _QUANTILES],
        "" if values else _EMPTY,
    )


def _ratio(hour: Hour) -> str:
    shares = [None if minute is None else minute["hit_ratio"] for minute in hour.minutes]
    titles = [
        "" if share is None else f"{clock(hour.first + number)}: {percent(share)} remembered"
        for number, share in enumerate(shares)
    ]
    there = [(share, number) for number, share in enumerate(shares) if share is not None]
    text = "No token was looked up."
    if there:
        lowest, number = min(there)
        text = (
            f"{percent(hour.total['hit_ratio'])} of the tokens were remembered. Lowest: "
            f"{percent(lowest)} at {clock(hour.first + number)}."
        )
    ticks = [Tick(share, percent(share)) for share in (0, 0.5, 1)]
    drawing = steps([("ratio", shares)], titles, ticks, f"Hit ratio in each minute. {text}")
    return figure(
        "Hit ratio",
        text,
        drawing,
        ticks,
        hour.first,
        [("ratio", "Remembered tokens")],
        "" if there else _EMPTY,
    )


def _calls(issuers: Sequence[Members], hour: Hour) -> str:
    parts = [
        []
        if minute is None
        else [("saved", float(minute["calls_saved"])), ("calls", float(minute["calls"]))]
        for minute in hour.minutes
    ]
    sums = [sum(value for _, value in part) for part in parts]
    titles = [
        f"{clock(hour.first + number)}: {count(part[0][1])} saved, {count(part[1][1])} made"
        if sums[number]
        else ""
        for number, part in enumerate(parts)
    ]
    total, top = hour.total, nice_top(max(sums))
    text = f"{count(total['calls_saved'])} saved, {count(total['calls'])} made"
    if any(sums):
        text += ": a remembered answer needs no call to its issuer"
        if any(issuer["jwt"] != "introspect" and issuer["keys"] is not None for issuer in issuers):
            text += ", and a remembered JWT no check of its signature"
    ticks = [Tick(share, count(share * top)) for share in (0, 0.5, 1)]
    drawing = bars(parts, titles, top, ticks, f"Upstream calls in each minute: {text}.")
    legend = [("saved", "Saved"), ("calls", "Made")]
    return figure(
        "Upstream calls a minute",
        f"{text}.",
        drawing,
        ticks,
        hour.first,
        legend,
        "" if any(sums) else _EMPTY,
    )


def _minutes(hour: Hour) -> str:
    rows = "".join(
        f"<tr><th scope=row>{clock(hour.first + number)}</th>"
        + "".join(
            f"<td class=n>{cell}</td>"
            for cell in (
                count(minute["requests"]),
                *(count(hour.of(number, kind)) for kind in ("allow", "deny", "unavailable")),
                percent(minute["hit_ratio"]),
                count(minute["calls_saved"]),
                count(minute["calls"]),
                *(within(minute[name]) for name, _ in _QUANTILES),
            )
        )
        + "</tr>"
        for number, minute in reversed(list(enumerate(hour.minutes)))
        if minute is not None
    )
    names = (
        "Requests",
        "Let through",
        "Refused",
        "503",
        "Hit ratio",
        "Calls saved",
        "Calls made",
        "p50 ≤",
        "p95 ≤",
        "p99 ≤",
    )
    heads = "".join(f"<th scope=col class=n>{name}</th>" for name in names)
    return (
        "<details><summary>The charts as a table</summary><div class=scroll role=region "
        "aria-label='Minute by minute' tabindex=0>"
        "<table><thead><tr><th "
        f"scope=col>Time</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )
