"""The guard and the naive verifier asked the same: four kinds of questions, and every difference between their answers."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from iiniit_guard import ClientSecretBasic, Guard, Request
from iiniit_guard.adapting.admission import PASS, make_gate
from iiniit_guard.core.decision import Allow
from iiniit_guard.core.flow import HttpRequest, HttpResponse
from iiniit_guard.core.policy import Policy
from iiniit_guard.core.problem import Problem, Reason
from iiniit_guard.rules import Rule, Rules
from iiniit_guard.testing import SettableClock
from tests.differential.generate import AUDIENCE, ISSUER, KEYS, good_claims, make_answer, make_query, make_token
from tests.differential.naive import Facts, Refused, Trust, Unknown, check_query, read_answer, verify_jwt
from tests.differential.paths import PLAIN, make_path, readings, route

START: Final = 1_800_000_000.0
Settings = dict[str, Any]
MakeGuard = Callable[..., Any]
Tally = Counter[str]
"""How often the guard gave each answer: a comparison in which nothing is accepted shows nothing."""


class Difference(NamedTuple):
    """One question that was answered in two ways.

    Attributes:
        kind: Of question.
        seed: Which makes the question again.
        expected: The naive verifier's answer.
        got: The guard's.
        about: The names of what was changed.
        text: The question.
    """

    kind: str
    seed: str
    expected: object
    got: object
    about: tuple[str, ...]
    text: str


class Server:
    """An authorization server for one guard: its keys, and the answer to the next introspection."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = list(KEYS)
        self.answer: tuple[int, str, bytes] = (200, "application/json", b'{"active":false}')
        self.introspect: Callable[[bytes], tuple[int, str, bytes]] = lambda body: self.answer
        self.is_down = False

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if self.is_down:
            return HttpResponse(503)
        if request.url.endswith("/jwks"):
            return HttpResponse(200, (("content-type", "application/json"),), json.dumps({"keys": self.keys}).encode())
        status, media_type, body = self.introspect(request.body)
        return HttpResponse(status, (("content-type", media_type),), body)


TRUSTS: Final[tuple[tuple[Trust, Settings], ...]] = (
    (Trust(ISSUER, AUDIENCE, keys=KEYS), {}),
    (Trust(ISSUER, AUDIENCE, keys=KEYS, profile="rfc9068"), {"profile": "rfc9068"}),
    (
        Trust(ISSUER, AUDIENCE, keys=KEYS, required={"tenant": "one"}, roles="roles"),
        {"require_claim": {"tenant": "one"}, "scope_claims": ["roles"]},
    ),
)


def make(make_guard: MakeGuard, server: Server, clock: SettableClock, settings: Settings, *, introspects: bool) -> Any:
    """Make a guard that asks `server`."""
    way = {"introspection": ClientSecretBasic("api", "secret"), "introspection_endpoint": ISSUER + "/introspect"} if introspects else {}
    return make_guard(issuer=ISSUER, audience=AUDIENCE, jwks_uri=ISSUER + "/jwks", clock=clock.clock, transport=server, **way, **settings)


def said(decision: Any) -> object:
    """Return a decision in the naive verifier's words."""
    if isinstance(decision, Allow):
        token = decision.token
        assert token is not None
        return Facts(token.subject, token.client_id, token.scopes)
    return "unknown" if decision.status == 503 else "refused"


def _word(answer: object) -> str:
    return answer if isinstance(answer, str) else "good"


def naive(ask: Callable[[], Facts]) -> object:
    """Return the naive verifier's answer."""
    try:
        return ask()
    except Refused:
        return "refused"
    except Unknown:
        return "unknown"


