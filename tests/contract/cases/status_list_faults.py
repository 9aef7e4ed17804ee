"""Malformed references and faulty status lists, for the guard alone.

`tests/contract/hosts/test_status_lists.py` runs these rows. The hosts run those of `status_lists`.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer, make_key
from iiniit_guard.testing.jws import encode
from tests.contract.cases.case import ALLOWED, API, ISSUER, NOW, UNAVAILABLE, Case, TokenOf, bad
from tests.contract.cases.status_lists import Given, answer, claims, content, listed, republished

_CHECK: Final = {"status_list": "check"}
_REQUIRED: Final = {"status_list": "required"}
_MALFORMED: Final = bad(Reason.MALFORMED_CLAIM)
_MEDIA: Final = "application/statuslist+jwt"


def _with(status: Any) -> TokenOf:
    """Issue a token with this claim `status`, also if it is null."""
    return lambda issuer: issuer.sign(
        {**issuer.introspect(issuer.token()), "active": True, "status": status}
    )


def _references() -> list[Case]:
    statuses: list[Any] = [None, "x", [], {}, 1, {"status_list": None}, {"status_list": []}]
    rows = [
        Case(f"the status {status!r}", "§6.2", _with(status), _MALFORMED, settings=_CHECK)
        for status in statuses
    ]
    references: list[dict[str, Any]] = [
        *({"idx": idx} for idx in (-1, 1.0, True, "0", None, [0], 1024, 10**30)),
        *({"uri": uri} for uri in (None, 1, "", "/statuslists/1", "urn:x", "http://issuer.test/1")),
        *({"uri": f"{ISSUER}/statuslists/1{end}"} for end in ("#", "#x", "\\", " ", "\u00e9", "|")),
        {"uri": "https://user@issuer.test/1"},
        {"uri": "https://issuer.test:99999/1"},
        {"uri": "https://issuer.test:0/1"},
    ]
    rows += [
        Case(
            f"the reference {reference!r}",
            "§6.2",
            listed(**reference) if "uri" in reference else listed(reference["idx"]),
            _MALFORMED,
            settings=_CHECK,
        )
        for reference in references
    ]
    return rows


def _lists() -> list[Case]:
    faults: list[tuple[str, Given]] = [
        ("of another URL", claims(sub=f"{ISSUER}/statuslists/2")),
        ("without sub", claims(sub=None)),
        ("with sub as a list", claims(sub=[f"{ISSUER}/statuslists/1"])),
        ("of another issuer", claims(iss="https://other.test")),
        ("for another API", claims(aud="https://other.test")),
        ("with aud as a number", claims(aud=1)),
        ("without iat", claims(iat=None)),
        ("with iat as text", claims(iat=str(NOW))),
        ("with iat in the future", claims(iat=NOW + 31)),
        ("with nbf in the future", claims(nbf=NOW + 31)),
        ("that has just expired", claims(exp=NOW)),
        ("with exp as text", claims(exp="never")),
        ("with exp true", claims(exp=True)),
        ("with nbf as text", claims(nbf=str(NOW))),
        ("with nbf true", claims(nbf=True)),
        ("with aud as an empty list", claims(aud=[])),
        ("with aud as a list of numbers", claims(aud=[1])),
        ("with aud as an object", claims(aud={API: 1})),
        ("with iss as a list", claims(iss=[ISSUER])),
        ("with ttl 0", claims(ttl=0)),
        ("with a negative ttl", claims(ttl=-1)),
        ("with ttl true", claims(ttl=True)),
        ("with ttl as text", claims(ttl="60")),
        ("with an endless ttl", claims(ttl=float("inf"))),
        ("without status_list", claims(status_list=None)),
        ("with status_list as text", claims(status_list="x")),
        ("without bits", content(b"\0", bits=None)),
        *(
            (f"with bits {bits!r}", content(b"\0", bits=bits))
            for bits in (0, 3, 16, True, "1", 1.0)
        ),
        ("without lst", claims(status_list={"bits": 1})),
        ("with lst as a list", content(b"", lst=[0])),
        ("with padding", content(b"", lst="eNrbuRgAAhcBXQ==")),
        ("with lst in no ASCII", content(b"", lst="\u00e9")),
        ("that is not compressed", content(b"", lst=encode(bytes(16)))),
        ("in gzip", content(b"", lst=encode(zlib.compress(bytes(16), wbits=31)))),
        ("in DEFLATE alone", content(b"", lst=encode(zlib.compress(bytes(16), wbits=-15)))),
        ("cut off", content(b"", lst=encode(zlib.compress(bytes(99))[:-1]))),
        ("followed by more", content(b"", lst=encode(zlib.compress(bytes(9)) + b"x"))),
        ("that is a bomb", content(b"", lst=encode(zlib.compress(bytes(2**23))))),
        ("with typ of an access token", claims({"typ": "at+jwt"})),
        ("without typ", claims({"typ": None})),
        ("with crit", claims({"crit": ["x"], "x": 1})),
        ("with an unknown key", claims({"kid": "unknown"})),
        ("with alg none", claims({"alg": "none"})),
        ("without its signature", republished(lambda body: body.rpartition(".")[0] + ".")),
        ("with a spoiled signature", republished(_spoiled)),
        ("signed by another", _foreign),
        ("under application/json", republished(str, "application/json")),
        ("without a media type", republished(str, "")),
        ("without the field Content-Type", _without_type),
        ("with status 199", republished(str, status=199)),
        ("with status 300", republished(str, status=300)),
        ("with a redirect", republished(str, status=302)),
        ("with status 404", republished(str, status=404)),
        ("that is empty", answer("")),
        ("that is an access token", lambda issuer: answer(issuer.token())(issuer)),
    ]
    return [
        Case(
            f"a list {name}", "§5.1, §8.3", listed(3), UNAVAILABLE, given=given, settings=_REQUIRED
        )
        for name, given in faults
    ]


def _limits() -> list[Case]:
    """Return rows of lists that are just acceptable."""
    good: list[tuple[str, Given]] = [
        ("with iat as late as may be", claims(iat=NOW + 30)),
        ("with nbf as late as may be", claims(nbf=NOW + 30)),
        ("with exp as early as may be", claims(exp=NOW + 1)),
        ("with the shortest ttl", claims(ttl=0.001)),
        ("with aud as text", claims(aud=API)),
        ("with aud among others", claims(aud=[1, API])),
        ("with white space beside the media type", republished(str, f" {_MEDIA} ; a=b")),
        ("with the media type in upper case", republished(str, _MEDIA.upper())),
        ("with white space around it", republished(lambda body: f"\n{body}\r\n")),
        ("with typ in upper case", claims({"typ": "STATUSLIST+JWT"})),
        ("with status 299", republished(str, status=299)),
    ]
    return [
        Case(f"a list {name}", "§5.1, §8.3", listed(3), ALLOWED, given=given, settings=_REQUIRED)
        for name, given in good
    ]


def _without_type(issuer: Issuer) -> None:
    body = issuer.status_list.response(issuer).body
    issuer.fail(HttpResponse(200, (), body), at="status_list")


def _spoiled(jws: str) -> str:
    head, _, signature = jws.rpartition(".")
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def _foreign(issuer: Issuer) -> None:
    stranger = Issuer(ISSUER, API, signing_key=make_key("ES256", "a stranger"), clock=issuer.clock)
    issuer.fail(stranger.status_list.response(stranger), at="status_list")


CASES: Final[list[Case]] = [*_references(), *_lists()]
LIMITS: Final[list[Case]] = _limits()
