"""The way past the flow for a JWT that nobody has seen: its header, its issuer and its key are known."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from iiniit_guard import TokenRefused
from iiniit_guard.core.decision import Finding
from iiniit_guard.core.issuer import authorization_server
from iiniit_guard.core.jose import jws as jose
from iiniit_guard.core.jose.verification_key import VerificationKey
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.policy import ANY_TOKEN
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.testing import make_key
from tests.contract.cases.jose_keys import b64
from tests.contract.hosts.builders import HOSTS
from tests.unit.guard.calling import NOW, WRITE, request


@pytest.fixture
def guard(issuer, events):
    """One that has the keys and has seen a token."""
    with issuer.guard(on_event=events.append) as guard:
        guard.authenticate(request(issuer.token()))
        events.clear()
        issuer.requests.clear()
        yield guard


def recalled(guard, token, wanted=ANY_TOKEN):
    return guard.decide_at_once(b"Bearer " + token.encode(), wanted=wanted)


def tampered(token):
    head, _, signature = token.rpartition(".")
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def test_it_is_decided_and_remembered(guard, issuer, events):
    token = issuer.token("user:read", subject="alice")
    found = recalled(guard, token)
    assert isinstance(found, AccessToken)
    assert found.subject == "alice"
    assert recalled(guard, token) is found
    assert [event.cache for event in events] == ["miss", "hit"]
    assert issuer.requests == []


@pytest.mark.parametrize(
    ("claims", "wanted", "reason"),
    [
        ({"exp": NOW - 31}, ANY_TOKEN, Reason.EXPIRED),
        ({"aud": "https://other.test"}, ANY_TOKEN, Reason.WRONG_AUDIENCE),
        ({"cnf": {"jkt": "x"}}, ANY_TOKEN, Reason.UNSUPPORTED_CONFIRMATION),
        ({"sub": 1}, ANY_TOKEN, Reason.MALFORMED_CLAIM),
        ({}, WRITE, Reason.MISSING_SCOPE),
    ],
)
def test_what_is_found_against_it_is_final(guard, issuer, claims, wanted, reason):
    found = recalled(guard, issuer.token("user:read", **claims), wanted)
    assert isinstance(found, Finding)
    assert found.problem is not None
    assert (found.problem.reason, found.cache) == (reason, "miss")
    assert not found, "a refusal must not look like a grant"
    assert guard.recall(b"Bearer " + issuer.token("user:read", **claims).encode(), wanted=wanted) is None
    assert (found.token is not None) == (reason is Reason.MISSING_SCOPE)


@pytest.mark.parametrize(
    ("settings", "make"),
    [
        pytest.param({}, lambda issuer: issuer.opaque_token(), id="opaque"),
        pytest.param({}, lambda issuer: issuer.token(header={"kid": "another"}), id="a header that nobody has seen"),
        pytest.param({}, lambda issuer: issuer.token(iss="https://other.test"), id="another issuer"),
        pytest.param({}, lambda issuer: issuer.token(iss=["https://issuer.test"]), id="an issuer that is no text"),
        pytest.param({}, lambda issuer: issuer.token() + "=", id="padding"),
        pytest.param({}, lambda issuer: issuer.token()[:-2] + "*A", id="foreign characters"),
        pytest.param({}, lambda issuer: issuer.token().rpartition(".")[0] + ".", id="no signature"),
        pytest.param({}, lambda issuer: issuer.token().replace(".", "..", 1), id="four parts"),
        pytest.param({"max_token_bytes": 400}, lambda issuer: issuer.token(filling="x" * 400), id="too long"),
        pytest.param({"jwt": "introspect"}, lambda issuer: issuer.token(), id="the server is to be asked"),
        pytest.param({"jwt": "both"}, lambda issuer: issuer.token(), id="the server is to be asked too"),
        pytest.param({"algorithms": ["RS256"]}, lambda issuer: issuer.token(), id="an algorithm that is not allowed"),
        pytest.param({"profile": "generic"}, lambda issuer: issuer.token(header={"typ": "id+jwt"}), id="another type"),
    ],
)
def test_everything_else_is_left_to_the_flow(issuer, settings, make):
    token = make(issuer)
    with issuer.guard(**settings) as guard:
        asyncio.run(guard.prepare_async())
        guard.authenticate(request(issuer.token()))
        before = len(guard.resource.cache)
        said = recalled(guard, token)
        assert said is None or said[:-1] == Finding(None)[:-1]
        assert len(guard.resource.cache) == before


@pytest.mark.parametrize("change", [" {}", "{}. x.y", "{}\n", "{}.é"])
def test_what_cannot_be_a_token_is_shown_to_nobody(guard, issuer, change):
    """Its header is known, so the fast path reads it; it is refused before an introspection endpoint is asked."""
    with pytest.raises(TokenRefused) as refused:
        guard.verify(change.format(issuer.token()))
    assert refused.value.reason is Reason.MALFORMED_TOKEN
    assert issuer.requests == []


@pytest.mark.parametrize(("payload", "reason"), [('{"exp":NaN}', Reason.MALFORMED_CLAIM), ('{"exp":', Reason.MALFORMED_TOKEN)])
def test_a_payload_that_cannot_be_read_is_refused_as_by_the_flow(guard, issuer, payload, reason):
    head, _, signature = issuer.token().split(".")
    token = f"{head}.{b64(payload.encode())}.{signature}"
    found = recalled(guard, token)
    assert found.tried.jws.reason is reason, "the flow need not parse it again"
    assert guard.authenticate(request(token)).reason is reason
    assert issuer.requests == []


def test_without_keys_it_is_left_to_the_flow(issuer):
    with issuer.guard() as guard:
        found = recalled(guard, issuer.token())
        assert isinstance(found, Finding)
        assert found.problem is None
        assert issuer.requests == []


@pytest.mark.parametrize("elapsed", [200, 301])
def test_a_bad_signature_is_final_while_the_keys_are_young(guard, issuer, elapsed):
    """DESIGN §5: from 300 s on the key may have been replaced under its name, and only the flow can ask."""
    issuer.clock.advance(elapsed)
    found = recalled(guard, tampered(issuer.token()))
    final = elapsed < 300
    assert found[:3] == ((PROBLEMS[Reason.BAD_SIGNATURE], None, "miss") if final else (None, None, "none"))
    keys = guard.resource.only_server.keys.value
    assert (found.tried and found.tried.keys) is (None if final else keys), "the flow need not try these again"


@pytest.mark.parametrize("header", [None, {"kid": None}], ids=["kid", "no kid"])
@pytest.mark.parametrize("host", HOSTS, ids=str)
def test_a_bad_signature_is_looked_at_once(guard, issuer, events, host, header, monkeypatch):
    """A stranger chooses how many bad tokens come: none may cost two checks, one in the short way and one in the flow."""
    looked = []
    guard.verify(issuer.token(header=header))
    bad = tampered(issuer.token(header=header))
    guard.authenticate(request(bad))  # without a kid it has the set fetched anew, once in 30 seconds
    keys = guard.resource.only_server.keys.value
    (key,) = keys.find(issuer.signing_key.kid, issuer.signing_key.algorithm)

    def counted(signing_input, signature):
        looked.append(signature)
        return key.verifies(signing_input, signature)

    counting = VerificationKey(key.kid, key.alg, key.thumbprint, counted)
    monkeypatch.setitem(keys._found, (None if header else key.kid, key.alg), (counting,))
    keys.signers.clear()
    host.call(guard, "GET", "/token", [(b"authorization", b"Bearer " + bad.encode())], "")
    assert len(looked) == 1
    assert events[-1].host in host.events
    assert [(event.status, event.reason, event.cache) for event in events[-1:]] == [(401, "bad_signature", "miss")]


def test_a_header_is_known_from_a_good_signature_only(issuer, monkeypatch):
    monkeypatch.setattr(jose, "_known_headers", {})
    with issuer.guard() as guard:
        token = issuer.token()
        guard.authenticate(request(tampered(token)))
        assert jose.parse_usual_jws(token.encode()) is None
        guard.authenticate(request(token))
        assert jose.parse_usual_jws(token.encode()) is not None


def test_what_is_remembered_of_a_key_set_is_bounded(issuer, monkeypatch):
    """An issuer with a header per token, each with a good signature."""
    monkeypatch.setattr(authorization_server, "MAX_HEADERS", 3)
    with issuer.guard() as guard:
        for number in range(4):
            for _ in range(2):  # by the flow, then at once
                assert guard.verify(issuer.token(header={"more": number})).issuer == issuer.issuer
        keys = guard.resource.only_server.keys.value
        assert len(keys.signers) == 1, "full, it starts afresh"


def test_what_is_remembered_of_a_key_set_goes_with_it(issuer):
    """The validity of a key that was withdrawn and came back is another one."""
    with issuer.guard() as guard:
        for _ in range(2):
            guard.verify(issuer.token())
        before = guard.resource.only_server.keys.value
        issuer.clock.advance(3600)
        token = issuer.token()
        guard.verify(token)
        after = guard.resource.only_server.keys.value
        assert after is not before
        assert recalled(guard, issuer.token()).issuer == issuer.issuer
        assert set(after.signers) == set(before.signers)


@pytest.mark.parametrize("way", ["at once", "by the flow"])
def test_a_key_that_is_replaced_under_its_name_while_it_is_tried_refuses_nobody(issuer, way, monkeypatch):
    """Another request may fetch the newer set meanwhile: that one is young, and not the one that was tried."""
    with issuer.guard() as guard:
        for _ in range(2):
            guard.verify(issuer.token())
        keys, kid = guard.resource.only_server.keys.value, issuer.signing_key.kid
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

        monkeypatch.setitem(keys._found, (kid, key.alg), (VerificationKey(kid, key.alg, key.thumbprint, verifies),))
        keys.signers.clear()
        if way == "by the flow":
            monkeypatch.setattr(jose, "_known_headers", {})
        issuer.requests.clear()
        assert guard.verify(token).subject == "good"
        assert looked == [False]
        assert len(issuer.requests) <= 2, "one load of keys, and of metadata"