def compare_tokens(seed: int, number: int, tally: Tally, *, marks: bool = True, make_guard: MakeGuard = Guard) -> Iterator[Difference]:
    """Compare verdicts on JWTs; each is shown twice, so that what is remembered is judged too, with a step of the clock in between."""
    clock = SettableClock(START)
    guards = [make(make_guard, Server(), clock, settings, introspects=False) for _, settings in TRUSTS]
    for index in range(number):
        random = Random(f"{seed} token {index}")
        trust, guard = random.choice(list(zip((trust for trust, _ in TRUSTS), guards, strict=True)))
        token, names = make_token(random, clock.wall(), strict=trust.profile == "rfc9068", marks=marks, more_claims=trust.required)
        query = make_query(random)
        request = Request("GET", "/", query, [(b"authorization", b"Bearer " + token.encode("utf-8", "replace"))])

        def ask(token: str = token, query: bytes = query, trust: Trust = trust) -> Facts:
            check_query(query)
            return verify_jwt(token, trust, clock.wall())

        for step in ("first", "again"):
            expected, got = naive(ask), said(guard.authenticate(request))
            tally[_word(got)] += 1
            if expected != got:
                yield Difference("token", f"{seed} token {index} {step}", expected, got, tuple(names), f"{trust.profile} {token} {query!r}")
            clock.advance(random.choice([0, 0, 0.5, 1, 4, 5, 30]))


def compare_answers(seed: int, number: int, tally: Tally, *, marks: bool = True, make_guard: MakeGuard = Guard) -> Iterator[Difference]:
    """Compare verdicts on introspection answers."""
    clock, server, numbers = SettableClock(START), Server(), count()
    guards = [make(make_guard, server, clock, settings, introspects=True) for trust, settings in TRUSTS]
    for index in range(number):
        random = Random(f"{seed} answer {index}")
        at = random.choice([0, 2] if not marks else [0, 1, 2])
        trust, guard = TRUSTS[at][0], guards[at]
        status, media_type, body, names = make_answer(random, clock.wall(), marks=marks, more_claims=trust.required)
        server.answer = status, media_type, body
        request = Request("GET", "/", headers=[(b"authorization", b"Bearer opaque-%d" % next(numbers))])
        expected, got = naive(lambda trust=trust: read_answer(*server.answer, trust, clock.wall())), said(guard.authenticate(request))
        tally[_word(got)] += 1
        if expected != got:
            yield Difference("answer", f"{seed} answer {index}", expected, got, tuple(names), f"{trust.profile} {server.answer}")
        clock.advance(random.choice([0, 1]))


RULES: Final = (("ab", "/a/b"), ("a", "/a/<x>"), ("admin", "/admin/<path:p>"), ("open", "/open/<path:p>"), ("n", "/n/<int:n>"))


def compare_paths(seed: int, number: int, tally: Tally, *, rules: Any = None) -> Iterator[Difference]:
    """Compare what rules say of a raw target with every reading of it: all readings that meet a rule must meet the one that was applied."""
    ours = rules or Rules([Rule("GET", path, scopes=() if name == "open" else [name], public=name == "open") for name, path in RULES])
    gate = make_gate(["/open/*"])
    for index in range(number):
        random = Random(f"{seed} path {index}")
        raw = make_path(random)
        path = raw.partition("?")[0]
        every = {one for decoded in (_decode(path, "utf-8"), _decode(path, "latin-1")) for one in readings(decoded)}
        met = {name for one in every if (name := route(one)) is not None}
        answer = ours.policy_for_target("GET", raw)
        if isinstance(answer, Problem):
            got: object = answer.reason.value
            plain = route(path) is not None or answer.reason is not Reason.NO_RULE
            good = not (PLAIN.fullmatch(path) and plain)
        else:
            got = "open" if answer == PASS else next(iter(answer.required)) if isinstance(answer, Policy) else answer
            good = met <= {got}
        tally["refused" if isinstance(answer, Problem) else "good"] += 1
        if not good:
            yield Difference("path", f"{seed} path {index}", sorted(met), got, (), repr(raw))
        decoded = _decode(path, "utf-8")
        if gate.is_public(decoded) and not all(one.startswith("/open/") for one in readings(decoded) if one != "/open"):
            yield Difference("public path", f"{seed} path {index}", False, True, (), repr(decoded))


def _decode(path: str, encoding: str) -> str:
    return unquote(path, encoding, "replace")


# -- orders of events

