"""Rows that each kill a mutant that survived all other tests."""

from __future__ import annotations

import pytest

from iiniit_guard.core.claims.scope import scope_reading
from iiniit_guard.core.http.bearer import (
    Credential,
    assertion_of,
    credential_of,
    has_query_token,
    is_b64token,
)
from iiniit_guard.core.http.event import event_of
from iiniit_guard.core.issuer.metadata import metadata_urls
from iiniit_guard.core.jose.encodings import decode_base64url, encode_base64url
from iiniit_guard.core.jose.jws import ALGORITHMS, Jws
from iiniit_guard.core.model.access_token import Claims
from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.core.model.policy import ANY_TOKEN
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.resource_metadata import metadata_response
from iiniit_guard.core.settings.guard_settings import make_settings
from iiniit_guard.errors import SettingsError
from tests.contract.cases.jws_texts import parse_jws
from tests.unit.core.stepping import (
    bearer,
    make_clock,
    make_resource,
    mint,
)

# Extraction


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((), Reason.NO_TOKEN),
        ((b"",), Reason.NO_TOKEN),
        ((b" \t",), Reason.NO_TOKEN),
        ((b"a.b.c",), "a.b.c"),
        ((b"a.b.c \t ",), "a.b.c"),
        ((b"a" * 16 + b" ",), "a" * 16),
        ((b"a b",), Reason.MALFORMED_HEADER),
        ((b"a", b"a"), Reason.SEVERAL_CREDENTIALS),
        ((b"a" * 16,), "a" * 16),
        ((b"a" * 17,), Reason.TOKEN_TOO_LONG),
    ],
)
def test_what_the_gateway_says(lines, found):
    headers = [
        (b"authorization", b"Bearer other"),
        *((b"x-iiniit-assertion", line) for line in lines),
    ]
    outcome = assertion_of(Request("GET", "/", headers=headers), 16)
    assert (outcome.reason if isinstance(outcome, Problem) else outcome.value) == found


@pytest.mark.parametrize(("length", "good"), [(9, True), (10, True), (11, False)])
def test_another_schemes_credential_may_be_as_long_as_a_token(length, good):
    request = Request("GET", "/", headers=[(b"authorization", b"ApiKey " + b"k" * length)])
    assert isinstance(credential_of(request, frozenset({"apikey"}), 10), Credential) is good


def test_white_space_behind_another_schemes_credential_is_not_part_of_it():
    """RFC 9110 §5.5: some servers remove it, and the credential must be equal behind all."""
    request = Request("GET", "/", headers=[(b"authorization", b"ApiKey secret key\t ")])
    assert credential_of(request, frozenset({"apikey"}), 10) == Credential("apikey", "secret key")


@pytest.mark.parametrize(
    ("query", "there"),
    [
        (b"", False),
        (b"a=b", False),
        (b"a+b=c", False),
        (b"access%5Ftoken=x", True),
        (b"+access_token=x", True),
        (b"x=access_token", False),
    ],
)
def test_a_token_in_the_query(query, there):
    assert has_query_token(query) is there
    found = credential_of(Request("GET", "/", query), frozenset({"bearer"}), 10)
    assert isinstance(found, Problem)
    assert (found.reason is Reason.TOKEN_IN_QUERY) is there


@pytest.mark.parametrize(
    ("text", "good"), [(b"aX", True), (b"X", True), (b"=", False), (b"a=X", False), (b"aX==", True)]
)
def test_only_equals_signs_pad(text, good):
    assert is_b64token(text) is good


# Parsing


def test_an_encoding_that_ends_in_any_letter_is_whole():
    for number in range(256):
        octets = bytes([255, 255, number])
        assert decode_base64url(encode_base64url(octets)) == octets
        assert len(encode_base64url(octets)) == 4


def test_the_path_of_an_issuer_keeps_its_last_letter():
    assert metadata_urls("https://a.test/X") == (
        "https://a.test/.well-known/oauth-authorization-server/X",
        "https://a.test/X/.well-known/openid-configuration",
    )


def test_three_parts_are_no_more_and_no_less():
    token = mint(make_clock())
    assert isinstance(parse_jws(token, frozenset(ALGORITHMS)), Jws)
    for wrong in (
        token + ".",
        "." + token,
        token.replace(".", "..", 1),
        token + ".x",
        "x." + token,
    ):
        assert isinstance(parse_jws(wrong, frozenset(ALGORITHMS)), Problem)


