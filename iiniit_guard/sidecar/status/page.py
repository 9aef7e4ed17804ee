"""The status page for operators: issuers, token cache, refusals and latency over the last hour.

The page holds numbers, the names of issuers and their failures, but no part of any token. It loads
no external resources and runs no script.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from iiniit_guard.adapting.types import Members
from iiniit_guard.sidecar.status.chart import PATTERNS
from iiniit_guard.sidecar.status.formatting import (
    MEANINGS,
    at_most,
    count,
    lasting,
    moment,
    percent,
    shown,
    things,
)
from iiniit_guard.sidecar.status.history import summary
from iiniit_guard.sidecar.status.issuers_table import issuers_section, pill, state_of
from iiniit_guard.sidecar.status.minutes import charts_section
from iiniit_guard.sidecar.status.style import STYLE
from iiniit_guard.sidecar.status.window import Hour, last_hour

if TYPE_CHECKING:
    from iiniit_guard.sidecar.status.history import Snapshot

REFRESH_SECONDS: Final = 15


def render(snapshot: Snapshot, *, live: bool = True) -> str:
    """Return the HTML of the page.

    Args:
        snapshot: The snapshot that `Sidecar.snapshot` returns.
        live: Whether the page reloads itself every `REFRESH_SECONDS`. False lets a reader study
            the tables without interruption.
    """
    hour, since = last_hour(snapshot), summary(snapshot["total"])
    refresh = f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">' if live else ""
    state, words = _state(snapshot, hour)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">{refresh}'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta '
        'name="color-scheme" content="light dark">'
        f"<title>{words} · iiniit-guard</title><style>{STYLE}</style></head><body>{PATTERNS}{_header(snapshot, state, words, live)}<main>"
        f"{_notices(snapshot)}{_tiles(snapshot, hour, since)}{issuers_section(snapshot['issuers'])}"
        f"{charts_section(snapshot['issuers'], hour)}"
        f"{_refusals(hour, since)}</main>"
        '<footer>Times are UTC. The same for machines: <a href="metrics">metrics</a>, <a '
        'href="status.json">status.json</a>.'
        "</footer></body></html>"
    )


def _state(snapshot: Snapshot, hour: Hour) -> tuple[str, str]:
    failing = [issuer for issuer in snapshot["issuers"] if state_of(issuer) == "bad"]
    if failing:
        return "bad", f"{len(failing)} of {things(len(snapshot['issuers']), 'issuer')} failing"
    if not snapshot["ready"]:
        return "wait", "Not ready"
    if snapshot["settings"]["faults"]:
        return "wait", "Old settings in use"
    if _failing_store(snapshot) is not None:
        return "wait", "The shared store is failing"
    unavailable = hour.total["decisions"].get("unavailable", 0)
    if unavailable:
        return "wait", f"{count(unavailable)} answered 503 in the last hour"
    return "good", "All is well"


def _header(snapshot: Snapshot, state: str, words: str, live: bool) -> str:
    workers = things(snapshot["workers"], "worker")
    switch = (
        f'Reloads every {REFRESH_SECONDS} s · <a href="?live=no">Pause</a>'
        if live
        else 'Paused · <a href="?">Reload automatically</a>'
    )
    return (
        f"<header><div><h1>iiniit-guard</h1>{pill(state, words)}"
        f"<p>for {shown(snapshot['gateway'])} · {workers} · <span class=nw>up "
        f"{lasting(snapshot['now'] - snapshot['started'])}</span>"
        f" · <span class=nw>{moment(snapshot['now'])}</span></p><p "
        f"class=live>{switch}</p></div></header>"
    )


def _notices(snapshot: Snapshot) -> str:
    notices = []
    if not snapshot["ready"]:
        notices.append(
            ("Not ready: gateways should not send requests here yet", snapshot["unready"])
        )
    store = _failing_store(snapshot)
    if store is not None:
        notices.append(
            (
                f"The shared store has failed since {moment(store['since'])}",
                [
                    store["failure"],
                    "Each process uses only its own cache of introspection responses.",
                    "Requests with a DPoP proof are answered with 503.",
                ],
            )
        )
    if snapshot["settings"]["faults"]:
        loaded = moment(snapshot["settings"]["loaded_at"])
        notices.append(
            (
                f"The settings file has faults, so those of {loaded} stay in use",
                snapshot["settings"]["faults"],
            )
        )
    return "".join(
        (
            f"<section class='notice wait'><h2>{shown(title)}</h2><ul>"
            f"{''.join(f'<li>{shown(each)}</li>' for each in listed)}</ul></section>"
        )
        for title, listed in notices
    )


def _failing_store(snapshot: Snapshot) -> Members | None:
    store: Members | None = snapshot.get("store")
    return None if store is None or store["failure"] is None else store


def _tiles(snapshot: Snapshot, hour: Hour, since: Members) -> str:
    total, issuers = hour.total, snapshot["issuers"]
    decided, asked = total["decisions"], total["requests"]
    failed = decided.get("unavailable", 0)
    well = sum(state_of(issuer) == "good" for issuer in issuers)
    ages = [issuer["keys_age"] for issuer in issuers if issuer["keys_age"] is not None]
    tiles = [
        (
            "Issuers healthy",
            f"{well} of {len(issuers)}",
            f"oldest keys {lasting(max(ages))}" if ages else "no keys",
        ),
        ("Requests", count(asked), f"{count(since['requests'])} since the start"),
        (
            "Let through",
            percent(decided.get("allow", 0) / asked if asked else None),
            f"{count(decided.get('deny', 0))} refused, {count(failed)} answered 503",
        ),
        (
            "Hit ratio",
            percent(total["hit_ratio"]),
            f"{count(total['hits'])} of {count(total['hits'] + total['misses'])} remembered",
        ),
        (
            "Upstream calls saved",
            count(total["calls_saved"]),
            f"{things(total['calls'], 'call')} made",
        ),
        (
            "Latency, median",
            at_most(total["p50"]),
            ", ".join(
                f"<span class=nw>{share}\u202f% {at_most(total[f'p{share}'])}</span>"
                for share in (95, 99)
            ),
        ),
    ]
    cards = "".join(
        f"<div class='card tile'><h3>{name}</h3><strong>{value}</strong><p>{more}</p></div>"
        for name, value, more in tiles
    )
    return (
        f"<section aria-labelledby=hour><h2 id=hour>The last hour</h2><div class=tiles>"
        f"{cards}</div></section>"
    )


def _refusals(hour: Hour, since: Members) -> str:
    lately, ever = hour.total["refusals"], since["refusals"]
    most = max(lately.values(), default=0)
    rows = "".join(
        f"<tr><td><code>{shown(reason)}</code><small>{shown(MEANINGS.get(reason, ''))}</small>"
        "<svg class=share aria-hidden=true><rect "
        f"width='{100 * lately.get(reason, 0) / max(most, 1):.1f}%' height='100%'/></svg></td>"
        f"<td class=n>{count(lately.get(reason, 0))}</td>"
        f"<td class=n>{count(ever[reason])}</td></tr>"
        for reason in sorted(
            ever, key=lambda reason: (-lately.get(reason, 0), -ever[reason], reason)
        )
    )
    body = (
        "<table><thead><tr><th scope=col>Reason</th><th scope=col class=n>Last hour</th><th "
        "scope=col class=n>Since start</th></tr>"
        f"</thead><tbody>{rows}</tbody></table>"
        if rows
        else "<p class=muted>Nothing was refused since the start.</p>"
    )
    return (
        f"<section aria-labelledby=refusals><h2 id=refusals>Why requests were refused</h2>"
        f"<div class=card>{body}</div></section>"
    )
