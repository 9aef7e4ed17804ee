"""Goal 10: no pause over 5 ms for a refresh. The waiting time of a valid token while metadata and
100 new keys are fetched and parsed.

The authorization server is a separate process, and the collector is off. The result is the work of
the package apart from that for the token.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import tempfile
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.request import urlopen

from iiniit_guard import Guard, TrustedIssuer
from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.request import Request
from iiniit_guard.testing import Issuer
from iiniit_guard.testing.keys import SigningKey, make_key
from tests.load.benchmarks.measure import Part, Row
from tests.load.benchmarks.pauses import LIMIT, NOTE, longest_of
from tests.load.benchmarks.refresh_server import SETS, Documents
from tests.load.benchmarks.tokens import AUDIENCE, token_of
from tests.load.benchmarks.waits import Waits, own_time

_KEYS: Final = 100
_ISSUERS: Final = (1, 100, 1_000)
_DUE_AFTER: Final = (
    3_300.0  # after the begin of the early refresh of both documents, and before their expiry
)
_TURNS_AFTER: Final = 4_000
_LONGEST_SECONDS: Final = 10.0


def measure(rounds: int) -> list[Row]:
    """Replace all keys while a valid token is verified continuously, on an event loop and in a
    thread.
    """
    times = 3 if rounds >= 20 else 2
    ways = {"on an event loop": _on_a_loop, "in threads": _in_a_thread}
    parts: dict[str, list[Part]] = {way: [] for way in ways}
    for algorithm in ("RS256", "EdDSA"):
        for issuers in _ISSUERS if rounds >= 20 else _ISSUERS[:2]:
            with _server(algorithm) as server, _asked(server, issuers) as asked:
                for way, ask in ways.items():
                    waits = ask(asked, times)
                    parts[way].append(
                        waits.part(f"{_KEYS} new {algorithm} keys; issuers trusted: {issuers:,}")
                    )
    return [
        Row(
            10,
            f"longest wait of a good token {way}, for {_KEYS} new keys",
            LIMIT,
            longest_of(parts[way]),
            unit="ms",
            note=NOTE,
            parts=parts[way],
        )
        for way in ways
    ]


@dataclass(frozen=True, slots=True)
class _Server:
    url: str
    tokens: list[Request]  # one for each set of keys

    def rotate(self) -> None:
        with urlopen(f"{self.url}/rotate") as reply:
            reply.read()


@contextmanager
def _server(algorithm: str) -> Iterator[_Server]:
    signing = [make_key(algorithm, "refreshes", number) for number in range(SETS)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sets.json")
        path.write_text(json.dumps([_jwk_set(key, number) for number, key in enumerate(signing)]))
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(path)], stdout=subprocess.PIPE, text=True
        )
        try:
            url = str(process.stdout and process.stdout.readline()).strip()
            issuer = Issuer(url, AUDIENCE, algorithm=algorithm)
            tokens = [
                token_of(issuer, number=number, sign_with=key, expires_in=10**7)
                for number, key in enumerate(signing)
            ]
            yield _Server(
                url,
                [
                    Request("GET", "/me", headers=[(b"authorization", b"Bearer " + token.encode())])
                    for token in tokens
                ],
            )
        finally:
            process.terminate()
            process.wait()


def _jwk_set(key: SigningKey, number: int) -> dict[str, Any]:
    """Return a set with one signing key. RSA keys take a tenth of a second each to generate, so the
    others are random odd numbers.
    """
    chance = Random(number)
    keys = [key.jwk()]
    for position in range(1, _KEYS):
        name = {"kid": f"set-{number}-key-{position}"}
        if key.algorithm == "EdDSA":
            keys.append({**make_key("EdDSA", f"set-{number}", position).jwk(), **name})
        else:
            modulus = (1 << 2047) | chance.getrandbits(2047) | 1
            keys.append(
                {
                    **key.jwk(),
                    **name,
                    "n": urlsafe_b64encode(modulus.to_bytes(256)).rstrip(b"=").decode(),
                }
            )
    return {"keys": keys}


class _Time:
    """Both clocks, which can be advanced, so that no benchmark waits for an hour."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.clock = Clock(lambda: time.time() + self.ahead, lambda: time.monotonic() + self.ahead)


