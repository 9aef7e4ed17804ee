"""JSON Web Signatures: early refusals, parsing of headers, and the header cache."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiniit_guard.core.jose import jws as jose
from iiniit_guard.core.jose.encodings import parse_object
from iiniit_guard.core.jose.jws import ALGORITHMS, MAX_HEADER_BYTES, JoseHeader, Jws
from iiniit_guard.core.model.problem import Problem, Reason
from tests.contract.cases.jose_checks import ALL, ALPHABET, is_good, key_for, parsed, reason_of
from tests.contract.cases.jose_keys import b64, signed, unsigned
from tests.contract.cases.jws_texts import is_jws, parse_jws, read_header
from tests.contract.cases.jws_tokens import HEADERS, REFUSED


@pytest.fixture(autouse=True)
def known_headers():
    jose._known_headers.clear()
    return jose._known_headers


@pytest.mark.parametrize(
    ("token", "reason"),
    [pytest.param(row[2], row[3], id=f"{row[0]} ({row[1]})") for row in REFUSED],
)
def test_refuses_before_any_key_is_looked_for(token, reason):
    assert reason_of(parse_jws(token, ALL)) is reason


@pytest.mark.parametrize(
    ("header", "kid", "typ"), [pytest.param(*row[2:], id=f"{row[0]} ({row[1]})") for row in HEADERS]
)
def test_reads_the_header(header, kid, typ):
    jws = parsed(unsigned({"alg": "ES256", **header}))
    assert jws.header == JoseHeader("ES256", kid, typ)


def test_gives_the_parts_as_they_were_signed():
    token = signed("ES256", {"sub": "x", "exp": 1.5, "aud": ["a"]}, kid="p256")
    jws = parsed(token)
    assert jws.claims == {"sub": "x", "exp": 1.5, "aud": ["a"]}
    assert f"{jws.signing_input.decode()}.{b64(jws.signature)}" == token


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_each_algorithm_is_allowed_by_its_own_name_only(alg):
    """RFC 8725 §3.1; RFC 9864 §2.2: EdDSA and Ed25519 are two names."""
    token = unsigned({"alg": alg})
    assert parsed(token, frozenset({alg})).header.alg == alg
    assert reason_of(parse_jws(token, ALL - {alg})) is Reason.UNSUPPORTED_ALGORITHM


def test_an_algorithm_that_nobody_may_allow_is_refused_even_where_it_is_listed():
    for alg in ("none", "HS256"):
        assert (
            reason_of(parse_jws(unsigned({"alg": alg}), frozenset({alg})))
            is Reason.UNSUPPORTED_ALGORITHM
        )


def test_repr_shows_nothing_of_the_token():
    jws = parsed(signed("ES256", {"sub": "canary"}, kid="canary", typ="canary"))
    assert repr(jws) == "Jws(header=JoseHeader(alg='ES256'))"


def test_two_tokens_of_one_text_are_two_objects():
    token = signed("ES256")
    first, second = parsed(token), parsed(token)
    assert first != second
    assert len({first, second}) == 2


def test_bodies_are_parsed_as_strictly_as_tokens():
    assert parse_object(b'{"active":true}') == {"active": True}
    assert parse_object(b'{"active":true,"active":false}') is None


# -- what is a JWS, and so is never sent to an introspection endpoint


@pytest.mark.parametrize(
    "token",
    [
        signed("ES256"),
        unsigned({"alg": "none"}, signature=b""),
        unsigned({"alg": "none"}).rpartition(".")[0] + ".",
        unsigned({"alg": None}),
        unsigned({"typ": "JWT", "alg": "HS256", "x": {"alg": 1}}),
        unsigned(b'{"\\u0061lg":"ES256"}'),
        unsigned(b'{"alg":"ES256","alg":"none"}'),
        unsigned(b'\n {"alg":"ES256"} trailing'),
        unsigned(b'{"alg":"ES256","x":NaN}'),
        unsigned(b'{"alg":"ES256",'),
        unsigned(b'{"x":"\n","alg":"ES256"}'),
        unsigned(b'\xef\xbb\xbf{"alg":"ES256"}'),
        unsigned('{"alg":"ES256"}'.encode("utf-16")),
        unsigned('{"alg":"ES256"}'.encode("utf-32")),
        unsigned(b'{"alg":"ES256","x":"\xff"}'),
        unsigned(b'{"alg":"ES256","x":' + b"[" * 100_000),
        unsigned(b'{"alg":"ES256","x":' + b"9" * 5_000 + b"}"),
        unsigned(
            ('{"alg":"ES256","\u0122":' + "[" * 5_000 + "]" * 5_000 + ',"\u0122":1}').encode(
                "utf-16-le"
            )
        ),  # 0x22 is a quote to octets
        b64(b'{"alg":"ES256"}') + "==.x.y",
        b64(b'{"alg":"ES256"}')[:-1] + "R.x.y",
        "=" + b64(b'{"alg":"ES256"}') + ".x.y",
        b64(b'{"alg":"ES256"}') + "AAA.x.y",
        "~".join(b64(b'{"alg":"ES256","x":"~~~"}')) + ".x.y",
        "é".join(b64(b'{"alg":"ES256"}')) + ".x.y",
        b64(b'{"alg":"ES256"}') + "..",
        b64(b'{"alg":"ES256"}'),
        unsigned({"alg": "ES256"}).rpartition(".")[0],
        *(
            unsigned({"alg": "ES256"}) + suffix
            for suffix in (".", ".x", "..", ".x.y", ".x.y.z", "......", ".=")
        ),
        *(prefix + unsigned({"alg": "ES256"}) for prefix in (".", "..", "...")),
        unsigned({"alg": "dir", "enc": "A128GCM"}),
        unsigned({"alg": "dir", "enc": "A128GCM"}) + ".x",
        unsigned({"alg": "dir", "enc": "A128GCM"}) + ".x.y.z",
        "." + unsigned({"alg": "dir", "enc": "A128GCM"}) + ".x",
    ],
    ids=lambda token: token[:30],
)
def test_is_a_jws_however_broken(token):
    assert is_jws(token)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "opaque",
        "..",
        "a.b.c",
        "2YotnFZFEjr1zCsicMWpAA",
        unsigned({"alg": "dir", "enc": "A128GCM"}) + ".x.y",
        b64(b'{"alg":"dir","enc":"A128GCM"}') + "..iv.text.tag",
        "...",
        unsigned({"typ": "JWT"}),
        unsigned({}),
        unsigned(["alg"]),
        unsigned(b'"alg"'),
        unsigned({"x": {"alg": "ES256"}}),
        unsigned(b'{"x":"\\"alg\\""}'),
        unsigned(b"{broken"),
        unsigned({"ALG": "ES256"}),
    ],
    ids=lambda token: token[:30],
)
def test_is_no_jws(token):
    assert not is_jws(token)


def with_header_of(length):
    token = unsigned(b'{"alg":"ES256","x":"' + b"x" * (length * 3 // 4 - 22) + b'"}')
    assert token.index(".") == length
    return token


@pytest.mark.parametrize(
    ("length", "reason"), [(MAX_HEADER_BYTES, None), (MAX_HEADER_BYTES + 4, Reason.MALFORMED_TOKEN)]
)
def test_a_long_header_is_refused_unread(length, reason):
    token = with_header_of(length)
    header = read_header(token)
    assert is_jws(token), "it is shown to no introspection endpoint"
    assert (header.reason if isinstance(header, Problem) else None) is reason
    for parsed_first in (None, header):
        outcome = parse_jws(token, ALL, parsed_first)
        assert (outcome.reason if isinstance(outcome, Problem) else None) is reason


@pytest.mark.parametrize("junk", [b"~", b"=", b"\n", b" "], ids=repr)
def test_a_long_header_is_recognized_behind_junk(junk):
    """A tolerant decoder or parser skips these."""
    front = junk.decode() * MAX_HEADER_BYTES if junk in b"~=" else b64(junk * MAX_HEADER_BYTES * 3)
    assert is_jws(front + unsigned({"alg": "ES256"}))


@pytest.mark.parametrize(("length", "shown"), [(1024, False), (1028, True)])
def test_a_long_header_that_breaks_a_rule_is_not_read_again(length, shown):
    """The guard does not search it for an algorithm."""
    first = b64(b'{"x":"' + b"x" * (length * 3 // 4 - 9) + b'\n"}')
    assert len(first) == length
    assert is_jws(first + ".b.c") is shown


def test_a_long_first_part_that_is_no_object_is_opaque():
    assert not is_jws("a" * (MAX_HEADER_BYTES + 1) + ".b.c")
    assert not is_jws(b64(b"[" * MAX_HEADER_BYTES) + ".b.c")


def test_the_header_that_was_read_is_the_one_that_counts():
    """`authenticate` parses it to distinguish a JWS from an opaque token; it is parsed once."""
    token = signed("ES256", kid="a")
    header = read_header(token)
    assert isinstance(header, JoseHeader)
    outcome = parse_jws(token, ALL, header)
    assert isinstance(outcome, Jws)
    assert outcome.header is header


@given(st.text(max_size=60), st.text(ALPHABET + ".=~+/", max_size=60), st.binary(max_size=60))
def test_no_text_raises(text, token, octets):
    for candidate in (
        text,
        token,
        f"{b64(octets)}.{b64(octets)}.{b64(octets)}",
        unsigned({"alg": "ES256"}, octets),
        unsigned(b'{"alg":"ES256",' + octets),
    ):
        outcome = parse_jws(candidate, ALL)
        if isinstance(outcome, Jws):
            assert f"{outcome.signing_input.decode()}.{b64(outcome.signature)}" == candidate
            assert is_jws(candidate)
        else:
            assert isinstance(outcome, Problem)
        assert is_jws(candidate) in (True, False)


JSON_VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=10)
    | st.lists(st.text(max_size=3), max_size=2)
)


@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "b64", "zip", "jwk", "x"]),
        JSON_VALUES | st.sampled_from(ALGORITHMS),
    )
    | st.fixed_dictionaries(
        {"alg": st.sampled_from(ALGORITHMS)},
        optional={
            **dict.fromkeys(["kid", "typ"], st.text(max_size=3)),
            **dict.fromkeys(["crit", "b64", "zip"], JSON_VALUES),
        },
    ),
    st.just({}) | JSON_VALUES,
)
def test_whatever_a_header_says_only_a_clean_one_passes(header, payload):
    outcome = parse_jws(unsigned(header, payload), ALL)
    if isinstance(outcome, Jws):
        assert header["alg"] in ALL
        assert not header.keys() & {"crit", "zip"}
        assert header.get("b64", True) is True
        assert isinstance(header.get("kid", ""), str)
        assert isinstance(header.get("typ", ""), str)


# -- the header cache


def test_only_the_header_of_a_good_signature_is_remembered(known_headers):
    key, token = key_for("ES256"), signed("ES256", kid="a")
    parsed(token)
    assert not is_good(token[:-6] + "AAAAAA", key)
    assert not known_headers
    assert is_good(token, key)
    assert known_headers == {token.split(".")[0].encode(): JoseHeader("ES256", "a")}
    assert parsed(token).header is parsed(signed("ES256", {"sub": "y"}, kid="a")).header
    assert is_jws(token)


def test_a_remembered_header_is_still_compared_with_the_algorithms_allowed(known_headers):
    token = signed("ES256")
    assert is_good(token, key_for("ES256"))
    assert known_headers
    assert reason_of(parse_jws(token, ALL - {"ES256"})) is Reason.UNSUPPORTED_ALGORITHM


@pytest.mark.parametrize(("octets", "remembered"), [(768, True), (769, False)])
def test_a_long_header_is_not_remembered(known_headers, octets, remembered):
    kid = "k" * (octets - len('{"alg": "EdDSA", "kid": ""}'))
    token = signed("EdDSA", kid=kid)
    assert len(token.split(".")[0]) == (1024 if remembered else 1026)
    assert is_good(token, key_for("EdDSA"))
    assert len(known_headers) == remembered
