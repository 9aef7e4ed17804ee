"""Which requests to an issuer get `http_headers` and the token of `discovery_authentication`."""

from __future__ import annotations

import pytest

from iiniit_guard import BearerToken, SecretFile
from iiniit_guard.core.issuer.origin_headers import OriginHeaders
from iiniit_guard.core.model.flow import HttpResponse, Unreachable
from iiniit_guard.testing import Issuer
from tests.unit.core.stepping import CREDENTIALS, ISSUER, Steps, make_issuer
from tests.unit.core.test_trusted_issuer import faults

FIELDS = {"User-Agent": "orders/1", "X-Waf": "canary-1"}
BOTH = {"http_headers": FIELDS, "discovery_authentication": BearerToken("pod-token")}
FAR = "https://elsewhere.test"
NOWHERE = {"jwks_uri": None, "introspection_endpoint": None}


def headers_of(**settings):
    return OriginHeaders(make_issuer(**{**NOWHERE, **BOTH, **settings}))


@pytest.mark.parametrize(
    ("url", "gets"),
    [
        (f"{ISSUER}/keys", True),
        (f"{ISSUER}:443/keys", True),
        ("https://ISSUER.test/keys", True),
        (f"{ISSUER}:8443/keys", False),
        ("http://issuer.test/keys", False),
        ("https://issuer.test.evil.test/keys", False),
        ("https://sub.issuer.test/keys", False),
        ("https://issuer.test@evil.test/keys", False),
        ("https://issuer.test./keys", False),
        ("https://issuer.test:x/keys", False),
        ("https://[/keys", False),
        ("ftp://issuer.test/keys", False),
        ("https:///keys", False),
    ],
)
def test_only_the_origin_of_the_settings(url, gets):
    wanted = (*FIELDS.items(), ("Authorization", "Bearer pod-token")) if gets else ()

    assert Steps(headers_of().of_document(url)).result == wanted
    assert headers_of().of_call(url) == (tuple(FIELDS.items()) if gets else ())


@pytest.mark.parametrize(
    ("settings", "document", "call"),
    [
        ({"jwks_uri": f"{FAR}/keys"}, True, True),
        ({"metadata_url": f"{FAR}/m"}, True, True),
        ({"introspection_endpoint": f"{FAR}/i", "introspection": CREDENTIALS}, False, True),
        ({}, False, False),
    ],
)
def test_each_setting_names_an_origin(settings, document, call):
    headers = headers_of(**settings)

    assert bool(Steps(headers.of_document(f"{FAR}/x")).result) is document
    assert bool(headers.of_call(f"{FAR}/x")) is call


def test_the_issuer_gets_nothing_if_its_metadata_is_elsewhere():
    headers = headers_of(metadata_url=f"{FAR}/m")

    assert Steps(headers.of_document(f"{ISSUER}/keys")).result == ()


def test_an_issuer_that_is_no_url_has_no_origin():
    headers = headers_of(issuer="urn:issuer", jwks_uri=f"{FAR}/keys")

    assert Steps(headers.of_document(f"{ISSUER}/keys")).result == ()
    assert len(Steps(headers.of_document(f"{FAR}/keys")).result) == 3


def test_without_a_token_only_the_fields_are_sent():
    headers = headers_of(discovery_authentication=None)

    assert Steps(headers.of_document(f"{ISSUER}/keys")).result == tuple(FIELDS.items())


def test_a_file_is_read_for_each_request():
    headers = headers_of(discovery_authentication=BearerToken(SecretFile("/token")))
    for content in ("first", "second"):
        steps = Steps(headers.of_document(f"{ISSUER}/keys"))
        assert steps.path == "/token"
        result = steps.send(content.encode() + b"\n").result
        assert result[-1] == ("Authorization", f"Bearer {content}")


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (Unreachable("file", "missing"), "file"),
        (b"\xff", "credentials"),
        (b"", "credentials"),
        (b"a\r\nX-Evil: b", "credentials"),
        ("é".encode(), "credentials"),
    ],
)
def test_an_unusable_file_is_an_outage_that_is_told(content, cause):
    headers = headers_of(discovery_authentication=BearerToken(SecretFile("/token")))
    result = Steps(headers.of_document(f"{ISSUER}/keys")).send(content).result

    assert (result.cause, result.diagnosis.topic) == (cause, "discovery_token")
    assert "Evil" not in result.detail


