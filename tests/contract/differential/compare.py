"""Compare the guard with the naive verifier in four kinds of cases."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from iiniit_guard import ClientSecretBasic, Guard, Request
from iiniit_guard.adapting.admission import PASS, make_admission
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.flow import HttpRequest, HttpResponse
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.problem import Problem, Reason
from iiniit_guard.rules import Rule, Rules
from iiniit_guard.testing import SettableClock
from tests.contract.differential.answers import make_answer
from tests.contract.differential.generate import AUDIENCE, ISSUER, KEYS, make_query
from tests.contract.differential.naive import (
    Facts,
    Refused,
    Trust,
    Unknown,
    check_query,
    read_answer,
    verify_jwt,
)
from tests.contract.differential.paths import PLAIN, make_path, readings, route
from tests.contract.differential.tokens import make_token

START: Final = 1_800_000_000.0
Settings = dict[str, Any]
MakeGuard = Callable[..., Any]
Tally = Counter[str]
"""How often the guard gave each answer: a comparison in which nothing is accepted shows nothing."""


class Difference(NamedTuple):
    """One case with two different answers.

    Attributes:
        kind: The kind of the case.
        seed: Reproduces the case.
        expected: The answer of the naive verifier.
        got: The answer of the guard.
        about: The names of the changes.
        text: The case itself.
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
            return HttpResponse(
                200,
                (("content-type", "application/json"),),
                json.dumps({"keys": self.keys}).encode(),
            )
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


def make(
    make_guard: MakeGuard,
    server: Server,
    clock: SettableClock,
    settings: Settings,
    *,
    introspects: bool,
) -> Any:
    """Make a guard that calls `server`."""
    way = (
        {
            "introspection": ClientSecretBasic("api", "secret"),
            "introspection_endpoint": ISSUER + "/introspect",
        }
        if introspects
        else {}
    )
    return make_guard(
        issuer=ISSUER,
        audience=AUDIENCE,
        jwks_uri=ISSUER + "/jwks",
        clock=clock.clock,
        transport=server,
        **way,
        **settings,
    )


def said(decision: Any) -> object:
    """Convert a decision to an answer of the naive verifier."""
    if isinstance(decision, Allow):
        token = decision.token
        assert token is not None
        return Facts(token.subject, token.client_id, token.scopes)
    return "unknown" if decision.status == 503 else "refused"


def word(answer: object) -> str:
    """Return the label of an answer, for the tally."""
    return answer if isinstance(answer, str) else "good"


def naive(ask: Callable[[], Facts]) -> object:
    """Return the naive verifier's answer."""
    try:
        return ask()
    except Refused:
        return "refused"
    except Unknown:
        return "unknown"


def compare_tokens(
    seed: int, number: int, tally: Tally, *, make_guard: MakeGuard = Guard
) -> Iterator[Difference]:
    """Compare verdicts on JWTs.

    Each is sent twice, with a step of the clock in between, so cached entries are compared too.
    """
    clock = SettableClock(START)
    guards = [
        make(make_guard, Server(), clock, settings, introspects=False) for _, settings in TRUSTS
    ]
    for index in range(number):
        random = Random(f"{seed} token {index}")
        trust, guard = random.choice(list(zip((trust for trust, _ in TRUSTS), guards, strict=True)))
        token, names = make_token(
            random, clock.wall(), strict=trust.profile == "rfc9068", more_claims=trust.required
        )
        query = make_query(random)
        request = Request(
            "GET", "/", query, [(b"authorization", b"Bearer " + token.encode("utf-8", "replace"))]
        )

        def ask(token: str = token, query: bytes = query, trust: Trust = trust) -> Facts:
            check_query(query)
            return verify_jwt(token, trust, clock.wall())

        for step in ("first", "again"):
            expected, got = naive(ask), said(guard.authenticate(request))
            tally[word(got)] += 1
            if expected != got:
                yield Difference(
                    "token",
                    f"{seed} token {index} {step}",
                    expected,
                    got,
                    tuple(names),
                    f"{trust.profile} {token} {query!r}",
                )
            clock.advance(random.choice([0, 0, 0.5, 1, 4, 5, 30]))


def compare_answers(
    seed: int, number: int, tally: Tally, *, make_guard: MakeGuard = Guard
) -> Iterator[Difference]:
    """Compare verdicts on introspection answers."""
    clock, server, numbers = SettableClock(START), Server(), count()
    guards = [
        make(make_guard, server, clock, settings, introspects=True) for trust, settings in TRUSTS
    ]
    for index in range(number):
        random = Random(f"{seed} answer {index}")
        at = random.choice([0, 1, 2])
        trust, guard = TRUSTS[at][0], guards[at]
        status, media_type, body, names = make_answer(
            random, clock.wall(), more_claims=trust.required
        )
        server.answer = status, media_type, body
        request = Request(
            "GET", "/", headers=[(b"authorization", b"Bearer opaque-%d" % next(numbers))]
        )
        expected, got = (
            naive(lambda trust=trust: read_answer(*server.answer, trust, clock.wall())),
            said(guard.authenticate(request)),
        )
        tally[word(got)] += 1
        if expected != got:
            yield Difference(
                "answer",
                f"{seed} answer {index}",
                expected,
                got,
                tuple(names),
                f"{trust.profile} {server.answer}",
            )
        clock.advance(random.choice([0, 1]))


RULES: Final = (
    ("ab", "/a/b"),
    ("a", "/a/<x>"),
    ("admin", "/admin/<path:p>"),
    ("open", "/open/<path:p>"),
    ("n", "/n/<int:n>"),
)


def compare_paths(
    seed: int, number: int, tally: Tally, *, rules: Any = None
) -> Iterator[Difference]:
    """Compare the rule applied to a raw target with the rules of every reading of it.

    All readings that match a rule must match the applied one.
    """
    ours = rules or Rules(
        [
            Rule("GET", path, scopes=() if name == "open" else [name], public=name == "open")
            for name, path in RULES
        ]
    )
    admission = make_admission(["/open/*"])
    for index in range(number):
        random = Random(f"{seed} path {index}")
        raw = make_path(random)
        path = raw.partition("?")[0]
        every = {
            one
            for decoded in (_decode(path, "utf-8"), _decode(path, "latin-1"))
            for one in readings(decoded)
        }
        met = {name for one in every if (name := route(one)) is not None}
        answer = ours.policy_for_target("GET", raw)
        if isinstance(answer, Problem):
            got: object = answer.reason.value
            plain = route(path) is not None or answer.reason is not Reason.NO_RULE
            good = not (PLAIN.fullmatch(path) and plain)
        else:
            got = (
                "open"
                if answer == PASS
                else next(iter(answer.required))
                if isinstance(answer, Policy)
                else answer
            )
            good = met <= {got}
        tally["refused" if isinstance(answer, Problem) else "good"] += 1
        if not good:
            yield Difference("path", f"{seed} path {index}", sorted(met), got, (), repr(raw))
        decoded = _decode(path, "utf-8")
        if admission.is_public(decoded) and not all(
            one.startswith("/open/") for one in readings(decoded) if one != "/open"
        ):
            yield Difference("public path", f"{seed} path {index}", False, True, (), repr(decoded))


def _decode(path: str, encoding: str) -> str:
    return unquote(path, encoding, "replace")