def test_a_scope_string_seen_before_says_the_same():
    reading = scope_reading(strict=False, also=(), aliases={}, implies={})
    first = reading.scopes_of({"scope": "a b"})
    assert reading.scopes_of({"scope": "a b"}) is first
    assert reading.scopes_of({"scope": "b a"}) == first
    assert "a b" in reading.seen
    assert reading.seen["a b"] is first
    assert reading.scopes_of({"scp": "a b"}) == first


def test_roles_are_separated_by_spaces_alone():
    reading = scope_reading(strict=False, also=("roles",), aliases={}, implies={})
    assert reading.scopes_of({"roles": "a\tb c"}) == {"c"}


def test_claims_cannot_be_removed_and_hash_by_their_names():
    claims = Claims({"a": 1, "b": [1]})
    with pytest.raises(AttributeError, match=r"^claims are read-only$"):
        del claims.a  # type: ignore[attr-defined]  # there is no such attribute either
    assert hash(claims) == hash(Claims({"b": [1], "a": 1})) != hash(Claims({"c": 1}))


def test_a_description_outside_the_grammar_is_refused_in_words():
    with pytest.raises(
        ValueError,
        match=r"^a description contains a character that RFC 6750 section 3 does not allow$",
    ):
        Problem(401, "invalid_token", Reason.EXPIRED, 'a "quote"')


# Events


@pytest.mark.parametrize(
    "lines", [(), (b"Bearer a", b"Bearer a"), (b"Basic a",), (b"Bearer",), (b"Bearer a b",)]
)
def test_what_is_no_one_token_has_no_digest(lines):
    resource = make_resource(make_clock())
    request = Request("GET", "/", headers=[(b"authorization", line) for line in lines])
    decision = resource.refusal_writer.deny(PROBLEMS[Reason.NO_TOKEN], request, ANY_TOKEN)
    assert event_of(decision, request, "x", now=0, seconds=0, subjects=True).token_digest is None


# Metadata of the resource


def test_the_whole_answer_and_the_whole_preflight():
    resource = make_resource(
        make_clock(), audience="https://api.test/v1", resource="https://api.test/v1"
    )
    place = "/.well-known/oauth-protected-resource/v1"
    found = metadata_response(Request("GET", place), resource)
    assert found is not None
    assert found.headers == (
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(found.body))),
        ("Cache-Control", "public, max-age=3600"),
        ("Access-Control-Allow-Origin", "*"),
    )
    preflight = metadata_response(Request("OPTIONS", place), resource)
    assert preflight is not None
    assert (preflight.status, preflight.body) == (204, b"")
    assert preflight.headers == (
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", "GET, HEAD"),
        ("Access-Control-Allow-Headers", "*"),
        ("Access-Control-Max-Age", "3600"),
    )
    assert all(
        metadata_response(Request("GET", place, scheme=scheme), resource) is None
        for scheme in ("ws", "wss")
    )
    assert all(
        metadata_response(Request("GET", place, scheme=scheme), resource) is not None
        for scheme in ("http", "https")
    )


# Keys


# Settings


def test_faults_of_several_kinds_are_all_told():
    with pytest.raises(SettingsError) as fault:
        make_settings(
            {
                "issuer": "https://a.test",
                "audience": "x",
                "store_url": "ftp://x",
                "store_secret": "short",
                "realm": "",
            }
        )
    told = "\n".join(fault.value.faults)
    assert "store_url: must be a URL that begins with redis://, rediss:// or unix://" in told
    assert "store_secret: must be at least 32 characters" in told
    assert "realm" in told


@pytest.mark.parametrize(
    ("scheme", "good"),
    [("Api-Key", True), ("Api Key", False), ("Api_Key", False), ("\u00c4pi", False), ("-", False)],
)
def test_a_scheme_of_an_alternative(scheme, good):
    settings = {
        "issuer": "https://a.test",
        "audience": "x",
        "alternatives": {scheme: lambda value, request: None},
    }
    if good:
        make_settings(settings)
        return
    with pytest.raises(SettingsError) as fault:
        make_settings(settings)
    assert list(fault.value.faults) == [
        "alternatives: a scheme must be one word other than Bearer and DPoP"
    ]


def test_a_bearer_request_of_these_tests_is_one():
    assert isinstance(credential_of(bearer("abc"), frozenset({"bearer"}), 10), Credential)
    assert HttpResponse(200).header("x") is None