def sent_by(**settings):
    issuer = Issuer()
    seen: list[tuple[str, dict[str, str]]] = []

    def handle(request):
        seen.append((request.url, dict(request.headers)))
        if request.url.startswith(FAR):
            return HttpResponse(403)
        return issuer.handle(request)

    guard = issuer.guard(transport=handle, **{**BOTH, **settings})
    return issuer, guard, seen


def test_metadata_keys_and_introspection_get_their_fields():
    issuer, guard, seen = sent_by()
    guard.verify(issuer.token())
    guard.verify(issuer.opaque_token())

    assert [sent["User-Agent"] for _, sent in seen] == ["orders/1"] * 3
    assert [sent["Authorization"] for _, sent in seen[:2]] == ["Bearer pod-token"] * 2
    assert seen[2][1]["Authorization"].startswith("Basic ")


@pytest.mark.parametrize("name", ["jwks_uri", "introspection_endpoint"])
def test_an_endpoint_that_only_the_metadata_names_gets_nothing(name, caplog):
    issuer, guard, seen = sent_by()
    issuer.metadata[name] = f"{FAR}/endpoint"
    token = issuer.token() if name == "jwks_uri" else issuer.opaque_token()
    for _ in range(2):
        guard.authenticate(_request(token))

    sent = dict(seen)[f"{FAR}/endpoint"]
    assert "User-Agent" not in sent
    assert "X-Waf" not in sent
    assert "pod-token" not in str(sent)
    assert ("jwks_uri" in caplog.text) is (name == "jwks_uri")


def _request(token):
    from iiniit_guard import Request

    return Request("GET", "/", b"", [(b"authorization", f"Bearer {token}".encode())])


@pytest.mark.parametrize("mode", ["redirect", "500"])
def test_a_failure_of_an_origin_of_the_settings_is_not_explained_so(mode, caplog):
    issuer, guard, _ = sent_by()
    issuer.fail(mode, at="jwks")
    guard.authenticate(_request(issuer.token()))

    assert "not sent to this URL" not in caplog.text


def test_a_missing_file_stops_both_fetches():
    token = BearerToken(SecretFile("/no/such/file"))
    for settings in ({}, {"jwks_uri": f"{ISSUER}/jwks"}):
        issuer, guard, seen = sent_by(discovery_authentication=token, **settings)
        assert guard.authenticate(_request(issuer.token())).status == 503
        assert seen == []


def test_no_value_in_a_repr_or_a_fault():
    assert "canary-1" not in repr(make_issuer(**BOTH)) + repr(headers_of())
    assert "pod-token" not in repr(make_issuer(**BOTH)) + repr(headers_of())


@pytest.mark.parametrize(
    "fields",
    [
        *([], None, "User-Agent: x", {1: "x"}, {"": "x"}, {"X Y": "x"}, {"X:": "x"}, {"É": "x"}),
        *({"X": value} for value in (None, 1, "", " x", "x ", "a\r\nX: canary", "é", ["x"])),
        *({name: "x"} for name in ("Host", "authorization", "Content-Length", "Accept", "TE")),
        {"X-A": "1", "x-a": "2"},
    ],
)
def test_unusable_fields(fields):
    (fault,) = faults(http_headers=fields)
    assert fault.startswith("http_headers: ")
    assert "canary" not in fault


@pytest.mark.parametrize("token", ["t", BearerToken, BearerToken(""), ("t",)])
def test_an_unusable_token(token):
    (fault,) = faults(discovery_authentication=token)
    assert fault.startswith("discovery_authentication: ")
