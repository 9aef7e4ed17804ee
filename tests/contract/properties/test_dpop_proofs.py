"""A DPoP proof is accepted exactly if an independent reading of RFC 9449 §4.3 accepts it."""

from __future__ import annotations

import hashlib
import json
import string
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from iiniit_guard import Request
from iiniit_guard.core.dpop import uri
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.testing import Issuer, SettableClock, make_key
from iiniit_guard.testing.dpop import key_thumbprint
from iiniit_guard.testing.jws import encode, write_jws
from tests.contract.differential.naive_proof import RefusedProof, verify_proof
from tests.contract.properties.profile import examples

NOW = 1_800_000_000
ALGORITHMS = ("ES256", "Ed25519")
KEYS = [make_key(algorithm, "proofs", number) for algorithm in ALGORITHMS for number in (1, 2)]
ISSUER = Issuer(clock=SettableClock(NOW))
TOKENS = [(ISSUER.token(dpop_key=key), key_thumbprint(key)) for key in KEYS]
TOKENS += [(ISSUER.opaque_token(dpop_key=key), key_thumbprint(key)) for key in KEYS]
UNBOUND = (ISSUER.token(), None)
REMOVED: Any = object()


class Resource(NamedTuple):
    """What a URI identifies: two URIs are equivalent exactly if their resources are equal.

    Attributes:
        scheme: `http` or `https`.
        host: In lower case.
        port: Never empty.
        segments: Of the path, without percent-encoding of unreserved characters.
    """

    scheme: str
    host: str
    port: str
    segments: tuple[str, ...]


DEFAULT_PORTS = {"http": "80", "https": "443"}
# No segment is "." or "..": those are spellings (RFC 3986 §6.2.2.3).
pieces = st.sampled_from(
    ["", "a", "A", "b", "~", "a.b", "...", ".a", "%2F", "%3B", ";", "%25", "%2561", "a:b", "@"]
)
resources = st.builds(
    Resource,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["api.test", "api.tes", "evil.test", "[::1]", "a%C3%BC.test"]),
    st.sampled_from(["80", "443", "8443"]),
    st.lists(pieces, min_size=1, max_size=4).map(tuple),
)
HERE = Resource("https", "api.test", "443", ("a", "b;c", "~x"))


@st.composite
def other_than(draw: Any, resource: Resource) -> Resource:
    """Draw a resource that differs from `resource` in one part, or perhaps in none."""
    name = draw(st.sampled_from(Resource._fields))
    return resource._replace(**{name: getattr(draw(resources), name)})


@st.composite
def spelled(draw: Any, resource: Resource) -> str:
    """Draw a spelling of the URI of a resource (RFC 3986 §6.2.2, §6.2.3; RFC 9449 §4.3 item 9)."""
    scheme, host, port, segments = resource
    if draw(st.booleans()):
        scheme = {"http": "ws", "https": "wss"}[scheme]
    authority = _in_any_case(draw, host if host[0] == "[" else _escaped(draw, host))
    if port == DEFAULT_PORTS[resource.scheme]:
        authority += draw(st.sampled_from(["", ":", f":{port}"]))
    else:
        authority += f":{port}"
    path = ""
    for place, segment in enumerate(segments):
        path += draw(st.sampled_from(["", "", "/.", "/%2e", "/x/..", "/x/%2E."]))
        if place == 0:  # nothing is above the root
            path += draw(st.sampled_from(["", "", "/..", "/.%2e"]))
        path += "/" + _escaped(draw, segment)
    if segments == ("",):
        path = draw(st.sampled_from(["", path, path + "."]))
    tail = draw(st.sampled_from(["", "", "?", "?q=/..", "#f", "?q#/../x"]))
    return f"{_in_any_case(draw, scheme)}://{authority}{path}{tail}"


UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")


def _escaped(draw: Any, text: str) -> str:
    """Escape some unreserved characters, and write some escapes in lower case."""
    made, rest = "", text
    while rest:
        size = 3 if rest[0] == "%" else 1
        part, rest = rest[:size], rest[size:]
        if part in UNRESERVED and draw(st.integers(0, 5)) == 0:
            part = f"%{ord(part):02X}"
        made += part.lower() if len(part) == 3 and draw(st.booleans()) else part
    return made


def _in_any_case(draw: Any, text: str) -> str:
    return str(draw(st.sampled_from([text, text, text.upper(), text.swapcase()])))


@given(st.data())
@examples(250)
def test_two_uris_are_equal_exactly_if_they_identify_one_resource(data):
    one = data.draw(resources)
    other = data.draw(st.one_of(st.just(one), other_than(one)))
    spelling, other_spelling = data.draw(spelled(one)), data.draw(spelled(other))

    form, other_form = uri.normalize(spelling), uri.normalize(other_spelling)

    assert form is not None
    assert other_form is not None
    assert (form == other_form) == (one == other)
    assert uri.normalize(form) == form


