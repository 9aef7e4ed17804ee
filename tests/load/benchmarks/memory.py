"""Goal 10: the memory of one cached token, measured as the memory of the process."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from importlib import import_module
from math import floor
from pathlib import Path
from typing import Any, Final

from tests.load.benchmarks.measure import Row, Spread
from tests.load.benchmarks.tokens import AUDIENCE, ISSUER, SCOPE, make_guard, make_issuer

SIZES: Final = (100_000, 1_000_000)
_CLIENTS: Final = 200


def measure(rounds: int) -> list[Row]:
    """Fill a cache of each size in a process of its own."""
    sizes = SIZES if rounds >= 20 else SIZES[:1]
    rows = []
    for size in sizes:
        theirs = in_a_process("peer", size) if size == SIZES[0] else None
        taken, unasked = in_a_process("ours", size), in_a_process("unasked", size)
        rows.append(
            Row(
                goal=10,
                name=f"memory per cached token, 8 claims, {size:,} tokens",
                limit=750,
                unit="bytes",
                ours=Spread(taken, taken, taken),
                beside={"before a handler asks for its claims": Spread(unasked, unasked, unasked)},
                peers={}
                if theirs is None
                else {"cachetools TTL of fastmcp's AccessToken": _single(theirs)},
                note="resident memory after minus before, divided by the tokens",
            )
        )
    return rows


def _single(value: float | str) -> Spread | str:
    return value if isinstance(value, str) else Spread(value, value, value)


def in_a_process(whose: str, size: int) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", __name__, whose, str(size)],
        check=False,
        capture_output=True,
        text=True,
    )
    try:
        return float(done.stdout)
    except ValueError:
        if whose != "peer":
            raise RuntimeError(done.stderr) from None
        return "not installed"


def claims_of(number: int, now: int) -> dict[str, Any]:
    """Return eight claims as JSON gives them: every text a new object."""
    text = json.dumps(
        {
            "iss": ISSUER,
            "sub": f"user-{number}",
            "aud": AUDIENCE,
            "client_id": f"client-{number % _CLIENTS}",
            "scope": SCOPE,
            "iat": now,
            "exp": now + 3600 + number % 1000,
            "jti": f"{number:032x}",
        }
    )
    claims: dict[str, Any] = json.loads(text)
    return claims


def keeper(size: int) -> tuple[Any, Callable[[int], bytes]]:
    """Return a guard's cache and a function that adds token `number` to it as the guard adds a
    verified JWT.

    The signature is left out: a million of them would take minutes and no memory.
    """
    from iiniit_guard.core.cache.entry import CacheEntry, KeyValidity
    from iiniit_guard.core.model.access_token import AccessToken

    guard = make_guard(make_issuer(), max_cached_tokens=size, max_cached_bytes=1024 * size)
    server, cache, validity, now = (
        guard._engine.resource.servers[0],
        guard._engine.resource.cache,
        KeyValidity(),
        int(time.time()),
    )

    def keep(number: int) -> bytes:
        claims = claims_of(number, now)
        token = server.checks.check(claims, now, introspected=False)
        if not isinstance(token, AccessToken):
            raise TypeError("the claims are refused")
        digest = sha256(b"%d" % number).digest()
        ends, ends_monotonic = (
            floor(time.time()) + 3000,
            floor(time.monotonic()) + 3000,
        )  # whole seconds, as core/verify_jwt.py
        cache.keep(
            digest,
            CacheEntry(token, server.checks.valid_from(claims), ends, ends_monotonic, validity),
        )
        return digest

    return cache, keep


def _fill_ours(size: int, *, asked: bool = True) -> object:
    cache, keep = keeper(size)
    before = _resident()
    for number in range(size):
        token = cache.get(keep(number))
        if asked:
            token.claims  # noqa: B018 - they are made now
    _say((_resident() - before) / size)
    return cache


def _fill_peer(size: int) -> object:
    model = import_module("fastmcp.server.auth").AccessToken
    cachetools = import_module("cachetools")
    cache = cachetools.TTLCache(size, 3600)
    now = int(time.time())
    before = _resident()
    for number in range(size):
        claims = claims_of(number, now)
        cache[sha256(b"%d" % number).hexdigest()] = model(
            token=f"{number:0900}",
            client_id=claims["client_id"],
            scopes=claims["scope"].split(),
            expires_at=claims["exp"],
            claims=claims,
        )
    _say((_resident() - before) / size)
    return cache


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _say(bytes_per_token: float) -> None:
    print(bytes_per_token, flush=True)
    os._exit(0)  # freeing a million objects takes longer than visiting them


if __name__ == "__main__":
    fill: dict[str, Callable[[int], object]] = {
        "ours": _fill_ours,
        "unasked": partial(_fill_ours, asked=False),
        "peer": _fill_peer,
    }
    fill[sys.argv[1]](int(sys.argv[2]))
