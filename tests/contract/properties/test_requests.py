"""Every request gets an answer, and no token is accepted but the one that was issued."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiniit_guard.core.http.bearer import Credential, credential_of
from iiniit_guard.core.http.challenge import RefusalWriter, challenge
from iiniit_guard.core.model.decision import Allow, Refusal
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.testing import Issuer
from tests.contract.properties.profile import examples

# Coverage doubles the time of these examples. The tests of the planted faults run the same lines.
pytestmark = pytest.mark.unmeasured

ISSUER = Issuer()
TOKEN = ISSUER.token()
OPAQUE = ISSUER.opaque_token()
# One guard for all examples: it has cached the token, as a guard in use has.
GUARD = ISSUER.guard()
assert GUARD.verify(TOKEN)
SECRET_WORDS = (TOKEN, OPAQUE, ISSUER.client_check.client_secret)
# An independent implementation of RFC 9110 §11.6.1 and §5.6.4: how the parser of a client reads a
# list of challenges.
PARAMETER = r'[!#$%&\'*+\-.^_`|~0-9A-Za-z]+="(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*"'
CHALLENGE = re.compile(rf"[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?: {PARAMETER}(?:, {PARAMETER})*)?")
CHALLENGES = re.compile(rf"{CHALLENGE.pattern}(?:, {CHALLENGE.pattern})*")

WITHOUT_CHALLENGE = {
    *(Reason.NO_RULE, Reason.UNTRUSTED_PEER, Reason.TOO_MANY_PROOFS),
    *(Reason.FOREIGN_ORIGIN, Reason.HEADER_MISMATCH, Reason.MALFORMED_MESSAGE),
}

scraps = st.sampled_from(
    [
        b"Bearer ",
        b"bearer ",
        b"Basic ",
        b",",
        b" ",
        b"\t",
        b"=",
        b".",
        TOKEN.encode(),
        OPAQUE.encode(),
        b"eyJ",
        b"\xff",
        b"\0",
        b'"',
    ]
)
texts = st.lists(scraps, max_size=6).map(b"".join)
values = st.one_of(st.binary(max_size=200), texts, texts.map(lambda text: b"Bearer " + text))
names = st.sampled_from([*[b"authorization"] * 4, b"origin", b"cookie", b"host", b"dpop", b"x"])
requests = st.builds(
    Request,
    method=st.sampled_from(["GET", "HEAD", "OPTIONS", "POST", "", "g\u00e9t"]),
    path=st.text(max_size=30),
    query=st.one_of(
        st.binary(max_size=60),
        st.lists(
            st.sampled_from([b"access_token", b"=", b"&", b"%", b";", b"%5f"]), max_size=6
        ).map(b"".join),
    ),
    headers=st.lists(st.tuples(names, values), max_size=4),
)


@given(requests)
@examples(600)
def test_no_header_raises_and_every_answer_can_be_sent(request_):
    events = []
    with ISSUER.guard(on_event=events.append) as guard:
        decision = guard.authenticate(request_)

    assert len(events) == 1
    if isinstance(decision, Allow):
        assert decision.token is not None
        lines = request_.header_values(b"authorization")
        assert len(lines) == 1
        assert lines[0].partition(b" ")[2].strip(b" ") in (TOKEN.encode(), OPAQUE.encode())
        return
    assert isinstance(decision, Refusal)
    check_answer(decision)


def check_answer(decision):
    for name, value in decision.headers:
        assert re.fullmatch(r"[A-Za-z-]+", name)
        assert re.fullmatch(r"[\x20-\x7e]*", value)
    challenges = decision.header("WWW-Authenticate")
    assert challenges is None or CHALLENGES.fullmatch(challenges)
    sent = repr(decision.headers) + decision.body.decode() + repr(decision)
    assert not any(word in sent for word in SECRET_WORDS)


@given(requests)
@examples(300)
def test_a_guard_without_a_listener_decides_alike(request_):
    with ISSUER.guard() as quiet, ISSUER.guard(on_event=lambda event: None) as heard:
        for _ in range(2):  # the second request takes the fast path
            one, two = quiet.authenticate(request_), heard.authenticate(request_)
            assert type(one) is type(two)
            assert getattr(one, "reason", None) == getattr(two, "reason", None)


@given(values, st.integers(0, 300))
@examples(400)
def test_a_credential_is_what_stood_in_the_header(value, limit):
    found = credential_of(
        Request("GET", "/", headers=[(b"authorization", value)]),
        frozenset({"bearer", "apikey"}),
        limit,
    )

    if isinstance(found, Problem):
        assert found.code in (None, "invalid_request")
        return
    assert isinstance(found, Credential)
    scheme, _, rest = value.rstrip(b" \t").decode("latin-1").partition(" ")
    assert (found.scheme, found.value) == (scheme.lower(), rest.lstrip(" "))
    assert len(found.value) <= limit
    assert "," not in found.value or found.scheme != "bearer"


positions = st.one_of(
    st.integers(0, len(TOKEN) - 1), st.integers(TOKEN.rindex("."), len(TOKEN) - 1)
)
characters = st.one_of(
    st.sampled_from(string.ascii_letters + string.digits), st.sampled_from("-._~+/=")
)


@given(positions, characters)
@examples(600)
def test_no_other_character_is_allowed_in_a_token(position, character):
    changed = TOKEN[:position] + character + TOKEN[position + 1 :]

    decision = GUARD.authenticate(bearer(changed))

    assert isinstance(decision, Allow) == (changed == TOKEN)


def test_no_single_change_of_the_last_character_is_allowed():
    with ISSUER.guard() as guard:
        good = [
            character
            for character in string.printable.strip()
            if isinstance(guard.authenticate(bearer(TOKEN[:-1] + character)), Allow)
        ]

    assert good == [TOKEN[-1]]


@given(positions, st.sampled_from(["insert", "delete", "swap", "case", "double"]), characters)
@examples(400)
def test_no_other_edit_of_a_token_is_allowed(position, edit, character):
    before, here, after = TOKEN[:position], TOKEN[position], TOKEN[position + 1 :]
    edits = {
        "insert": before + character + here + after,
        "delete": before + after,
        "swap": before + after[:1] + here + after[1:],
        "case": before + here.swapcase() + after,
        "double": before + here + here + after,
    }
    changed = edits[edit]

    decision = GUARD.authenticate(bearer(changed))

    assert isinstance(decision, Allow) == (changed == TOKEN)


def bearer(token):
    return Request("GET", "/", headers=[(b"authorization", b"Bearer " + token.encode("latin-1"))])


printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)
words = st.text(
    st.sampled_from("!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters),
    min_size=1,
    max_size=12,
)


def parse_challenge(text):
    """Read one challenge as RFC 9110 §11.6.1 says, independent of the writer."""
    scheme, _, rest = text.partition(" ")
    found = [
        (name, re.sub(r"\\(.)", r"\1", value))
        for name, value in re.findall(r'([^=, ]+)="((?:[^"\\]|\\.)*)"', rest)
    ]
    return scheme, found


@given(words, st.lists(st.tuples(words, printable), max_size=5))
@examples(500)
def test_challenges_are_read_as_they_were_written(scheme, parameters):
    written = challenge(scheme, parameters)

    assert parse_challenge(written) == (scheme, parameters)
    assert challenge(*parse_challenge(written)) == written
    assert CHALLENGE.fullmatch(written)


@given(
    printable,
    st.sampled_from(list(PROBLEMS)),
    st.lists(st.text(st.sampled_from("abc:!#~[]"), min_size=1, max_size=8), max_size=3),
    st.sampled_from(["GET", "HEAD"]),
    st.booleans(),
)
@examples(500)
def test_every_refusal_is_well_formed(realm, reason, scopes, method, origin):
    headers = [(b"origin", b"https://app.test\r\n")] if origin else []
    request = Request(method, "/", headers=headers)
    decision = RefusalWriter(realm, ("Bearer", "DPoP", "ApiKey"), "https://api.test/m").deny(
        PROBLEMS[reason], request, Policy(tuple(scopes))
    )

    challenges = decision.header("WWW-Authenticate")
    assert (challenges is None) == (reason in WITHOUT_CHALLENGE)
    assert challenges is None or challenges.count(f"realm={quoted(realm)}") >= 3
    assert (decision.body == b"") == (method == "HEAD")
    assert all(re.fullmatch(r"[\x20-\x7e]*", value) for _, value in decision.headers)


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
