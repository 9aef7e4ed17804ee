"""The places in the syntax trees that can grant a request: a new one fails here."""

from __future__ import annotations

import ast

import pytest

from tests.quality.test_static_gates import ROOT, TREES, name_of, places

pytestmark = pytest.mark.checkout

# The only places that make an `Allow`, each for a token that was verified, or for what the
# admission lets pass without one.
GRANTS = {
    "iiniit_guard/adapting/middleware.py",
    "iiniit_guard/core/decide.py:conclude",
    "iiniit_guard/engine.py:authorize",
}
# The only places that create a token or a principal. An adapter admits a request that has one.
MAKERS = {
    ("iiniit_guard/core/cache/entry.py:unpack", "AccessToken"),
    ("iiniit_guard/core/claims/checks.py:_accept", "AccessToken"),
    ("iiniit_guard/core/claims/checks.py:_token_of", "AccessToken"),
    ("iiniit_guard/core/decide.py", "Principal"),
}
# The return statements of the deciding functions. A token is returned from the cache, or by
# `_settle` after the policy. A new line is a new way to a grant.
RETURNS = {
    "iiniit_guard/core/decide.py:begin": [
        "Unfinished(presented, requirement)",
        "token",
        "settled if isinstance(settled, AccessToken) else Unfinished(presented, settled)",
        "Unfinished(presented, Pending(flow, flow.send(None)))",
        "result",
        "Unfinished(presented, result)",
    ],
    "iiniit_guard/core/decide.py:resume": ["result"],
    "iiniit_guard/core/decide.py:_settle": [
        "problem",
        "token",
        "resource.proofs.record(proof, presented.request) or token",
    ],
    "iiniit_guard/core/decide.py:_judge": [
        "_without_credential(credential, request, resource, requirement)",
        "begun",
        "outcome",
        "settled",
        "(yield from resource.proofs.record_shared(proof, presented.request)) or settled",
    ],
    "iiniit_guard/core/decide.py:verify_presented": [
        "unknown_issuer(resource)",
        "(yield from verify(encoded, digest, resource, issuer, outdated=presented.outdated))",
        "cached.token",
    ],
    "iiniit_guard/core/decide_again.py:_judge_again": [
        "requirement",
        "credential",
        "requirement.check(outcome, resource.clock.wall) or outcome",
        "outcome",
    ],
    "iiniit_guard/core/confirmation.py:confirm": [
        "None if proof is None else PROBLEMS[Reason.UNBOUND_TOKEN]",
        "PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION]",
        "problem",
        "PROBLEMS[Reason.UNBOUND_TOKEN]",
        "PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION]",
        "None",
        "certificate_problem(bound[CERTIFICATE_THUMBPRINT], found)",
    ],
    "iiniit_guard/core/decide.py:_without_credential": ["problem", "ANONYMOUS", "problem"],
    "iiniit_guard/core/decide.py:find_cached": [
        "None",
        "entry if entry is not None and entry.token.confirmation is None else None",
    ],
    "iiniit_guard/core/verify.py:verify": [
        "begun if isinstance(begun, (AccessToken, Problem)) else (yield from begun)",
    ],
    "iiniit_guard/core/verify.py:begin_verify": [
        "PROBLEMS[Reason.TOKEN_TOO_LONG]",
        "PROBLEMS[Reason.MALFORMED_TOKEN]",
        "_verify_opaque(token, digest, server, issuer, resource, outdated)",
        "_introspect_unread(token, digest, header, server, resource, outdated)",
        "_refused(jws, resource)",
        "_verify_of_found(named, jws, token, digest, resource, outdated)",
        "unknown_issuer(resource, named, None if named == issuer else issuer)",
        "_begin_parsed(jws, token, digest, trusted, resource, outdated)",
    ],
    "iiniit_guard/core/verify.py:_verify_of_found": [
        "unknown_issuer(resource, named)",
        "begun",
        "_replaced(trusted) if trusted.is_replaced else outcome",
    ],
    "iiniit_guard/core/verify.py:_begin_parsed": [
        "begun.token",
        "begun",
        "_complete(begun, jws, token, digest, trusted, resource, outdated)",
    ],
    "iiniit_guard/core/verify.py:_complete": [
        "verified",
        "outcome",
        "unknown_issuer(resource, jws.claims.get('iss'))",
        "unknown_key(trusted)",
        "outcome",
    ],
    "iiniit_guard/core/verify.py:_ask": [
        "_replaced(server)",
        "unknown_issuer(resource, server.issuer)",
        "outcome",
    ],
    "iiniit_guard/core/verify.py:_verify_opaque": [
        "(yield from _ask(token, digest, server, resource, outdated, unread={}))",
        "unknown_issuer(resource, issuer)",
        "unverified(Reason.MALFORMED_TOKEN, resource, topic='opaque_token')",
    ],
    "iiniit_guard/core/verify.py:_introspect_unread": [
        "_refused(WRONG_PARTS, resource)",
        "unverified(Reason.MALFORMED_TOKEN, resource)",
        "(yield from _ask(token, digest, server, resource, outdated, unread=unread))",
    ],
    "iiniit_guard/events.py:begin": ["begun"],
}


