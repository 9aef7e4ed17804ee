"""`private_key_jwt` with the key file that the console of Zitadel creates."""

from __future__ import annotations

import json
from functools import partial

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from iiniit_guard import PrivateKeyJwt, SecretFile
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.testing import make_key
from tests.unit.core.stepping import ISSUER
from tests.unit.core.test_client_authentication import begin

KEY = make_key("RS256", "a key file")
PEM = KEY.private_key.private_bytes(
    Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
).decode()
CLIENT, KEY_ID = "224@orders", "225"
FILE = {"type": "application", "keyId": KEY_ID, "key": PEM, "appId": "226", "clientId": CLIENT}
method = partial(PrivateKeyJwt, CLIENT, algorithm="RS256")


def checked(result):
    assertion = dict(result.form)["client_assertion"]
    claims = jwt.decode(
        assertion,
        KEY.private_key.public_key(),
        algorithms=["RS256"],
        audience=ISSUER,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["iss"] == claims["sub"] == CLIENT
    return jwt.get_unverified_header(assertion)["kid"]


@pytest.mark.parametrize(
    "key",
    [json.dumps(FILE), "\n" + json.dumps(FILE, indent=2), FILE],
    ids=["one line", "indented", "mapping"],
)
def test_the_file_is_accepted_as_it_is(key):
    assert checked(begin(method(key)).result) == KEY_ID


def test_it_is_read_from_its_place():
    steps = begin(method(SecretFile("/key.json")))
    assert checked(steps.send(json.dumps(FILE).encode()).result) == KEY_ID


def test_an_explicit_key_id_is_used():
    assert checked(begin(method(FILE, key_id="other")).result) == "other"


def test_a_file_without_client_is_accepted():
    assert checked(begin(method({**FILE, "clientId": CLIENT})).result) == KEY_ID
    without = {name: value for name, value in FILE.items() if name != "clientId"}
    assert checked(begin(method(without)).result) == KEY_ID


@pytest.mark.parametrize(
    "changes",
    [{"clientId": "other"}, {"clientId": None}, {"key": 1}, {"key": "x"}, {"key": None}],
)
def test_another_file_is_an_outage_that_quotes_nothing(changes):
    result = begin(method({**FILE, **changes})).result
    assert isinstance(result, Unreachable)
    assert (result.cause, "PRIVATE" in result.detail) == ("credentials", False)


def test_a_file_without_a_key_is_an_outage():
    result = begin(method({"keyId": KEY_ID, "clientId": CLIENT})).result
    assert result.cause == "credentials"
