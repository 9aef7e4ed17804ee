"""Decisions of the first half, without I/O: a JWT whose issuer and key are known."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from iiniit_guard import TokenRefused
from iiniit_guard.core.decide import Pending, Unfinished
from iiniit_guard.core.jose import jws as jose
from iiniit_guard.core.jose.public_key import VerificationKey
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.policy import ANY_TOKEN
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.testing import make_key
from tests.contract.cases.jose_keys import b64
from tests.contract.hosts.builders import HOSTS
from tests.unit.guard.calling import NOW, WRITE, begin, request


@pytest.fixture
def guard(issuer, events):
    """Return a guard that has the keys and has verified a token."""
    with issuer.guard(on_event=events.append) as guard:
        guard.authenticate(request(issuer.token()))
        events.clear()
        issuer.requests.clear()
        yield guard


def tampered(token):
    head, _, signature = token.rpartition(".")
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def test_it_is_decided_and_remembered(guard, issuer, events):
    token = issuer.token("user:read", subject="alice")
    found = begin(guard, token)
    assert isinstance(found, AccessToken)
    assert found.subject == "alice"
    assert begin(guard, token) is found
    assert [event.cache for event in events] == ["miss", "hit"]
    assert issuer.requests == []


@pytest.mark.parametrize(
    ("claims", "requirement", "reason"),
    [
        ({"exp": NOW - 31}, ANY_TOKEN, Reason.EXPIRED),
        ({"aud": "https://other.test"}, ANY_TOKEN, Reason.WRONG_AUDIENCE),
        ({"cnf": {"jkt": "x"}}, ANY_TOKEN, Reason.UNSUPPORTED_CONFIRMATION),
        ({"sub": 1}, ANY_TOKEN, Reason.MALFORMED_CLAIM),
        ({}, WRITE, Reason.MISSING_SCOPE),
    ],
)
def test_what_is_found_against_it_is_final(guard, issuer, claims, requirement, reason):
    found = begin(guard, issuer.token("user:read", **claims), requirement=requirement)
    assert isinstance(found, Unfinished)
    assert isinstance(found.result, Problem)
    assert (found.result.reason, found.presented.cache) == (reason, "miss")
    assert (found.presented.token is not None) == (reason is Reason.MISSING_SCOPE)


@pytest.mark.parametrize(
    ("settings", "make", "reason"),
    [
        pytest.param({}, lambda issuer: issuer.opaque_token(), None, id="opaque"),
        pytest.param(
            {}, lambda issuer: issuer.token(header={"kid": "another"}), None, id="an unknown key"
        ),
        pytest.param(
            {},
            lambda issuer: issuer.token(iss="https://other.test"),
            Reason.UNKNOWN_ISSUER,
            id="another issuer",
        ),
        pytest.param(
            {},
            lambda issuer: issuer.token(iss=["https://issuer.test"]),
            Reason.UNKNOWN_ISSUER,
            id="an issuer that is no text",
        ),
        pytest.param({}, lambda issuer: issuer.token() + "=", Reason.MALFORMED_TOKEN, id="padding"),
        pytest.param(
            {},
            lambda issuer: issuer.token()[:-2] + "*A",
            Reason.MALFORMED_HEADER,
            id="foreign characters",
        ),
        pytest.param(
            {},
            lambda issuer: issuer.token().rpartition(".")[0] + ".",
            Reason.MALFORMED_TOKEN,
            id="no signature",
        ),
        pytest.param(
            {},
            lambda issuer: issuer.token().replace(".", "..", 1),
            Reason.MALFORMED_TOKEN,
            id="four parts",
        ),
        pytest.param(
            {"max_token_bytes": 400},
            lambda issuer: issuer.token(filling="x" * 400),
            Reason.TOKEN_TOO_LONG,
            id="too long",
        ),
        pytest.param(
            {"jwt": "introspect"},
            lambda issuer: issuer.token(),
            None,
            id="the server is to be asked",
        ),
        pytest.param(
            {"jwt": "both"}, lambda issuer: issuer.token(), None, id="the server is to be asked too"
        ),
        pytest.param(
            {"algorithms": ["RS256"]},
            lambda issuer: issuer.token(),
            Reason.UNSUPPORTED_ALGORITHM,
            id="an algorithm",
        ),
        pytest.param(
            {},
            lambda issuer: issuer.token(header={"typ": "id+jwt"}),
            Reason.WRONG_TYPE,
            id="another type",
        ),
    ],
)
def test_no_other_token_passes_without_io(issuer, settings, make, reason):
    token = make(issuer)
    with issuer.guard(**settings) as guard:
        asyncio.run(guard.warm_up_async())
        guard.authenticate(request(issuer.token()))
        before = len(guard._engine.resource.cache)
        issuer.requests.clear()
        found = begin(guard, token)
        assert (
            isinstance(found.result, Pending) if reason is None else found.result.reason is reason
        )
        assert len(guard._engine.resource.cache) == before
        assert issuer.requests == [], "nothing is fetched before the flow is resumed"


@pytest.mark.parametrize("change", [" {}", "{}. x.y", "{}\n", "{}.é"])
def test_what_cannot_be_a_token_is_shown_to_nobody(guard, issuer, change):
    """The header is cached, so the fast path parses and refuses the token before introspection."""
    with pytest.raises(TokenRefused) as refused:
        guard.verify(change.format(issuer.token()))
    assert refused.value.reason is Reason.MALFORMED_TOKEN
    assert issuer.requests == []


@pytest.mark.parametrize(
    ("payload", "reason"),
    [('{"exp":NaN}', Reason.MALFORMED_CLAIM), ('{"exp":', Reason.MALFORMED_TOKEN)],
)
def test_a_payload_that_cannot_be_read_is_refused_as_by_the_flow(guard, issuer, payload, reason):
    head, _, signature = issuer.token().split(".")
    token = f"{head}.{b64(payload.encode())}.{signature}"
    assert begin(guard, token).result.reason is reason
    assert guard.authenticate(request(token)).reason is reason
    assert issuer.requests == []


@pytest.mark.parametrize(("length", "hashed"), [(400, True), (401, False)])
def test_a_token_that_is_too_long_is_not_hashed(issuer, length, hashed):
    """A client may send a field that is larger than any token."""
    with issuer.guard(max_token_bytes=400) as guard:
        found = begin(guard, "a" * length)
        assert found.presented.cache == ("miss" if hashed else "none")
        assert (found.presented.digest != b"") is hashed
        assert hashed or found.result.reason is Reason.TOKEN_TOO_LONG


def test_without_keys_it_is_pending(issuer):
    with issuer.guard() as guard:
        found = begin(guard, issuer.token())
        assert isinstance(found.result, Pending)
        assert issuer.requests == []


@pytest.mark.parametrize("elapsed", [200, 301])
def test_a_bad_signature_is_final_while_the_keys_are_young(guard, issuer, elapsed):
    """From 300 s on, another key may have the same key ID, and the set is fetched again."""
    guard.verify(issuer.token())
    issuer.clock.advance(elapsed)
    found = begin(guard, tampered(issuer.token()))
    final = elapsed < 300
    assert isinstance(found.result, Pending) is not final
    if final:
        assert (found.result, found.presented.token, found.presented.cache) == (
            PROBLEMS[Reason.BAD_SIGNATURE],
            None,
            "miss",
        )


@pytest.mark.parametrize("header", [None, {"kid": None}], ids=["kid", "no kid"])
@pytest.mark.parametrize("host", HOSTS, ids=str)
def test_a_bad_signature_is_looked_at_once(guard, issuer, events, host, header, monkeypatch):
    """An attacker chooses the number of bad tokens, so none may be verified twice."""
    looked = []
    guard.verify(issuer.token(header=header))
    bad = tampered(issuer.token(header=header))
    guard.authenticate(
        request(bad)
    )  # without a kid it causes another fetch of the set, once in 30 seconds
    keys = guard._engine.resource.only_server.keys.value
    (key,) = keys.find(issuer.signing_key.kid, issuer.signing_key.algorithm)

    def counted(signing_input, signature):
        looked.append(signature)
        return key.verifies(signing_input, signature)

    counting = VerificationKey(key.kid, key.alg, key.numbers, counted)
    monkeypatch.setitem(keys._found, (None if header else key.kid, key.alg), (counting,))
    host.call(guard, "GET", "/token", [(b"authorization", b"Bearer " + bad.encode())], "")
    assert len(looked) == 1
    assert events[-1].host in host.events
    assert [(event.status, event.reason, event.cache) for event in events[-1:]] == [
        (401, "bad_signature", "miss")
    ]


def test_what_is_remembered_of_a_key_set_goes_with_it(issuer):
    """A key that was withdrawn and published again has a new validity."""
    with issuer.guard() as guard:
        for _ in range(2):
            guard.verify(issuer.token())
        before = guard._engine.resource.only_server.keys.value
        issuer.clock.advance(3600)
        token = issuer.token()
        guard.verify(token)
        after = guard._engine.resource.only_server.keys.value
        assert after is not before
        assert begin(guard, issuer.token()).issuer == issuer.issuer


@pytest.mark.parametrize("way", ["a known header", "a new header"])
def test_a_key_that_is_replaced_under_its_name_while_it_is_tried_refuses_nobody(
    issuer, way, monkeypatch
):
    """Another request may fetch the newer set meanwhile; the signature was not tried with it."""
    with issuer.guard() as guard:
        for _ in range(2):
            guard.verify(issuer.token())
        keys, kid = guard._engine.resource.only_server.keys.value, issuer.signing_key.kid
        (key,) = keys.find(kid, issuer.signing_key.algorithm)
        issuer.clock.advance(400)  # old enough for a replaced key, and current
        new = dataclasses.replace(make_key(issuer.signing_key.algorithm, "replaced"), kid=kid)
        monkeypatch.setattr(issuer, "signing_key", new)
        monkeypatch.setattr(issuer, "keys", [new])
        token, other, looked = issuer.token(subject="good"), issuer.token(), []

        def verifies(signing_input, signature):
            said = key.verifies(signing_input, signature)
            if not looked:
                looked.append(said)
                guard.verify(other)
            return said

        monkeypatch.setitem(
            keys._found, (kid, key.alg), (VerificationKey(kid, key.alg, key.numbers, verifies),)
        )
        if way == "a new header":
            monkeypatch.setattr(jose, "_known_headers", {})
        issuer.requests.clear()
        assert guard.verify(token).subject == "good"
        assert looked == [False]
        assert len(issuer.requests) <= 2, "one load of keys, and of metadata"
