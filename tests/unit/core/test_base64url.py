"""RFC 7515 §2: base64url without padding, in one spelling."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiniit_guard.core.jose.encodings import decode_base64url, decode_leniently, encode_base64url
from tests.contract.cases.json_texts import BAD_BASE64URL

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.mark.parametrize(
    "encoded", [pytest.param(row[2], id=f"{row[0]} ({row[1]})") for row in BAD_BASE64URL]
)
def test_refuses(encoded):
    assert decode_base64url(encoded) is None


def test_takes_what_rfc_7515_appendix_c_shows():
    assert decode_base64url(b"A-z_4ME") == bytes([3, 236, 255, 224, 193])
    assert decode_base64url(b"") == b""
    assert encode_base64url(bytes([3, 236, 255, 224, 193])) == b"A-z_4ME"


@pytest.mark.parametrize("head", [b"", b"A", b"AA", b"AAA"], ids=len)
def test_each_last_octet_is_taken_only_in_the_one_spelling(head):
    """RFC 4648 §3.5, for every octet that can stand at the end of every length."""
    for last in range(256):
        encoded = head + bytes([last])
        decoded = decode_base64url(encoded)
        assert decoded is None or (
            last in ALPHABET and base64.urlsafe_b64encode(decoded).rstrip(b"=") == encoded
        )
    assert (
        sum(decode_base64url(head + bytes([last])) is not None for last in range(256))
        == (0, 4, 16, 64)[len(head)]
    )


@given(st.binary(max_size=200))
def test_what_is_encoded_is_decoded(octets):
    encoded = encode_base64url(octets)
    assert encoded == base64.urlsafe_b64encode(octets).rstrip(b"=")
    assert decode_base64url(encoded) == octets
    assert decode_leniently(encoded) == octets


@given(st.one_of(st.binary(max_size=60), st.text("AB-_=+/.", max_size=30).map(str.encode)))
def test_nothing_raises_and_only_the_one_spelling_is_taken(encoded):
    decoded = decode_base64url(encoded)
    assert decoded is None or encode_base64url(decoded) == encoded
    assert isinstance(decode_leniently(encoded), bytes)


@pytest.mark.parametrize(
    "encoded",
    [
        b"eyJhIjoxfQ",
        b"eyJhIjoxfQ==",
        b"eyJhIjoxfQ=",
        b"eyJhIjoxfR",
        b"eyJh=IjoxfQ",
        b"eyJh IjoxfQ\n",
        b"eyJhIjoxf~Q",
        b"eyJhIjoxfQ\xff",
        b"eyJhIjoxfQAAA",
    ],
)
def test_the_lenient_decoder_reads_what_another_might(encoded):
    assert decode_leniently(encoded).startswith(b'{"a":1}')


def test_the_lenient_decoder_takes_both_alphabets():
    assert decode_leniently(b"-_-_") == decode_leniently(b"+/+/") == b"\xfb\xff\xbf"
    assert decode_leniently(b"AAAAA") == b"\0\0\0"


@pytest.mark.parametrize("length", range(9))
def test_no_octet_anywhere_is_passed_over(length):
    """The decoder of the standard library skips foreign octets.

    Each octet is tried at each place, instead of another and in addition.
    """
    good = encode_base64url(bytes(range(200, 200 + length)))
    for place in range(len(good) + 1):
        for octet in range(256):
            for changed in (
                good[:place] + bytes([octet]) + good[place:],
                good[:place] + bytes([octet]) + good[place + 1 :],
            ):
                decoded = decode_base64url(changed)
                assert decoded is None or encode_base64url(decoded) == changed
