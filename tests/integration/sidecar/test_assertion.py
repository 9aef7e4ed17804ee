"""The signed assertion: its claims, its lifetime, and its audience. It is never an access token."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from iiniit_guard import Guard, SettingsError
from iiniit_guard.core.jose.encodings import decode_base64url
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.request import Request
from iiniit_guard.sidecar.apps.build import make_app
from iiniit_guard.testing import Issuer, make_key
from tests.contract.hosts.calling import drive
from tests.integration.sidecar.sites import RULES, ask, bearer, identity, make_sidecar

GATEWAY, SERVICE = "https://gateway.test", "https://profile.internal"


@pytest.fixture
def issuer():
    return Issuer()


@pytest.fixture
def key_files(tmp_path):
    files = [tmp_path / "one.pem", tmp_path / "two.pem"]
    for number, file in enumerate(files):
        file.write_text(make_key("ES256", "gateway", number).private_pem())
    return [str(file) for file in files]


@pytest.fixture
def site(issuer, key_files):
    def make(**settings):
        upstream = {
            "audience": SERVICE,
            "assertion_issuer": GATEWAY,
            "assertion_keys": key_files,
            **settings.pop("upstream", {}),
        }
        return make_sidecar(issuer, upstream=upstream, **settings)

    return make


def keys_of(sidecar):
    return drive(make_app(sidecar, "public"), "GET", "/jwks", [])


def service(sidecar, issuer, **settings):
    """A service behind the gateway: its guard trusts the assertion alone."""
    published = HttpResponse(200, (), keys_of(sidecar).body)
    told = {
        "issuer": GATEWAY,
        "audience": SERVICE,
        "jwks_uri": "https://gateway.test/jwks",
        "profile": "assertion",
        **settings,
    }
    return Guard(transport=lambda request: published, clock=issuer.clock.clock, **told)


def asserted(answer):
    value = answer.header("x-iiniit-assertion")
    assert value is not None
    return value


def claims_of(assertion):
    header, payload, _ = assertion.split(".")
    return tuple(json.loads(decode_base64url(part.encode()) or b"") for part in (header, payload))


def called(guard, assertion, *headers, policy=None):
    lines = ([(b"x-iiniit-assertion", assertion.encode())] if assertion is not None else []) + list(
        headers
    )
    return guard.authenticate(
        Request("GET", "/", headers=lines), *([] if policy is None else [policy])
    )


def test_it_says_who_called_for_whom_and_until_when(site, issuer):
    sidecar = site()
    answer = ask(
        sidecar,
        headers=bearer(
            issuer.token("user:write user:read", acr="gold", auth_time=5, email="a@b.test")
        ),
    )
    header, claims = claims_of(asserted(answer))

    assert (header["typ"], header["alg"], header["kid"]) == (
        "iiniit-assertion+jwt",
        "ES256",
        keys_of(sidecar).json["keys"][0]["kid"],
    )
    assert len(claims.pop("jti")) == 32
    now = int(issuer.clock.wall())
    assert claims == {
        "iss": GATEWAY,
        "aud": SERVICE,
        "iat": now,
        "exp": now + 60,
        "token_issuer": issuer.issuer,
        "sub": "user-1",
        "client_id": "client-1",
        "scope": "user:read user:write",
        "acr": "gold",
        "auth_time": 5,
    }
    assert identity(answer)["subject"] == "user-1"


def test_a_service_trusts_it(site, issuer):
    sidecar = site()
    assertion = asserted(ask(sidecar, headers=bearer(issuer.token("user:read", acr="gold"))))
    with service(sidecar, issuer) as guard:
        decision = called(guard, assertion, policy=make_policy(["user:read"], acr_values=("gold",)))
        lacking = called(guard, assertion, policy=make_policy(["user:write"]))

    assert isinstance(decision, Allow)
    assert decision.token is not None
    assert (
        decision.token.issuer,
        decision.token.subject,
        decision.token.claims["token_issuer"],
    ) == (GATEWAY, "user-1", issuer.issuer)
    assert (lacking.status, lacking.reason) == (403, "missing_scope")


def test_a_service_trusts_nothing_else(site, issuer):
    sidecar = site()
    token = issuer.token()
    assertion = asserted(ask(sidecar, headers=bearer(token)))
    strange = Issuer(GATEWAY, SERVICE)
    with service(sidecar, issuer) as guard:
        rows = {
            "nothing": (called(guard, None), "no_token"),
            "an empty header, which goes with the anonymous": (called(guard, ""), "no_token"),
            "the client's own token": (called(guard, None, *bearer(token)), "no_token"),
            "the assertion as a token": (called(guard, None, *bearer(assertion)), "no_token"),
            "two": (
                called(guard, assertion, (b"x-iiniit-assertion", assertion.encode())),
                "several_credentials",
            ),
            "a token as the assertion": (called(guard, token), "unknown_issuer"),
            "no token at all": (called(guard, "a b"), "malformed_header"),
            "something opaque": (called(guard, "opaque"), "malformed_token"),
            "another type": (called(guard, strange.token()), "wrong_type"),
            "another key": (
                called(guard, strange.token(header={"typ": "iiniit-assertion+jwt"})),
                "unknown_key",
            ),
        }

    assert {name: decision.reason for name, (decision, _) in rows.items()} == {
        name: reason for name, (_, reason) in rows.items()
    }


def test_another_upstream_does_not_accept_it(site, issuer):
    sidecar = site()
    assertion = asserted(ask(sidecar, headers=bearer(issuer.token())))
    with service(sidecar, issuer, audience="https://other.internal") as guard:
        assert called(guard, assertion).reason == "wrong_audience"


@pytest.mark.parametrize("profile", ["generic", "rfc9068"])
def test_it_is_no_access_token(site, issuer, profile):
    sidecar = site()
    assertion = asserted(ask(sidecar, headers=bearer(issuer.token())))
    with service(sidecar, issuer, profile=profile) as guard:
        assert called(guard, None, *bearer(assertion)).reason == "wrong_type"
        assert called(guard, assertion).reason == "no_token"


def test_nothing_goes_on_without_the_header(site, issuer):
    sidecar = site(rules=RULES)

    assert asserted(ask(sidecar, target="/open", headers=bearer(issuer.token()))) == ""
    assert asserted(ask(sidecar, headers=bearer(issuer.token(subject=None, client_id=None)))) != ""


def test_another_credential_is_asserted_by_nobody(site, issuer):
    from iiniit_guard.core.model.access_token import Principal

    sidecar = site(
        more={"alternatives": {"ApiKey": lambda credential, request: Principal("ApiKey", "robot")}}
    )
    answer = ask(sidecar, headers=[(b"authorization", b"ApiKey k")])

    assert (answer.status, asserted(answer)) == (200, "")


def test_all_keys_are_published_and_the_first_signs(site, issuer, key_files):
    before = site()
    after = site(upstream={"assertion_keys": key_files[::-1]})
    published = [[key["kid"] for key in keys_of(each).json["keys"]] for each in (before, after)]
    signed = [
        claims_of(asserted(ask(each, headers=bearer(issuer.token()))))[0]["kid"]
        for each in (before, after)
    ]

    assert published[0] == published[1][::-1]
    assert signed == [published[0][0], published[0][1]]
    assert all("d" not in key for key in keys_of(before).json["keys"])
    with service(before, issuer) as guard:
        assert isinstance(
            called(guard, asserted(ask(after, headers=bearer(issuer.token())))), Allow
        )


@pytest.mark.parametrize("content", ["", "no key", "p384", "rsa", "encrypted", None])
def test_a_key_that_cannot_sign_is_a_fault(site, tmp_path, content):
    file = tmp_path / "bad.pem"
    if content == "p384":
        content = make_key("ES384", "gateway").private_pem()
    elif content == "rsa":
        content = make_key("RS256", "gateway").private_pem()
    elif content == "encrypted":
        key = make_key("ES256", "gateway").private_key
        content = key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
        ).decode()
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError) as refused:
        site(upstream={"assertion_keys": [str(file)]})

    (fault,) = refused.value.faults
    assert fault.startswith("upstream.assertion_keys: ")
    assert "BEGIN" not in fault
