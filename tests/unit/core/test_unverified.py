"""`cnf` of an unverified JWT: parsed leniently, and used only to refuse the token."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest

from iiniit_guard.core.jose.jws import names_confirmation

DEEP = b'{"a":' + b"[" * 40 + b"]" * 40 + b"}"


def jwt(payload, header=b'{"alg":"HS256"}'):
    return ".".join(
        urlsafe_b64encode(part).rstrip(b"=").decode() for part in (header, payload, b"signature")
    )


@pytest.mark.parametrize(
    "payload",
    [
        b'{"cnf":{"jkt":"x"}}',
        b'{"cnf":null}',
        b' {"sub":"x","cnf":1}',
        b'{"\\u0063nf":{}}',
        b'{"cnf":{},"cnf":{}}',
        b'{"exp":NaN,"cnf":{}}',
        b'{"a":"\n","cnf":{}}',
        b'{"cnf":{},}',
        b'{"\\u0063nf":{},}',
        b'{"n":' + b"9" * 5000 + b',"cnf":{}}',
        b'\xef\xbb\xbf{"cnf":{}}',
        '{"cnf":{}}'.encode("utf-16"),
        DEEP,
        b'{"cnf":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
    ids=lambda payload: payload[:24],
)
def test_bound(payload):
    if payload is DEEP:  # a payload that is too deep is refused if it may contain an escaped name
        payload = DEEP.replace(b'"a"', b'"\\u0063nf"')
    assert names_confirmation(jwt(payload))
    assert names_confirmation(jwt(payload, b"\x00\xff")), "whatever the header"


@pytest.mark.parametrize(
    "payload",
    [
        b"{}",
        b'{"sub":"cnf"}',
        b'{"act":{"cnf":{}}}',
        b'{"a":"\\n"}',
        b'["cnf"]',
        b'"cnf"',
        b"",
        b"\xff\xfe",
        b"{nothing",
        b'{"a":"\\n"',
        b"cnf",
    ],
)
def test_not_bound(payload):
    assert not names_confirmation(jwt(payload))


@pytest.mark.parametrize(
    "token", ["", "opaque", "a.b", jwt(b'{"cnf":{}}').rpartition(".")[0], "..", "é.é.é"]
)
def test_what_is_no_jwt(token):
    assert not names_confirmation(token)
