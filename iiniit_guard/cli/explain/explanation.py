"""The decision about a token as a list of checks. The core decides; this module shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from iiniit_guard.cli.explain.describe import Facts, describe, introspection_call
from iiniit_guard.cli.observed import NO_CALL, Observer
from iiniit_guard.core.decide import Judged, Pending, Unfinished, begin, resume
from iiniit_guard.core.http.bearer import AUTHORIZATION
from iiniit_guard.core.http.hints import CAUSE_HINTS, HINTS, TOPIC_HINTS
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.jose.jws import JoseHeader, read_header
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.diagnosis import CHECKS, Check
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.problem import Problem
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.presented import Presented
from iiniit_guard.core.resource import ProtectedResource
from iiniit_guard.core.warm_up import verifies
from iiniit_guard.providers.mistakes import read_unverified, typical_mistake
from iiniit_guard.reporting import escaped

Status: TypeAlias = Literal[
    "passed", "refused", "unknown", "not reached", "would pass", "would fail"
]
Verdict: TypeAlias = Literal["accepted", "refused", "undecided"]

_CLAIMS: Final = CHECKS[CHECKS.index("iss") : CHECKS.index("status list")]
_OF_POLICY: Final[tuple[Check, ...]] = ("authentication", "scopes", "demands")


@dataclass(frozen=True, slots=True)
class Step:
    """One check.

    Attributes:
        check: Its name.
        of: `token` or `response`, if an introspection response has the same checks.
        status: The result. `would pass` and `would fail` are results of checks that the guard did
            not reach, as if the missing keys had verified the token.
        received: What the token has.
        expected: What the settings or the policy require.
    """

    check: Check
    of: str
    status: Status
    received: str
    expected: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a token is accepted or refused.

    Attributes:
        verdict: The result.
        status: The status that a client receives; None if the token is accepted.
        reason: The reason; None if the token is accepted.
        steps: The checks, in their order.
        summary: One sentence about the result.
        cure: The remedy; None if none is needed.
        token: The accepted token, or the token that the policy refuses.
    """

    verdict: Verdict
    status: int | None
    reason: str | None
    steps: tuple[Step, ...]
    summary: str
    cure: str | None
    token: AccessToken | None


def explain(
    token: str, resource: ProtectedResource, observer: Observer, policy: Policy
) -> Explanation:
    """Decide about a request with this token, and describe each check of the core."""
    presented, result = _decide(token, resource, observer, policy)
    held = presented.token if isinstance(presented.token, AccessToken) else None
    held = result if isinstance(result, AccessToken) else held
    resolved = resource.settings.issuer_resolver is None or not _names_no_issuer(result)
    facts = _facts(token, resource, observer, policy, held, resolved)
    if isinstance(result, Problem):
        steps = _steps(facts, result.diagnosis.check, result, _is_response(facts, result))
        hint = typical_mistake(result, resource, token)
        topic = result.diagnosis.topic
        usual = HINTS[result.reason] if topic is None else TOPIC_HINTS[topic]
        text = result.diagnosis.detail or result.description
        return Explanation(
            "refused", result.status, result.reason.value, steps, text, hint or usual, held
        )
    if isinstance(result, Unreachable):
        return _undecided(facts, result)
    steps = _steps(facts, None, None, in_response=True)
    return Explanation("accepted", None, None, steps, "The guard accepts the token.", None, held)


def _decide(
    token: str, resource: ProtectedResource, observer: Observer, policy: Policy
) -> tuple[Presented, Judged]:
    field = resource.assertion_field or resource.token_field
    value = token.encode("utf-8", "replace")
    scheme = b"Bearer " if field == AUTHORIZATION else b""
    headers = ((field, scheme + value),)
    presented = Presented.of(Request("GET", "/", b"", headers), "explain")
    begun = begin(resource, presented, policy)
    result = begun.result if isinstance(begun, Unfinished) else begun
    return presented, observer.run(resume(result)) if isinstance(result, Pending) else result


def _facts(
    token: str,
    resource: ProtectedResource,
    observer: Observer,
    policy: Policy,
    held: AccessToken | None,
    has_issuer: bool,
) -> Facts:
    header, claims = read_unverified(token)
    is_opaque = read_header(token.encode("ascii", "replace")) is None
    return Facts(
        token=token,
        header=header,
        claims=claims,
        is_opaque=is_opaque,
        answer=observer.introspected,
        resource=resource,
        server=_server_of(token, None if is_opaque else claims or {}, resource),
        policy=policy,
        held=held,
        has_issuer=has_issuer,
        now=resource.clock.wall(),
    )


def _names_no_issuer(result: Judged) -> bool:
    """Return whether a token is refused before any issuer is named."""
    known = result.diagnosis if isinstance(result, Problem) else None
    return known is not None and known.check == "issuer" and known.received is None


def _server_of(
    token: str, claims: Mapping[str, Any] | None, resource: ProtectedResource
) -> AuthorizationServer | None:
    """Return the issuer whose checks apply to a token; None if it is unknown.

    Args:
        token: As received.
        claims: Its claims, unverified; None if it is opaque.
        resource: The protected resource.
    """
    if claims is None:
        return resource.opaque_server_of(token)
    named = claims.get("iss")
    known = resource.known_server(named) if isinstance(named, str) else None
    return known or resource.only_server