values = st.one_of(
    st.sampled_from(
        [REMOVED, None, True, 0, 1, -1, 0.5, "", [], {}, ["verify"], ["sign"], {"a": 1}]
    ),
    st.sampled_from(["sig", "enc", "EC", "OKP", "P-256", "Ed25519", "ES256", "none", "HS256"]),
    st.sampled_from(["dpop+jwt", "DPoP+JWT", "application/dpop+jwt", "JWT", "at+jwt", "A" * 43]),
    st.text(max_size=8),
)
times = st.sampled_from([-61, -60, -59.5, 0, 4.5, 5, 5.5, 6, 3600]).map(lambda ahead: NOW + ahead)
claim_values = st.one_of(
    values, times, st.sampled_from(["GET", "get", "POST", "x" * 256, "é" * 129])
)
HEADER = ("typ", "alg", "jwk", "kid", "crit", "zip", "b64", "x")
JWK = ("kty", "crv", "x", "y", "d", "k", "p", "oth", "use", "key_ops", "alg", "kid", "ext")
CLAIMS = ("jti", "htm", "htu", "iat", "ath", "exp", "nbf", "nonce", "sub", "x")
changes = st.one_of(
    st.tuples(st.just("header"), st.sampled_from(HEADER), values),
    st.tuples(st.just("jwk"), st.sampled_from(JWK), values),
    st.tuples(st.just("claims"), st.sampled_from(CLAIMS), claim_values),
    st.tuples(st.just("claims"), st.sampled_from(["iat", "exp", "nbf"]), times),
    st.tuples(st.just("claims"), st.just("htu"), spelled(HERE)),
    st.tuples(st.just("claims"), st.just("htu"), other_than(HERE).flatmap(spelled)),
)
CHARACTERS = st.sampled_from(string.ascii_letters + string.digits + "-_.,= \t")
edits = st.tuples(st.sampled_from(["put", "replace", "remove"]), st.integers(0, 10**4), CHARACTERS)


class Sent(NamedTuple):
    """A request with a bound token.

    Attributes:
        method: Of the request.
        path: Of the request.
        token: Of the request.
        thumbprint: Of the key to which the token is bound; None for no key.
        fields: The values of its `DPoP` fields.
    """

    method: str
    path: str
    token: str
    thumbprint: str | None
    fields: list[str]


@st.composite
def requests(draw: Any) -> Sent:
    """Draw a request whose proof has at most two faults, often none."""
    number = draw(st.integers(0, len(TOKENS) - 1))
    key, (token, thumbprint) = KEYS[number % len(KEYS)], TOKENS[number]
    path = "/" + "/".join(HERE.segments)
    parts: dict[str, dict[str, Any]] = {
        "jwk": dict(key.jwk(use=None, alg=None, kid=None)),
        "header": {"typ": "dpop+jwt", "alg": key.algorithm},
        "claims": {
            "jti": "1",
            "htm": "GET",
            "htu": f"https://api.test{path}",
            "iat": NOW,
            "ath": encode(hashlib.sha256(token.encode()).digest()),
        },
    }
    parts["header"]["jwk"] = parts["jwk"]
    for part, name, value in draw(st.lists(changes, max_size=2)):
        parts[part].pop(name, None)
        if value is not REMOVED:
            parts[part][name] = value
    signer = draw(st.sampled_from([key, key, key, *KEYS]))
    made = write_jws(
        json.dumps(parts["claims"]).encode(), json.dumps(parts["header"]).encode(), signer
    )
    for how, place, character in draw(st.one_of(st.just([]), st.lists(edits, max_size=1))):
        place %= len(made)
        kept = made[place:] if how == "put" else made[place + 1 :]
        made = made[:place] + ("" if how == "remove" else character) + kept
    fields = draw(st.sampled_from([[made]] * 8 + [[], [made, made], [f"{made},{made}"]]))
    others = st.one_of(st.just((token, thumbprint)), st.sampled_from([*TOKENS, UNBOUND]))
    token, thumbprint = draw(others)
    method = draw(st.sampled_from(["GET", "GET", "GET", "get", "POST"]))
    path = draw(st.sampled_from([path, path, path, "/a/b%3Bc/~x", "/a/b;c/%7ex", "/a//b;c/~x"]))
    return Sent(method, path, token, thumbprint, fields)


@given(requests())
@examples(250)
def test_a_proof_passes_exactly_if_an_independent_verifier_accepts_it(sent):
    lines = [(b"authorization", f"DPoP {sent.token}".encode())]
    lines += [(b"dpop", field.encode()) for field in sent.fields]
    request = Request(sent.method, sent.path, headers=lines, target=sent.path)
    seen: set[tuple[str, str, str]] = set()

    with ISSUER.guard(public_url="https://api.test", dpop_algorithms=ALGORITHMS) as guard:
        for _ in range(2):  # the second time, an accepted proof is a replay
            decision = guard.authenticate(request)
            assert isinstance(decision, Allow) == (problem_of(sent, seen) is None)


def problem_of(sent: Sent, seen: set[tuple[str, str, str]]) -> str | None:
    """Return which check of the independent verifier fails, or None."""
    if sent.thumbprint is None:
        return "7.1: the token is not bound"
    try:
        verify_proof(
            sent.fields,
            method=sent.method,
            url=f"https://api.test{sent.path}",
            token=sent.token,
            thumbprint=sent.thumbprint,
            now=NOW,
            seen=seen,
            algorithms=ALGORITHMS,
        )
    except RefusedProof as refused:
        return str(refused)
    return None
