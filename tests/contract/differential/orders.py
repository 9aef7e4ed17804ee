"""Orders of events: tokens are issued and revoked, keys rotate, the issuer fails and
time passes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from random import Random
from typing import Final

from iiniit_guard import Guard, Request
from iiniit_guard.testing import SettableClock
from tests.contract.differential.compare import (
    START,
    Difference,
    MakeGuard,
    Server,
    Tally,
    make,
    naive,
    said,
    word,
)
from tests.contract.differential.generate import AUDIENCE, ISSUER, KEYS, good_claims
from tests.contract.differential.naive import Facts, Trust, verify_jwt
from tests.contract.differential.tokens import make_token

# documented: without a lifetime in the response, a key set and the tokens that it verified are used
# for 10 minutes
LONGEST_KEY_SECONDS: Final = 600
LONGEST_STALE_SECONDS: Final = (
    4_500  # documented: while the issuer fails, the last valid key set is used for another hour
)
COOL_DOWN_SECONDS: Final = 31  # documented: an unknown key causes one fetch in 30 s
RECOVERY_SECONDS: Final = (
    120  # documented: retries after a failure are delayed, and the circuit breaker opens for a time
)
DELAY_SECONDS: Final = 60  # documented: revocation_delay_seconds


class History:
    """The state of one issuer, and the answers that the guard may give about each token now."""

    def __init__(self, random: Random, make_guard: MakeGuard) -> None:
        self.random, self.clock, self.server = random, SettableClock(START), Server()
        self.published: dict[str, float] = {key["kid"]: 0.0 for key in KEYS}
        self.withdrawn: dict[str, float] = {}
        self.opaque: dict[str, tuple[float, float | None]] = {}  # exp and the time of revocation
        self.jwts: list[tuple[str, str]] = []  # token and kid
        self.down_at = -1e9
        self.server.introspect = self._introspect
        self.guard = make(make_guard, self.server, self.clock, {}, introspects=True)

    def _introspect(self, body: bytes) -> tuple[int, str, bytes]:
        token = body.partition(b"token=")[2].partition(b"&")[0].decode()
        expires, revoked = self.opaque.get(token, (0.0, None))
        active = revoked is None and self.clock.wall() < expires
        claims = {**good_claims(self.clock.wall()), "exp": expires, "active": True, "sub": token}
        return 200, "application/json", json.dumps(claims if active else {"active": False}).encode()

    def act(self) -> str:
        """Perform one random event; return its name."""
        event = self.random.choice(
            ["issue", "issue", "revoke", "rotate", "wait", "wait", "wait", "fail", "mend", "mend"]
        )
        now = self.clock.wall()
        if event == "issue" and self.random.random() < 0.5:
            self.opaque[f"o{len(self.opaque)}"] = (
                now + self.random.choice([3, 30, 300, 3000]),
                None,
            )
        elif event == "issue":
            random = Random(self.random.random())
            token, _ = make_token(random, now, strict=False)
            self.jwts.append((token, ""))
        elif event == "revoke" and self.opaque:
            name = self.random.choice(list(self.opaque))
            expires, revoked = self.opaque[name]
            self.opaque[name] = (expires, now if revoked is None else revoked)
        elif event == "rotate":
            kid = self.random.choice([key["kid"] for key in KEYS])
            if kid in self.published and len(self.published) > 1:
                del self.published[kid]
                self.withdrawn[kid] = now
            else:
                self.published.setdefault(kid, now)
            self.server.keys = [key for key in KEYS if key["kid"] in self.published]
        elif event == "wait":
            self.clock.advance(
                self.random.choice([0.5, 1, 4, 9, 29, 31, 59, 60, 61, 299, 601, 1000])
            )
        elif event in ("fail", "mend"):
            if self.server.is_down:
                self.down_at = self.clock.wall()
            self.server.is_down = event == "fail" and self.random.random() < 0.3
        if self.server.is_down:
            self.down_at = self.clock.wall()
        return event

    def allowed(self, token: str) -> set[str]:
        """Return the answers about a token that are correct at this moment."""
        now = self.clock.wall()
        if self.server.is_down:
            self.down_at = now
        quiet = now - self.down_at > RECOVERY_SECONDS
        unknown = set() if quiet else {"unknown"}
        if "." in token:
            return self._allowed_jwt(token, now, unknown)
        expires, revoked = self.opaque.get(token, (0.0, None))
        if now >= expires + 5 or (revoked is not None and now >= revoked + DELAY_SECONDS):
            return {"refused"} | unknown
        return (
            {"good"} | unknown | ({"refused"} if revoked is not None or now >= expires else set())
        )

    def _allowed_jwt(self, token: str, now: float, unknown: set[str]) -> set[str]:
        if not isinstance(
            naive(lambda: verify_jwt(token, Trust(ISSUER, AUDIENCE, keys=KEYS), now)), Facts
        ):
            return {"refused"} | unknown
        answers = set(unknown)
        for chosen in (self.published, self.withdrawn):
            keys = [key for key in KEYS if key["kid"] in chosen]
            if not isinstance(
                naive(lambda keys=keys: verify_jwt(token, Trust(ISSUER, AUDIENCE, keys=keys), now)),
                Facts,
            ):
                continue
            if chosen is self.published:
                since = max(chosen[key["kid"]] for key in keys)
                answers |= (
                    {"good"}
                    if now - since > COOL_DOWN_SECONDS and not unknown
                    else {"good", "refused"}
                )
                return answers
            gone = max(chosen[key["kid"]] for key in keys)
            longest = (
                LONGEST_KEY_SECONDS
                if now - self.down_at > LONGEST_STALE_SECONDS
                else LONGEST_STALE_SECONDS
            )
            answers |= {"good", "refused"} if now - gone <= longest else {"refused"}
        return answers


async def _run_history(
    seed: str, steps: int, make_guard: MakeGuard, tally: Tally
) -> list[Difference]:
    random = Random(seed)
    history, found, events = History(random, make_guard), [], []
    for step in range(steps):
        events.append(history.act())
        tokens = [*history.opaque, *(token for token, _ in history.jwts), "never-issued"]
        for token in random.sample(tokens, min(2, len(tokens))):
            allowed = history.allowed(token)
            request = Request(
                "GET",
                "/",
                headers=[(b"authorization", b"Bearer " + token.encode("utf-8", "replace"))],
            )
            answer = said(await history.guard.authenticate_async(request))
            got = word(answer)
            tally[got] += 1
            if got not in allowed:
                found.append(
                    Difference(
                        "order",
                        f"{seed} step {step}",
                        sorted(allowed),
                        got,
                        tuple(events[-12:]),
                        token,
                    )
                )
            for _ in range(3):  # refreshes ahead of expiry run concurrently with the requests
                await asyncio.sleep(0)
    await history.guard.aclose()
    return found


def compare_orders(
    seed: int, number: int, tally: Tally, *, steps: int = 40, make_guard: MakeGuard = Guard
) -> Iterator[Difference]:
    """Compare verdicts while tokens are issued and revoked, keys rotate, the issuer fails and time
    passes, in any order.
    """
    with asyncio.Runner() as runner:
        for index in range(number):
            yield from runner.run(_run_history(f"{seed} order {index}", steps, make_guard, tally))