LONGEST_KEY_SECONDS: Final = 900  # documented: a key set counts 10 minutes where its answer does not say, a verified token 5 minutes
LONGEST_STALE_SECONDS: Final = 4_500  # documented: while the issuer fails, the last good key set serves an hour longer
COOL_DOWN_SECONDS: Final = 31  # documented: an unknown key causes one fetch in 30 s
RECOVERY_SECONDS: Final = 120  # documented: failures are not repeated at once, and the circuit breaker opens for a time
DELAY_SECONDS: Final = 60  # documented: revocation_delay_seconds


class History:
    """What is true of one issuer, and what the guard may answer about each token at this moment."""

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
        """Let one thing happen; return its name."""
        event = self.random.choice(["issue", "issue", "revoke", "rotate", "wait", "wait", "wait", "fail", "mend", "mend"])
        now = self.clock.wall()
        if event == "issue" and self.random.random() < 0.5:
            self.opaque[f"o{len(self.opaque)}"] = (now + self.random.choice([3, 30, 300, 3000]), None)
        elif event == "issue":
            random = Random(self.random.random())
            token, _ = make_token(random, now, strict=False, marks=False)
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
            self.clock.advance(self.random.choice([0.5, 1, 4, 9, 29, 31, 59, 60, 61, 299, 601, 1000]))
        elif event in ("fail", "mend"):
            if self.server.is_down:
                self.down_at = self.clock.wall()
            self.server.is_down = event == "fail" and self.random.random() < 0.3
        if self.server.is_down:
            self.down_at = self.clock.wall()
        return event

    def allowed(self, token: str) -> set[str]:
        """Return which answers about a token are right now."""
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
        return {"good"} | unknown | ({"refused"} if revoked is not None or now >= expires else set())

    def _allowed_jwt(self, token: str, now: float, unknown: set[str]) -> set[str]:
        if not isinstance(naive(lambda: verify_jwt(token, Trust(ISSUER, AUDIENCE, keys=KEYS), now)), Facts):
            return {"refused"} | unknown
        answers = set(unknown)
        for chosen in (self.published, self.withdrawn):
            keys = [key for key in KEYS if key["kid"] in chosen]
            if not isinstance(naive(lambda keys=keys: verify_jwt(token, Trust(ISSUER, AUDIENCE, keys=keys), now)), Facts):
                continue
            if chosen is self.published:
                since = max(chosen[key["kid"]] for key in keys)
                answers |= {"good"} if now - since > COOL_DOWN_SECONDS and not unknown else {"good", "refused"}
                return answers
            gone = max(chosen[key["kid"]] for key in keys)
            longest = LONGEST_KEY_SECONDS if now - self.down_at > LONGEST_STALE_SECONDS else LONGEST_STALE_SECONDS
            answers |= {"good", "refused"} if now - gone <= longest else {"refused"}
        return answers


async def _run_history(seed: str, steps: int, make_guard: MakeGuard, tally: Tally) -> list[Difference]:
    random = Random(seed)
    history, found, events = History(random, make_guard), [], []
    for step in range(steps):
        events.append(history.act())
        tokens = [*history.opaque, *(token for token, _ in history.jwts), "never-issued"]
        for token in random.sample(tokens, min(2, len(tokens))):
            allowed = history.allowed(token)
            request = Request("GET", "/", headers=[(b"authorization", b"Bearer " + token.encode("utf-8", "replace"))])
            answer = said(await history.guard.authenticate_async(request))
            got = _word(answer)
            tally[got] += 1
            if got not in allowed:
                found.append(Difference("order", f"{seed} step {step}", sorted(allowed), got, tuple(events[-12:]), token))
            for _ in range(3):  # refreshes ahead of time run beside the requests
                await asyncio.sleep(0)
    await history.guard.aclose()
    return found


def compare_orders(seed: int, number: int, tally: Tally, *, steps: int = 40, make_guard: MakeGuard = Guard) -> Iterator[Difference]:
    """Compare verdicts while tokens are issued and revoked, keys rotate, the issuer fails and time passes, in any order."""
    with asyncio.Runner() as runner:
        for index in range(number):
            yield from runner.run(_run_history(f"{seed} order {index}", steps, make_guard, tally))
