"""The search for `access_token` and `_method` in a query, compared with a full parser."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiniit_guard.core.http.bearer import Credential, credential_of, has_query_token
from iiniit_guard.core.model.method_override import query_overrides
from iiniit_guard.core.model.problem import Problem, Reason
from iiniit_guard.core.model.request import Request, reserved_names, value_of_query_token

PIECES = [
    *(
        b"&",
        b";",
        b"=",
        b"%",
        b"+",
        b" ",
        b"\t",
        b"\n",
        b"\x0b",
        b"[",
        b"]",
        b"?",
        b"\x00",
        b"\xff",
    ),
    *(
        b"%20",
        b"%09",
        b"%0a",
        b"%0B",
        b"%0c",
        b"%0D",
        b"%26",
        b"%3b",
        b"%3D",
        b"%25",
        b"%2B",
        b"%5B",
        b"%00",
        b"%e9",
        b"%3f",
    ),
    *(
        b"access_token",
        b"access%5Ftoken",
        b"access%5ftoken",
        b"%61ccess_token",
        b"%2561ccess_token",
        b"acce%73s_toke%6E",
        b"Access_token",
    ),
    *(
        b"access_",
        b"token",
        b"%6",
        b"1",
        b"a",
        b"%a",
        b"_method",
        b"%5Fmethod",
        b"_metho%64",
        b"_METHOD",
        b"x",
    ),
]
QUERIES = st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join) | st.binary(max_size=20)


def parameters(query):
    """Return each name as the most lenient parser decodes it, and the undecoded value."""
    pairs = [pair.partition(b"=") for pair in re.split(b"[&;]", query)]
    return [(unquote_to_bytes(name.replace(b"+", b" ")).strip(), value) for name, _, value in pairs]


@given(QUERIES)
def test_finds_what_a_reader_of_every_parameter_finds(query):
    read = parameters(query)
    values = [value for name, value in read if name == b"access_token"]
    assert reserved_names(query) == (
        bool(values),
        any(re.match(rb"_method(\[|\Z)", name) for name, _ in read),
    )
    if values:
        assert value_of_query_token(query) == (values[0] if len(values) == 1 else None)


@pytest.mark.parametrize(
    ("query", "token", "method"),
    [
        (b"access_token=x", True, False),
        (b"a=1;access_token=x", True, False),
        (b"a=1&%61%63%63%65%73%73%5f%74%6F%6b%65%6E", True, False),
        (b"+%09 access_token%0d+=x", True, False),
        (b"%access_token=x", False, False),
        (b"%%61ccess_token=x", False, False),
        (b"%2561ccess_token=x", False, False),
        (b"access_token%25=x", False, False),
        (b"access_token%3D=x", False, False),
        (b"a%26access_token=x", False, False),
        (b"a=%26access_token%3Dx", False, False),
        (b"a=access_token=x", False, False),
        (b"acc ess_token=x", False, False),
        (b"access%5=_token=x", False, False),
        (b"Access_Token=x", False, False),
        (b"_method=PUT", False, True),
        (b"%5fmethod%5B0]=PUT", False, True),
        (b"x=1;+_method", False, True),
        (b"_method [=PUT", False, False),
        (b"_methods=PUT", False, False),
        (b"_method&access_token", True, True),
    ],
)
def test_reads_names_and_not_values(query, token, method):
    assert (has_query_token(query), query_overrides(query)) == (token, method)
    assert reserved_names(query) == (token, method)


def test_a_request_searches_its_query_once():
    request = Request("GET", "/", b"%61ccess_token=abc")
    assert request.reserved_names is request.reserved_names
    assert request == Request("GET", "/", b"%61ccess_token=abc"), (
        "what was found is no part of the request"
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param(
            b"x=%26;+access%5Ftoken =a%2Eb=;y", Credential("bearer", "a.b="), id="between others"
        ),
        pytest.param(b"%%%&;&access_token=ab", Credential("bearer", "ab"), id="behind empty names"),
        pytest.param(b"access_token=a;x&access_token=b", Reason.SEVERAL_CREDENTIALS, id="twice"),
        pytest.param(b"x=1&access_token", Reason.MALFORMED_HEADER, id="without a value"),
    ],
)
def test_the_value_is_that_of_the_name(query, found):
    outcome = credential_of(
        Request("GET", "/", query), frozenset({"bearer"}), 100, query_token="accept"
    )
    assert (outcome.reason if isinstance(outcome, Problem) else outcome) == found