def makers(tree: ast.AST, path: str, names: set[str]) -> set[tuple[str, str]]:
    """Return where an object of one of `names` is created: place and name."""
    calls = [(place, node.func) for place, node in places(tree, path) if isinstance(node, ast.Call)]
    return {(place, name_of(function)) for place, function in calls if name_of(function) in names}


def returned(tree: ast.AST, path: str) -> dict[str, list[str]]:
    """Return the return statements of each listed function, in its own body."""
    found: dict[str, list[str]] = {}
    for place, node in places(tree, path):
        if isinstance(node, ast.Return) and place in RETURNS:
            found.setdefault(place, []).append(
                ast.unparse(node.value) if node.value is not None else ""
            )
    return found


def test_the_functions_that_decide_return_what_is_listed():
    seen: dict[str, list[str]] = {}
    for path, tree in TREES.items():
        seen |= returned(tree, path)

    assert seen == RETURNS


@pytest.mark.parametrize(
    ("place", "planted"),
    [
        (
            "core/decide.py:begin",
            (
                "if presented.authorization == b'Basic eA==':\n        return "
                "AccessToken('https://issuer.test')"
            ),
        ),
        (
            "core/decide.py:begin",
            "if presented.authorization == b'Basic eA==':\n        return _anyone(resource)",
        ),
        ("core/decide.py:_judge", "if presented.query == b'debug':\n        return ANONYMOUS"),
        ("core/decide.py:_settle", "return token"),
        ("core/decide.py:find_cached", "return resource.find(b'')"),
        (
            "core/verify.py:begin_verify",
            "if token == 'x':\n        return resource.find(digest).token",
        ),
    ],
)
def test_a_planted_grant_is_seen(place, planted):
    path, _, function = place.partition(":")
    path = f"iiniit_guard/{path}"
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    body = next(
        node
        for _, node in places(tree, path)
        if isinstance(node, ast.FunctionDef) and node.name == function
    ).body
    body[1:1] = ast.parse(planted.replace("\n    ", "\n")).body

    assert returned(tree, path)[f"{path}:{function}"] != RETURNS[f"{path}:{function}"]


def test_grants_are_made_in_the_listed_places():
    assert {
        place for path, tree in TREES.items() for place, _ in makers(tree, path, {"Allow"})
    } == GRANTS


def test_tokens_and_principals_are_made_in_the_listed_places():
    names = {"AccessToken", "Principal"}

    assert {made for path, tree in TREES.items() for made in makers(tree, path, names)} == MAKERS


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    return Allow(None)",
        "x = Allow(None, who)",
        "def f():\n    return AccessToken('x')",
    ],
)
def test_a_maker_is_seen(text):
    assert len(makers(ast.parse(text), "x.py", {"Allow", "AccessToken"})) == 1
