"""Goals 7, 8 and 9: the number of calls to the authorization server, and the requests that wait for
them. A real server on loopback counts.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from threading import Thread
from typing import Any, Final

from iiniit_guard import Guard
from iiniit_guard.core.model.decision import Allow, Unavailable
from iiniit_guard.core.model.request import Request
from iiniit_guard.testing import Issuer
from iiniit_guard.testing.keys import make_key
from tests.load.benchmarks import peers
from tests.load.benchmarks.loopback import HANG_SECONDS, Upstream, guard_for, upstream
from tests.load.benchmarks.measure import Row, Spread, spread_of
from tests.load.benchmarks.processes import free_port
from tests.load.benchmarks.tokens import token_of

_PROCESSES: Final = 4
_POPULATION: Final = 100
SECRET: Final = "a secret of a benchmark, long enough"


def request(token: str) -> Request:
    """Return a GET with `token`."""
    return Request("GET", "/me", headers=[(b"authorization", b"Bearer " + token.encode())])


def measure(rounds: int) -> list[Row]:
    """Run the three goals."""
    return [
        *_first_requests(),
        _cluster(),
        *_unknown_keys(),
        _hanging_refresh(max(3, rounds // 10)),
    ]


def _exactly(value: float) -> Spread:
    return Spread(value, value, value)


# Goal 7


def _first_requests() -> list[Row]:
    rows = []
    for name, ask in (("200 tasks", _ask_in_tasks), ("200 threads", _ask_in_threads)):
        with upstream() as server, guard_for(server.url) as guard:
            ask(guard)
            ours = server.calls["introspection"]
        theirs: dict[str, Spread | str] = {}
        if name == "200 tasks":
            calls = peers.peer(_fastmcp_first_requests)
            theirs["fastmcp"] = calls if isinstance(calls, str) else _exactly(calls)
        rows.append(
            Row(
                7,
                f"200 concurrent first requests, one opaque token, {name}",
                1,
                _exactly(ours),
                unit="calls",
                peers=theirs,
            )
        )
    return rows


def _ask_in_tasks(guard: Guard) -> None:
    async def ask() -> None:
        decisions = await asyncio.gather(
            *(guard.authenticate_async(request("opaque")) for _ in range(200))
        )
        await guard.aclose()
        _all_allowed(decisions)

    asyncio.run(ask())


def _ask_in_threads(guard: Guard) -> None:
    decisions: list[object] = []
    threads = [
        Thread(target=lambda: decisions.append(guard.authenticate(request("opaque"))))
        for _ in range(200)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _all_allowed(decisions)


def _all_allowed(decisions: Any) -> None:
    if not all(isinstance(decision, Allow) for decision in decisions):
        raise RuntimeError("a good token was refused")


def _fastmcp_first_requests() -> int:
    provider = import_module("fastmcp.server.auth.providers.introspection")

    async def ask(url: str) -> None:
        verifier = provider.IntrospectionTokenVerifier(
            introspection_url=f"{url}/introspect",
            client_id="api",
            client_secret="s",
            cache_ttl_seconds=300,
        )
        await asyncio.gather(*(verifier.verify_token("opaque") for _ in range(200)))

    with upstream() as server:
        asyncio.run(ask(server.url))
        return server.calls["introspection"]


def _cluster() -> Row:
    """Present the same tokens to four processes with one store, in a different order to each."""
    redis = shutil.which("redis-server")
    if redis is None:
        raise RuntimeError("redis-server is not installed")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, upstream() as server:
        store = subprocess.Popen(
            [redis, "--port", str(port), "--dir", folder, "--save", "", "--bind", "127.0.0.1"],
            stdout=subprocess.DEVNULL,
        )
        try:
            time.sleep(0.5)
            command = [sys.executable, "-m", __name__, server.url, f"redis://127.0.0.1:{port}"]
            members = [subprocess.Popen([*command, str(number)]) for number in range(_PROCESSES)]
            if any(member.wait() for member in members):
                raise RuntimeError("a process of the cluster failed")
        finally:
            store.terminate()
            store.wait()
        per_token = server.calls["introspection"] / _POPULATION
    return Row(
        7,
        f"one call per token and cluster: {_PROCESSES} processes, Redis",
        1.1,
        _exactly(per_token),
        unit="calls",
        note="per token",
    )


def _be_one_of_a_cluster(url: str, store_url: str, number: int) -> None:
    with guard_for(url, store_url=store_url, store_secret=SECRET) as guard:
        for turn in range(_POPULATION):
            place = (turn + number * _POPULATION // _PROCESSES) % _POPULATION
            _all_allowed([guard.authenticate(request(f"opaque-{place}"))])


# Goal 8


def _unknown_keys() -> list[Row]:
    rows = []
    for failing in (False, True):
        with upstream() as server, guard_for(server.url) as guard:
            guard.verify(token_of(server.issuer))
            strangers = _of_unknown_keys(server.issuer)
            server.calls.clear()
            server.keys_fail = failing
            started = time.monotonic()
            for token in strangers:
                guard.authenticate(request(token))
            cooldowns = 1 + int((time.monotonic() - started) / 30)
            ours = server.calls["keys"] / cooldowns
            # called at once
            theirs = peers.peer(lambda: _pyjwt_unknown_keys(server, strangers))  # noqa: B023
        name = "1,000 unknown key IDs" + (" while the endpoint fails" if failing else "")
        found = theirs if isinstance(theirs, str) else _exactly(theirs)
        rows.append(
            Row(
                8,
                name,
                1,
                _exactly(ours),
                unit="fetches",
                peers={"PyJWKClient": found},
                note="per cool-down",
            )
        )
    return rows


def _of_unknown_keys(issuer: Issuer) -> list[str]:
    key = make_key("EdDSA", "a stranger")
    return [
        issuer.token(header={"kid": f"unknown-{number}"}, sign_with=key) for number in range(1000)
    ]


def _pyjwt_unknown_keys(server: Upstream, tokens: list[str]) -> int:
    import jwt

    client = jwt.PyJWKClient(f"{server.url}/jwks")
    server.calls.clear()
    for token in tokens:
        try:
            client.get_signing_key_from_jwt(token)
        except jwt.PyJWTError:
            continue
    return server.calls["keys"]


# Goal 9


def _hanging_refresh(times: int) -> Row:
    ours = [_wait_behind_refresh() for _ in range(times)]
    theirs = peers.peer(_pyjwt_wait)
    return Row(
        goal=9,
        name="a good token while a key refresh hangs for 2 s",
        limit=5,
        unit="ms",
        ours=spread_of(ours),
        peers={"PyJWKClient": theirs if isinstance(theirs, str) else _exactly(theirs)},
    )


def _wait_behind_refresh() -> float:
    """Return the milliseconds that a new token waits while an unknown key ID causes a fetch of the
    keys.
    """
    with upstream() as server, guard_for(server.url) as guard:
        guard.verify(token_of(server.issuer))
        good, stranger = token_of(server.issuer, number=1), _of_unknown_keys(server.issuer)[0]
        server.keys_hang, asked = True, server.calls["keys"]
        behind = Thread(target=lambda: guard.authenticate(request(stranger)))
        behind.start()
        _until_asked(server, asked)
        started = time.perf_counter()
        decision = guard.authenticate(request(good))
        waited = time.perf_counter() - started
        if isinstance(decision, Unavailable) or not isinstance(decision, Allow):
            raise TypeError("a good token was refused")
        behind.join()
    return waited * 1000


def _until_asked(server: Upstream, before: int) -> None:
    deadline = time.monotonic() + HANG_SECONDS
    while server.calls["keys"] == before:
        if time.monotonic() > deadline:
            raise RuntimeError("nobody fetched the keys")
        time.sleep(0.005)


def _pyjwt_wait() -> float:
    import jwt

    with upstream() as server:
        client = jwt.PyJWKClient(
            f"{server.url}/jwks", cooldown_duration=0
        )  # as it is 30 s after the last fetch
        good, stranger = token_of(server.issuer), _of_unknown_keys(server.issuer)[0]
        client.get_signing_key_from_jwt(good)
        server.keys_hang, asked = True, server.calls["keys"]

        def ask() -> None:
            try:
                client.get_signing_key_from_jwt(stranger)
            except jwt.PyJWTError:
                return

        behind = Thread(target=ask)
        behind.start()
        _until_asked(server, asked)
        started = time.perf_counter()
        client.get_signing_key_from_jwt(good)
        waited = time.perf_counter() - started
        behind.join()
    return waited * 1000


if __name__ == "__main__":
    _be_one_of_a_cluster(sys.argv[1], sys.argv[2], int(sys.argv[3]))