@dataclass(frozen=True, slots=True)
class _Asked:
    guard: Guard
    server: _Server
    now: _Time


@contextmanager
def _asked(server: _Server, issuers: int) -> Iterator[_Asked]:
    """Create a guard that has the keys of this number of issuers, those of this server last."""
    gc.disable()
    now = _Time()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "keys.json")
        path.write_text(
            json.dumps({"keys": [make_key("EdDSA", "others", number).jwk() for number in (1, 2)]})
        )
        others = [
            TrustedIssuer(
                issuer=f"https://issuer-{number}.example", audience=AUDIENCE, jwks_file=str(path)
            )
            for number in range(issuers - 1)
        ]
        asked = TrustedIssuer(
            issuer=server.url, audience=AUDIENCE, insecure_http_hosts=["127.0.0.1"]
        )
        with Guard(issuers=[*others, asked], clock=now.clock) as guard:
            missing = asyncio.run(guard.warm_up_async())
            if missing:
                raise RuntimeError("; ".join(missing))
            yield _Asked(guard, server, now)
    gc.enable()


def _on_a_loop(asked: _Asked, times: int) -> Waits:
    """Return the longest turn of the loop, because a request may arrive at its begin."""
    waits = Waits()

    async def ask() -> None:
        for _ in range(times):
            refresh = _Refresh(asked)
            own, wall = own_time(), time.perf_counter()
            while not refresh.is_over():
                decision = await asked.guard.authenticate_async(refresh.request())
                await asyncio.sleep(0)
                own_now, wall_now = own_time(), time.perf_counter()
                if refresh.counts(decision):
                    waits.add(own_now - own, wall_now - wall)
                own, wall = own_now, wall_now

    asyncio.run(ask())
    return waits


def _in_a_thread(asked: _Asked, times: int) -> Waits:
    """Return the wait for the interpreter lock, which the thread that parses the keys holds: all
    CPU time of the process meanwhile.
    """
    waits = Waits()
    for _ in range(times):
        refresh = _Refresh(asked)
        own, wall = time.process_time(), time.perf_counter()
        while not refresh.is_over():
            decision = asked.guard.authenticate(refresh.request())
            own_now, wall_now = time.process_time(), time.perf_counter()
            if refresh.counts(decision):
                waits.add(own_now - own, wall_now - wall)
            own, wall = own_now, wall_now
    return waits


class _Refresh:
    """One rotation, from the moment at which the documents are due until some turns after the new
    keys are there.
    """

    def __init__(self, asked: _Asked) -> None:
        self._keys = asked.guard._engine.resource.servers[-1].keys
        self._before = self._keys.value
        kids = set() if self._before is None else {key.kid for key in self._before.keys}
        self._tokens = asked.server.tokens
        self._old = 0 if "set-0-key-1" in kids else 1
        self._asked = self._old
        self._left = _TURNS_AFTER
        self._deadline = time.monotonic() + _LONGEST_SECONDS
        asked.server.rotate()
        asked.now.ahead += _DUE_AFTER

    def request(self) -> Request:
        self._asked = self._old if self._keys.value is self._before else 1 - self._old
        return self._tokens[self._asked]

    def is_over(self) -> bool:
        if self._keys.value is not self._before:
            self._left -= 1
        elif time.monotonic() > self._deadline:
            raise RuntimeError("the keys were not fetched")
        return self._left < 0

    def counts(self, decision: object) -> bool:
        """Return whether the verified token is valid; the old token is not valid after the new keys
        have arrived.
        """
        if isinstance(decision, Allow):
            return True
        if self._asked == self._old and self._keys.value is not self._before:
            return False
        raise RuntimeError(f"a good token was refused: {decision}")


if __name__ == "__main__":
    documents = Documents(json.loads(Path(sys.argv[1]).read_text()))
    print(documents.url, flush=True)
    documents.serve_forever()
