"""Rows for the order of the checks and the shared store, each for a surviving mutant."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Deny
from iiniit_guard.core.model.flow import Fetch
from iiniit_guard.core.model.policy import ANY_TOKEN
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.presented import Presented
from iiniit_guard.core.verify import verify
from tests.unit.core.deciding import decide
from tests.unit.core.stepping import (
    API,
    CREDENTIALS,
    INACTIVE,
    INTROSPECT,
    ISSUER,
    KEY,
    Steps,
    active,
    bearer,
    key_set,
    make_clock,
    make_issuer,
    make_resource,
    mint,
)
from tests.unit.core.test_introspection_shared import SECRET, Process, Store


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((), Reason.NO_TOKEN),
        ((b"",), Reason.NO_TOKEN),
        ((b"no token",), Reason.MALFORMED_HEADER),
        ((b"a" * 17,), Reason.TOKEN_TOO_LONG),
        ((b"opaque",), Reason.MALFORMED_TOKEN),
    ],
)
def test_a_guard_that_believes_the_gateway_reads_its_word_alone(lines, reason):
    resource = make_resource(make_clock(), profile="assertion", max_token_bytes=16)
    headers = [
        (b"authorization", b"Bearer other"),
        *((b"x-iiniit-assertion", line) for line in lines),
    ]
    decision = Steps(
        decide(Presented.of(Request("GET", "/", headers=headers)), resource, ANY_TOKEN)
    ).result
    assert isinstance(decision, Deny)
    assert decision.reason is reason


@pytest.mark.parametrize("how", ["both", "introspect"])
@pytest.mark.parametrize(("age", "asked"), [(0, True), (100, False)])
def test_a_token_that_a_replica_may_not_know_yet_is_asked_about_again_after_a_second(
    how, age, asked
):
    """A token issued under 30 s ago."""
    clock = make_clock()
    other = make_issuer(issuer="https://other.test", jwks_uri="https://other.test/jwks")
    ours = make_issuer(jwt=how, introspection=CREDENTIALS)
    resource = make_resource(clock, issuers=[ours, other])
    token = mint(clock, iat=int(clock.wall()) - age)
    for _ in range(2):
        steps = Steps(decide(Presented.of(bearer(token)), resource, ANY_TOKEN))
        if steps.fetch.method == "GET":
            steps.send(key_set(KEY))
        assert steps.send(INACTIVE).result.reason is Reason.INACTIVE
        clock.advance(1)
    steps = Steps(decide(Presented.of(bearer(token)), resource, ANY_TOKEN))
    assert isinstance(steps.effect, Fetch) is asked


def test_the_stores_keys_and_names_are_made_as_the_documents_say():
    """RFC 5869. Processes of different releases must find each other's answers."""
    clock, store = make_clock(), Store()
    process = Process(clock, store)
    process.ask()
    (shared,) = [server.store for server in process.resource.servers]
    assert shared is not None

    def derived(purpose):
        return HKDF(hashes.SHA256(), 32, b"iiniit_guard shared store", purpose).derive(
            SECRET.encode()
        )

    context = hashlib.sha256(
        json.dumps(["1", ISSUER, INTROSPECT, "", "api", [API]]).encode()
    ).digest()
    message = b"\0".join((b"active", context, digest_of("opaque")))
    name = "iiniit_guard:" + hmac.new(derived(b"names"), message, hashlib.sha256).hexdigest()
    assert shared._name("active", digest_of("opaque")) == name
    nonce = b"n" * 12
    sealed = nonce + AESGCM(derived(b"values")).encrypt(
        nonce, b'{"sent": 0}', b"\0".join((b"active", name.encode(), context))
    )
    assert shared._open("active", name, sealed, clock.clock.now()) == {"sent": 0}


@pytest.mark.parametrize("how", ["verify", "introspect", "both", "several"])
def test_what_is_remembered_and_is_no_answer_is_asked_about_anew(how):
    """Neither the cache nor the shared store is read then."""
    clock, store = make_clock(), Store()
    shared = {"store_url": "redis://store.test", "store_secret": SECRET}
    if how == "several":
        other = make_issuer(issuer="https://other.test", jwks_uri="https://other.test/jwks")
        resource = make_resource(
            clock,
            issuers=[make_issuer(jwt="introspect", introspection=CREDENTIALS), other],
            **shared,
        )
    else:
        resource = make_resource(clock, introspection=CREDENTIALS, jwt=how, **shared)
    token = "opaque" if how == "verify" else mint(clock)
    digest = digest_of(token)

    def go_on(steps):
        store.serve(steps)
        if how == "both" and not steps.ended and steps.fetch.method == "GET":
            store.serve(steps.send(key_set(KEY)))
        return steps

    assert isinstance(
        store.serve(
            go_on(Steps(verify(token.encode(), digest, resource))).send(active(clock))
        ).result,
        AccessToken,
    )
    known = resource.cache.find(digest)
    assert known is not None
    assert go_on(Steps(verify(token.encode(), digest, resource))).result is known.token
    steps = Steps(verify(token.encode(), digest, resource, outdated=known.valid_until_monotonic))
    assert steps.fetch.method == "POST", "the store was not asked"
    assert steps.send(INACTIVE) is steps
    assert store.serve(steps).reason is Reason.INACTIVE
