"""Snapshots for tests of the status page: every state of a sidecar."""

from __future__ import annotations

import math
import random
from typing import Any

from iiniit_guard.sidecar.status.history import BOUNDS, History, Snapshot

NOW = 1_900_000_020.0  # 20 s into a minute
HOSTILE = "<script>alert('x')</script>\"'&<img src=x onerror=alert(1)>\u202egnp\x00\x1b"


def issuer(name: str = "https://auth.example", **members: Any) -> dict[str, Any]:
    """Return an issuer as `describe_issuers` does."""
    usual = {
        "jwt": "verify",
        "introspects": True,
        "healthy": True,
        "keys": 3,
        "keys_age": 245.0,
        "calls": 136,
        "errors": {},
        "since": {},
    }
    return {"issuer": name, **usual, **members}


def whole(numbers: Snapshot, *issuers: dict[str, Any], **members: Any) -> Snapshot:
    """Return a snapshot as `Sidecar.snapshot` does, of a healthy site."""
    usual = {
        "issuers": list(issuers) or [issuer()],
        "store": None,
        "ready": True,
        "unready": [],
        "settings": {"loaded_at": NOW - 7200, "faults": []},
        "gateway": "nginx",
        "workers": 2,
    }
    return {**numbers, **usual, **members}


def nothing() -> Snapshot:
    """The numbers of a process that has just started."""
    return History(lambda: NOW).snapshot()


def busy(minutes: int = 60, outage: range = range(0), seed: int = 4) -> Snapshot:
    """The numbers of a day's end: a wave of requests, some refusals, and perhaps an outage.

    Args:
        minutes: How many there are; 60 is the whole hour.
        outage: In which minutes the issuer failed.
        seed: Of the noise.
    """
    noise = random.Random(seed)
    made = [
        _minute(int(NOW // 60) - minutes + 1 + number, number, number in outage, noise)
        for number in range(minutes)
    ]
    made[-1] = _minute(int(NOW // 60), minutes, False, noise, share=1 / 3)
    counts: dict[tuple[str, str, str], int] = {}
    for decision, reason, cache, number in (row for minute in made for row in minute["counts"]):
        counts[decision, reason, cache] = counts.get((decision, reason, cache), 0) + number * 5
    total = {
        "minute": 0,
        "counts": [[*key, number] for key, number in sorted(counts.items())],
        "latency": {
            cache: [
                5 * sum(row)
                for row in zip(*(minute["latency"][cache] for minute in made), strict=True)
            ]
            for cache in made[0]["latency"]
        },
        "seconds": {},
        "calls": 5 * sum(minute["calls"] for minute in made),
    }
    return {"started": NOW - 5 * 3600, "now": NOW, "minutes": made, "total": total}


def _minute(
    minute: int, number: int, fails: bool, noise: random.Random, share: float = 1.0
) -> dict[str, Any]:
    asked = int((2600 + 900 * math.sin(number / 9) + noise.randrange(-180, 180)) * share)
    misses, refused = asked // (40 + number % 7), asked // 60
    lost = misses * 4 if fails else 0
    hits = asked - misses - refused - lost
    reasons = {
        "no_token": 5,
        "expired": 4,
        "missing_scope": 3,
        "inactive": 2,
        "bad_signature": 1,
        "no_rule": 1,
        "malformed_token": 1,
    }
    counts: list[list[Any]] = [
        ["allow", "", "hit", hits],
        ["allow", "", "miss", 0 if fails else misses],
    ]
    counts += [
        ["deny", reason, "none", refused * weight // 17] for reason, weight in reasons.items()
    ]
    counts += [["unavailable", "issuer_unavailable", "miss", lost]] if fails else []
    latency = {cache: [0] * (len(BOUNDS) + 1) for cache in ("hit", "miss", "none")}
    latency["hit"][1], latency["hit"][2], latency["hit"][3] = (
        hits * 7 // 10,
        hits * 2 // 10,
        hits // 10,
    )
    latency["miss"][14 if fails else 9 + number % 2] = misses + lost
    latency["none"][2] = refused
    calls = 3 if fails else misses
    return {
        "minute": minute,
        "counts": counts,
        "latency": latency,
        "seconds": {"hit": 0.1, "miss": 0.1, "none": 0.1},
        "calls": calls,
    }


def site(name: str) -> Snapshot:
    """Return the snapshot of a named state.

    Args:
        name: `started`, `starting`, `healthy`, `outage`, `many`, `long`, `hostile`.
    """
    down = {
        "introspection": "introspection: the server could not be reached lately",
        "keys": "jwks: status 500",
    }
    if name == "started":
        return whole({**nothing(), "started": NOW - 40}, workers=1)
    if name == "starting":
        reason = "https://auth.example: jwks: the last attempt failed (connection refused)"
        waiting = issuer(healthy=False, keys=None, keys_age=None, calls=0)
        return whole(nothing(), waiting, ready=False, unready=[reason], workers=1)
    if name == "healthy":
        partner = issuer(
            "https://login.partner.example/realms/main",
            introspects=False,
            keys=2,
            keys_age=1904.0,
            calls=0,
        )
        legacy = issuer(
            "https://legacy.example/oauth", jwt="introspect", keys=None, keys_age=None, calls=4120
        )
        return whole(busy(), issuer(calls=13360), partner, legacy)
    if name == "outage":
        sick = issuer(healthy=False, errors=down, keys_age=2710.0, calls=12961)
        faults = ["server.colour: unknown setting", "rules[3].scope: must be a string"]
        return whole(
            busy(outage=range(49, 59)),
            sick,
            issuer("https://b.example"),
            settings={"loaded_at": NOW - 7200, "faults": faults},
        )
    if name == "many":
        them = [
            issuer(f"https://tenant-{number:03}.auth.example/oauth2", keys_age=60.0 * number)
            for number in range(140)
        ]
        return whole(
            busy(25), *them, issuer("https://tenant-777.auth.example", healthy=False, errors=down)
        )
    if name == "long":
        return whole(
            busy(),
            issuer(
                "https://" + "a-very-long-name-" * 20 + ".example/" + "x" * 300,
                errors={"metadata": "m" * 700},
            ),
        )
    numbers = busy()
    numbers["minutes"][3]["counts"] += [["deny", HOSTILE, "none", 9_000_000_000]]
    numbers["total"]["counts"] += [["deny", HOSTILE, "none", 9_000_000_000]]
    bad = issuer(HOSTILE, jwt=HOSTILE, errors={HOSTILE: HOSTILE})
    return whole(
        numbers,
        bad,
        gateway=HOSTILE,
        ready=False,
        unready=[HOSTILE],
        settings={"loaded_at": NOW, "faults": [HOSTILE]},
    )


SITES = ("started", "starting", "healthy", "outage", "many", "long", "hostile")
