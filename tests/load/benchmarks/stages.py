"""The time of each stage of one cached and of one cold request, and the time between the stages."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any, cast

from iiniit_guard.adapting.admission import make_admission
from iiniit_guard.adapting.asgi_exchange import begin_scope
from iiniit_guard.adapting.decorators import is_permitted
from iiniit_guard.adapting.request_state import with_notes
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.core.cache.entry import CacheEntry, KeyValidity
from iiniit_guard.core.jose.encodings import decode_base64url, parse_object
from iiniit_guard.core.jose.jws import Jws, parse_jws, read_header
from iiniit_guard.core.model.access_token import AccessToken, Claims
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.request import only_authorization
from iiniit_guard.starlette import require_scope
from tests.load.benchmarks.cold import each_forgotten
from tests.load.benchmarks.curves import microseconds
from tests.load.benchmarks.starlette_host import application, me, request
from tests.load.benchmarks.tokens import WANTED, make_guard, make_issuer, scope_of, token_of

Stages = list[tuple[str, float]]


def hot() -> Stages:
    """Measure a request through Starlette with a cached token and a scope check."""
    issuer = make_issuer()
    token = token_of(issuer)
    guard, admission, policy = make_guard(issuer), make_admission(), make_policy([WANTED])
    held = guard.verify(token)
    scope = scope_of(token)
    headers = scope["headers"]
    authorization = headers[-1][1]
    digest = sha256(authorization[7:]).digest()
    noted = with_notes(scope, guard._engine, held)
    nothing = microseconds(lambda: None)

    def alone(function: Callable[[], object]) -> float:
        return microseconds(function) - nothing

    bare = alone(request(application(me), token))
    whole = alone(request(GuardMiddleware(application(require_scope(WANTED)(me)), guard), token))
    stages = [
        ("find the one Authorization field among five", alone(lambda: only_authorization(headers))),
        ("SHA-256 of the token", alone(lambda: sha256(authorization[7:]).digest())),
        (
            "look into the cache, both clocks, the key's validity",
            alone(lambda: guard._engine.resource.cache.find(digest)),
        ),
    ]
    begun = alone(lambda: begin_scope(guard._engine, admission, scope, "asgi"))
    stages += [
        ("admission, scheme, query; calls between these", begun - sum(cost for _, cost in stages)),
        ("copy the scope with three notes", alone(lambda: with_notes(scope, guard._engine, held))),
        (
            "compare the scopes with the handler's policy",
            alone(lambda: is_permitted(noted, policy)),
        ),
    ]
    rest = whole - bare - begun - sum(cost for _, cost in stages[4:])
    return [
        ("Starlette itself", bare),
        *stages,
        ("two coroutines, a larger scope, finding the request among the arguments", rest),
        ("together", whole),
    ]


def cold() -> Stages:
    """Measure `Guard.verify` of a new RS256 token."""
    issuer = make_issuer()
    tokens = [token_of(issuer, number=number) for number in range(256)]
    token, guard = tokens[0], make_guard(issuer)
    guard.verify(token)
    server: Any = guard._engine.resource.servers[0]
    encoded = token.encode()
    jws = cast("Jws", parse_jws(encoded, server.algorithms))
    key = server.keys.value.find(jws.header.kid, "RS256")[0]
    payload = encoded.split(b".")[1]
    text: Any = decode_base64url(payload)
    now = server.clock.wall()
    held: Any = server.checks.check(dict(jws.claims), now, introspected=False)
    nothing = microseconds(lambda: None)

    def alone(function: Callable[[], object]) -> float:
        return microseconds(function) - nothing

    whole = alone(each_forgotten(guard, tokens))
    digest, cache, validity = sha256(encoded).digest(), guard._engine.resource.cache, KeyValidity()
    decoding, json_cost = (
        alone(lambda: decode_base64url(payload)),
        alone(lambda: parse_object(text)),
    )
    parsing = alone(lambda: parse_jws(encoded, server.algorithms, read_header(encoded)))
    building = alone(lambda: _copy_of(held))
    checking = alone(lambda: server.checks.check(jws.claims, now, introspected=False))
    stages = [
        (
            "the signature, by `cryptography`",
            alone(lambda: key.verifies(jws.signing_input, jws.signature)),
        ),
        ("SHA-256 of the token", alone(lambda: sha256(encoded).digest())),
        ("base64url of the payload, strictly", decoding),
        ("JSON of the payload, strictly", json_cost),
        (
            "splitting, the header out of its cache, the signature's base64url",
            parsing - decoding - json_cost,
        ),
        (
            "the claims: names and types, times, issuer, audience, scopes, shared values",
            checking - building,
        ),
        ("making the `AccessToken`", building),
        (
            "remembering it",
            alone(lambda: cache.keep(digest, CacheEntry(held, 0, now + 300, now + 300, validity))),
        ),
    ]
    rest = whole - sum(cost for _, cost in stages)
    return [
        *stages,
        ("finding issuer and key, what lies between, and cold processor caches", rest),
        ("together", whole),
    ]


def _copy_of(held: AccessToken) -> AccessToken:
    return AccessToken(
        held.issuer,
        held.subject,
        held.client_id,
        held.audience,
        held.scopes,
        held.expires_at,
        held.issued_at,
        held.token_id,
        None,
        (),
        Claims(held.claims),
    )