def _undecided(facts: Facts, failure: Unreachable) -> Explanation:
    """Return the explanation of a token that cannot be checked without a call, or in an outage."""
    server, would = facts.server, None
    if failure.diagnosis.topic == "status_list":
        missing: Check = "status list"
        steps = _steps(facts, missing, None, in_response=False)
    elif server is None or facts.is_opaque or not verifies(server) or server.keys.value is not None:
        missing = "introspection"
        steps = _steps(facts, missing, None, in_response=False)
    else:
        missing, would = "keys", _outcome_of_claims(facts, server)
        steps = _steps(facts, missing, None, in_response=False)
        steps = _assumed(steps, None if would is None else would.diagnosis.check)
    topic, cause = failure.diagnosis.topic, failure.origin or failure.cause
    cure = CAUSE_HINTS[cause] if topic is None else TOPIC_HINTS[topic]
    if failure.detail.endswith(NO_CALL):
        cure = _way_to_decide(facts, missing)
    text = failure.detail
    if would is not None:
        text += f"; a token with a valid signature would be refused: {would.reason}"
        cure += f"; then {HINTS[would.reason]}"
    return Explanation("undecided", 503, "issuer_unavailable", steps, text, cure, None)


def _way_to_decide(facts: Facts, missing: Check) -> str:
    """Return how the user lets the command make the missing call, and which call it is."""
    if missing == "keys" or facts.server is None:
        return "pass --jwks FILE with the key set of the issuer, or --fetch to call the issuer"
    if missing == "status list":
        return "pass --fetch to fetch the status list that the token names"
    return f"pass --fetch to introspect the token: {introspection_call(facts.server)}"


def _outcome_of_claims(facts: Facts, server: AuthorizationServer) -> Problem | None:
    """Return the refusal of the claims and the policy, which need no keys; None if they pass."""
    header = read_header(facts.token.encode("ascii", "replace"))
    typ = header.typ if isinstance(header, JoseHeader) else None
    claims = dict(facts.claims or {})
    outcome = server.checks.check(claims, facts.now, introspected=False, typ=typ)
    if isinstance(outcome, Problem):
        return outcome
    return facts.policy.check(outcome, lambda: facts.now)


def _assumed(steps: tuple[Step, ...], failing: Check | None) -> tuple[Step, ...]:
    """Return the steps with the results of the checks that need no keys."""
    assumed: list[Step] = []
    reached = True
    for step in steps:
        is_claim = step.of == "token" and step.check in (*_CLAIMS, *_OF_POLICY)
        if is_claim and reached:
            reached = step.check != failing
            assumed.append(replace(step, status="would pass" if reached else "would fail"))
        else:
            assumed.append(step)
    return tuple(assumed)


def _is_response(facts: Facts, problem: Problem) -> bool:
    """Return whether an introspection response, and not the token, has the refused claim."""
    return facts.answer is not None and problem.diagnosis.check in _CLAIMS


def _steps(
    facts: Facts, failed: Check | None, problem: Problem | None, in_response: bool
) -> tuple[Step, ...]:
    """Return the checks of this token in their order; those after the failed one are not reached.

    Args:
        facts: About the token.
        failed: The check that refused the token, or that could not be made.
        problem: The refusal; None if the check could not be made.
        in_response: Whether `failed` is a check of the introspection response.
    """
    steps: list[Step] = []
    reached = True
    for of, check in _path(facts):
        status: Status = "passed" if reached else "not reached"
        received, expected = describe(check, facts, of)
        is_claim = check in _CLAIMS
        if reached and check == failed and (not is_claim or (of == "response") == in_response):
            reached = False
            status = "unknown" if problem is None else "refused"
            if problem is not None:
                named = problem.diagnosis.received
                received = received if named is None else escaped(named)
                expected = problem.diagnosis.expected or expected
        steps.append(Step(check, of, status, received, expected))
    return tuple(steps)


def _path(facts: Facts) -> list[tuple[str, Check]]:
    """Return the checks that the core makes for this token, each with what it is about."""
    resource, server, policy = facts.resource, facts.server, facts.policy
    mode = None if server is None else server.settings.jwt
    if not facts.has_issuer:
        return [("token", "credential"), ("token", "issuer")]
    if facts.is_opaque:
        introspects = server is not None and server.introspects
        checks: list[Check] = [] if introspects else ["format"]
    elif mode == "introspect" and resource.only_server is not None:
        introspects, checks = True, ["format"]
    else:
        introspects = mode in ("introspect", "both")
        several = len(resource.servers) > 1 or resource.finds_issuers
        omitted = () if several else ("algorithm of the issuer",)
        last = "issuer" if mode == "introspect" else _CLAIMS[-1]
        read = CHECKS[CHECKS.index("format") : CHECKS.index(last) + 1]
        checks = [check for check in read if check not in omitted]
        if server is not None and server.status is not None and mode != "introspect":
            checks.append("status list")
    path = [("token", check) for check in ("credential", *checks)]
    if introspects:
        path += [("token", "introspection"), *(("response", check) for check in _CLAIMS)]
    if resource.settings.validators:
        path.append(("token", "validators"))
    if policy.acr_values or policy.max_age is not None:
        path.append(("token", "authentication"))
    if policy.scopes:
        path.append(("token", "scopes"))
    if policy.demands:
        path.append(("token", "demands"))
    return path
