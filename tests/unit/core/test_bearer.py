"""Extraction of the credential; tests/contract/cases/headers.py has rows for header forms."""

from __future__ import annotations

import time

import pytest

from iiniit_guard.core.http.bearer import Credential, credential_of, has_query_token
from iiniit_guard.core.model.problem import Problem, Reason
from iiniit_guard.core.model.request import Request

BEARER = frozenset({"bearer"})
WITH_API_KEY = frozenset({"bearer", "apikey"})


def find(*lines, schemes=BEARER, limit=100, query=b"", query_token="refuse"):
    request = Request("GET", "/", query, [(b"authorization", line) for line in lines])
    return credential_of(request, schemes, limit, query_token=query_token)


def reason_of(found):
    assert isinstance(found, Problem), found
    return found.reason


@pytest.mark.parametrize(
    ("line", "credential"),
    [
        pytest.param(b"Bearer abc", Credential("bearer", "abc"), id="RFC 6750 §2.1"),
        pytest.param(
            b"bEARER   a-._~+/==",
            Credential("bearer", "a-._~+/=="),
            id="RFC 9110 §11.4: 1*SP; any case",
        ),
        pytest.param(
            b"ApiKey k 1",
            Credential("apikey", "k 1"),
            id="an alternative's value is the application's to judge",
        ),
        pytest.param(
            b'APIKEY id="a, b", mac="x\\"y"',
            Credential("apikey", 'id="a, b", mac="x\\"y"'),
            id="RFC 9110 §11.2: parameters",
        ),
    ],
)
def test_gives_scheme_and_value(line, credential):
    assert find(line, schemes=WITH_API_KEY) == credential


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(b"", Reason.NO_TOKEN, id="an empty field, as some gateways send it"),
        pytest.param(b"Basic eA==", Reason.NO_TOKEN, id="RFC 6750 §3.1: another scheme only"),
        pytest.param(b"ApiKey", Reason.MALFORMED_HEADER, id="an alternative with nothing after it"),
        pytest.param(
            b"ApiKey a\x00b", Reason.MALFORMED_HEADER, id="RFC 9110 §5.5: a control character"
        ),
        pytest.param(b"ApiKey \xe9", Reason.MALFORMED_HEADER, id="not ASCII"),
        pytest.param(
            b"ApiKey " + b"k" * 101,
            Reason.TOKEN_TOO_LONG,
            id="max_token_bytes holds for every scheme",
        ),
        pytest.param(
            b"ApiKey k, Bearer abc", Reason.SEVERAL_CREDENTIALS, id="RFC 9110 §5.3: joined fields"
        ),
        pytest.param(
            b'ApiKey id="a", Bearer abc',
            Reason.SEVERAL_CREDENTIALS,
            id="RFC 9110 §5.3: joined behind parameters",
        ),
        pytest.param(b"(x) abc", Reason.MALFORMED_HEADER, id="RFC 9110 §5.6.2: no scheme"),
        pytest.param(b" Bearer abc", Reason.MALFORMED_HEADER, id="a space before"),
        pytest.param(
            b"Bearer \t ", Reason.MALFORMED_HEADER, id="nothing but white space after the scheme"
        ),
        pytest.param(
            b"ApiKey ab\x0b",
            Reason.MALFORMED_HEADER,
            id="white space that RFC 9110 §5.6.3 does not know",
        ),
        pytest.param(b"Bearer a\nb", Reason.MALFORMED_HEADER, id="a line feed inside"),
        pytest.param(
            b"Bearer ab\n",
            Reason.MALFORMED_HEADER,
            id="a line feed at the end, which $ would pass over",
        ),
    ],
)
def test_refuses(line, reason):
    found = find(line, schemes=WITH_API_KEY)
    assert reason_of(found) is reason
    if isinstance(found, Problem):  # its challenge gets the error (RFC 6750 §3.1)
        alternative = line.startswith(b"ApiKey") and b"," not in line
        assert found.scheme == ("apikey" if alternative else "bearer")


@pytest.mark.parametrize(
    ("length", "reason"), [(99, None), (100, None), (101, Reason.TOKEN_TOO_LONG)]
)
def test_a_longer_token_is_refused_unread(length, reason):
    """The setting `max_token_bytes`."""
    found = find(b"Bearer " + b"a" * length)
    assert (found.reason if isinstance(found, Problem) else None) is reason
    if reason is not None:
        assert reason_of(find(b"Bearer " + b"\x7f" * length)) is reason


def test_no_header_and_no_query_is_no_token():
    assert reason_of(find()) is Reason.NO_TOKEN
    assert reason_of(find(b"Bearer a", b"")) is Reason.SEVERAL_CREDENTIALS


def test_a_query_token_is_refused_before_the_header_is_looked_at():
    """RFC 6750 §2: one method only."""
    assert (
        reason_of(find(b"Bearer a", b"Bearer b", query=b"access_token=x")) is Reason.TOKEN_IN_QUERY
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param(
            b"access_token=a%2Eb", Credential("bearer", "a.b"), id="RFC 6750 §2.3: percent-encoded"
        ),
        pytest.param(b"x=1;access_token=ab", Credential("bearer", "ab"), id="behind a semicolon"),
        pytest.param(b"access+token=ab", Reason.NO_TOKEN, id="a space is no underscore"),
        pytest.param(
            b"+access_token=ab",
            Credential("bearer", "ab"),
            id="a space before the name, which lenient parsers strip",
        ),
        pytest.param(b"access_token=" + b"a" * 101, Reason.TOKEN_TOO_LONG, id="too long"),
        pytest.param(
            b"access_token=a&access%5ftoken=b", Reason.SEVERAL_CREDENTIALS, id="twice, once encoded"
        ),
        pytest.param(b"access_token", Reason.MALFORMED_HEADER, id="no value"),
    ],
)
def test_reads_the_query_where_that_was_opened(query, found):
    outcome = find(query=query, query_token="accept")
    assert (outcome.reason if isinstance(outcome, Problem) else outcome) == found


def test_a_query_token_is_ignored_where_that_is_set():
    """OAuth 2.1 §5.1."""
    query = b"access_token=x"
    assert find(b"Bearer a", query=query, query_token="ignore") == Credential("bearer", "a")
    assert reason_of(find(query=query, query_token="ignore")) is Reason.NO_TOKEN
    assert (
        reason_of(find(b"Bearer a", b"Bearer b", query=query, query_token="ignore"))
        is Reason.SEVERAL_CREDENTIALS
    )


def test_a_query_without_the_name_costs_no_parsing():
    assert not has_query_token(b"a=b&c=d")
    assert not has_query_token(b"a=%61&b=access_token")


def test_a_credential_never_shows_its_value():
    assert "canary" not in repr(find(b"Bearer canary"))


@pytest.mark.parametrize(
    "line",
    [
        b"ApiKey " + b'a="' * 30_000 + b",",
        b"ApiKey " + b'a="\\' * 20_000 + b",",
        b"ApiKey " + b" \t" * 50_000 + b",",
    ],
)
def test_a_hostile_header_does_not_make_us_backtrack(line):
    """CWE-1333."""
    started = time.process_time()
    find(line, schemes=WITH_API_KEY, limit=1_000_000)
    assert time.process_time() - started < 0.5
