"""The URI of a request, as the server and trusted proxies know it (RFC 9449 §4.3 item 9)."""

from __future__ import annotations

import pytest

from iiniit_guard.core.dpop.forwarded import MAX_HOPS
from iiniit_guard.core.dpop.target import RequestUri, target_path
from iiniit_guard.core.http.trusted_peers import TrustedPeers
from iiniit_guard.core.model.request import Request

PROXIES = TrustedPeers(["10.0.0.0/8"])


def request(path="/x", *, peer="10.0.0.1", scheme="http", native=None, target=None, **fields):
    headers = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, values in fields.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    return Request(
        "GET", path, headers=headers, scheme=scheme, peer=peer, native=native, target=target
    )


def uri_of(of, public_url=None, trusted=PROXIES):
    return RequestUri(public_url, trusted).of(of)


@pytest.mark.parametrize(
    "fields, expected",
    [
        ({}, "http://a.test/x"),
        ({"x_forwarded_proto": "https"}, "https://a.test/x"),
        ({"x_forwarded_proto": "HTTPS"}, "https://a.test/x"),
        ({"x_forwarded_host": "b.test"}, "http://b.test/x"),
        ({"x_forwarded_host": "b.test:8443"}, "http://b.test:8443/x"),
        ({"x_forwarded_host": "[::1]:8443"}, "http://[::1]:8443/x"),
        ({"x_forwarded_host": "b.test", "x_forwarded_port": "8443"}, "http://b.test:8443/x"),
        ({"x_forwarded_host": "b.test:1", "x_forwarded_port": "1"}, "http://b.test:1/x"),
        ({"x_forwarded_host": "b.test:1", "x_forwarded_port": "2"}, None),
        ({"x_forwarded_host": "b.test", "x_forwarded_port": "18443"}, "http://b.test:18443/x"),
        ({"x_forwarded_host": " Xb.testX\t"}, "http://Xb.testX/x"),
        ({"x_forwarded_proto": "\x0bhttps"}, None),
        ({"x_forwarded_port": "443"}, "http://a.test/x"),
        ({"x_forwarded_port": "x"}, None),
        ({"x_forwarded_port": "123456"}, None),
        ({"x_forwarded_prefix": "/v1"}, "http://a.test/v1/x"),
        ({"x_forwarded_prefix": "/v1/"}, "http://a.test/v1/x"),
        ({"x_forwarded_prefix": "/vX"}, "http://a.test/vX/x"),
        ({"x_forwarded_prefix": "/"}, "http://a.test/x"),
        ({"x_forwarded_prefix": "v1"}, None),
        ({"x_forwarded_prefix": "/v1?"}, None),
        ({"x_forwarded_proto": "ftp"}, None),
        ({"x_forwarded_proto": ""}, None),
        ({"x_forwarded_host": "user@b.test"}, None),
        ({"x_forwarded_host": "b.test/x"}, None),
        # A client wrote the first value, the proxy appended the second one.
        (
            {"x_forwarded_for": "1.1.1.1, 2.2.2.2", "x_forwarded_host": "evil.test, b.test"},
            "http://b.test/x",
        ),
        (
            {
                "x_forwarded_for": ["1.1.1.1", "2.2.2.2"],
                "x_forwarded_host": ["evil.test", "b.test"],
            },
            "http://b.test/x",
        ),
        # The sender of the last value is a trusted proxy too, so the value before counts.
        (
            {"x_forwarded_for": "1.1.1.1, 10.0.0.2", "x_forwarded_host": "b.test, inner.test"},
            "http://b.test/x",
        ),
        (
            {
                "x_forwarded_for": "9.9.9.9, 1.1.1.1, 10.0.0.2:80",
                "x_forwarded_proto": "x, https, http",
            },
            "https://a.test/x",
        ),
        ({"x_forwarded_for": "unknown, x", "x_forwarded_proto": "x, https"}, "https://a.test/x"),
        (
            {"x_forwarded_for": "10.0.0.3, 10.0.0.2", "x_forwarded_proto": "https, x"},
            "https://a.test/x",
        ),
        (
            {"x_forwarded_for": "1.1.1.1, 10.0.0.3, 10.0.0.2", "x_forwarded_host": "b.test, x, y"},
            "http://b.test/x",
        ),
        # The first proxy replaced the field, the next one passed it on.
        (
            {"x_forwarded_for": "1.1.1.1, 10.0.0.2", "x_forwarded_host": "b.test"},
            "http://b.test/x",
        ),
        ({"x_forwarded_for": ",".join(["10.0.0.2"] * MAX_HOPS)}, "http://a.test/x"),
        ({"forwarded": ",".join(["for=10.0.0.2"] * MAX_HOPS)}, "http://a.test/x"),
        # Values that do not belong to a chain can be read in more than one way.
        ({"x_forwarded_host": "evil.test, b.test"}, None),
        ({"x_forwarded_for": "1.1.1.1", "x_forwarded_host": "evil.test, b.test"}, None),
        ({"x_forwarded_for": ",".join(["10.0.0.2"] * (MAX_HOPS + 1))}, None),
        ({"forwarded": "for=1.1.1.1;host=b.test;proto=https"}, "https://b.test/x"),
        ({"forwarded": 'For="[2001:db8::1]:80"; Host="b.test:8443"'}, "http://b.test:8443/x"),
        ({"forwarded": "for=1.1.1.1"}, "http://a.test/x"),
        ({"forwarded": "host=evil.test, for=1.1.1.1;host=b.test"}, "http://b.test/x"),
        ({"forwarded": "for=1.1.1.1;host=b.test, for=10.0.0.2;host=c.test"}, "http://b.test/x"),
        ({"forwarded": "for=1.1.1.1;host=b.test, for=_x;host=c.test"}, "http://c.test/x"),
        ({"forwarded": "for=10.0.0.3;host=b.test, for=10.0.0.2"}, "http://b.test/x"),
        ({"forwarded": r'host="b\.test"'}, "http://b.test/x"),
        ({"forwarded": "host=b.test;host=c.test"}, None),
        ({"forwarded": "host"}, None),
        ({"forwarded": ""}, None),
        ({"forwarded": 'host="b.test'}, None),
        ({"forwarded": "host=b.test x"}, None),
        ({"forwarded": "x host=b.test"}, None),
        ({"forwarded": 'host="b.test"x'}, None),
        ({"forwarded": "host=b.test", "x_forwarded_host": "b.test"}, None),
        # A proxy that writes only X-Forwarded-For passes Forwarded of the client on.
        ({"forwarded": "host=b.test", "x_forwarded_for": "1.1.1.1"}, None),
        ({"forwarded": ",".join(["for=10.0.0.2"] * (MAX_HOPS + 1))}, None),
    ],
)
def test_the_right_most_trusted_value_counts(fields, expected):
    assert uri_of(request(host="a.test", **fields)) == expected
    if fields:
        stranger = request(host="a.test", peer="11.0.0.1", **fields)
        assert uri_of(stranger) == "http://a.test/x"
        assert (
            uri_of(request(host="a.test", **fields), trusted=TrustedPeers([])) == "http://a.test/x"
        )
        known = uri_of(request(host="a.test", **fields), "https://p.test/v1")
        assert known == "https://p.test/v1/x"


@pytest.mark.parametrize(
    "node, is_trusted",
    [
        *(("10.0.0.2", True), ("10.0.0.2:80", True), ("9.0.0.1", True), ("11.0.0.1", False)),
        *(("[2001:db8::1]", True), ("[2001:db8::1]:80", True), ("2001:db8::1", True)),
        *(("::1", True), ("[::1]:80", True), ("::2", False), ("[2001:db9::1]", False)),
        *(("unknown", False), ("_10.0.0.2", False), ("", False), ("[]", False), (":80", False)),
    ],
)
def test_a_node_is_read_without_its_port(node, is_trusted):
    trusted = TrustedPeers(["10.0.0.0/8", "9.0.0.1", "2001:db8::/32", "::1"])
    expected = "http://b.test/x" if is_trusted else "http://c.test/x"
    lists = {"x_forwarded_for": f"1.1.1.1, {node}", "x_forwarded_host": "b.test, c.test"}
    assert uri_of(request(**lists), trusted=trusted) == expected
    one = {"forwarded": f'for=1.1.1.1;host=b.test, for="{node}";host=c.test'}
    assert uri_of(request(**one), trusted=trusted) == expected


@pytest.mark.parametrize(
    "native, expected",
    [
        ({"type": "http", "path": "/é/x", "raw_path": b"/%c3%a9/x"}, "/%c3%a9/x"),
        ({"type": "http", "path": "/a/b", "raw_path": b"/a%2Fb?c"}, "/a%2Fb"),
        ({"type": "http", "path": "/é x"}, "/%C3%A9%20x"),
        ({"type": "http", "path": "/v1/x", "root_path": "/v1"}, "/v1/x"),
        ({"type": "http", "path": "/x", "root_path": "/v1", "raw_path": None}, "/v1/x"),
        ({"PATH_INFO": "/\xc3\xa9;a", "SCRIPT_NAME": "/v1"}, "/v1/%C3%A9;a"),
        ({"PATH_INFO": "/a/b", "REQUEST_URI": "/a%2Fb?c"}, "/a%2Fb"),
        ({"PATH_INFO": "/a/b", "RAW_URI": "/a%2Fb"}, "/a%2Fb"),
        ({"PATH_INFO": "/a", "REQUEST_URI": "https://evil.test/b"}, "/a"),
        ({"PATH_INFO": "/a", "REQUEST_URI": None}, "/a"),
        ({"type": "http", "path": "/a;b:c@d,e"}, "/a;b:c@d,e"),
        ({"PATH_INFO": "/a;b:c@d,e"}, "/a;b:c@d,e"),
        # PEP 3333 allows no such character; a server that passes one gets no error.
        ({"PATH_INFO": "/\u20ac"}, "/%3F"),
        ({}, ""),
    ],
)
def test_the_path_is_the_one_that_the_client_wrote(native, expected):
    assert target_path(request("/decoded", native=native)) == expected


def test_a_request_of_no_server_has_its_own_path():
    assert target_path(request("/é")) == "/%C3%A9"
    assert target_path(request("/a;b:c@d,e")) == "/a;b:c@d,e"
    assert target_path(request("/decoded", target="/a%2Fb?c=d")) == "/a%2Fb"


@pytest.mark.parametrize(
    "native, expected",
    [
        ({"type": "http", "path": "/x", "server": ("127.0.0.1", 8000)}, "http://127.0.0.1:8000/x"),
        ({"type": "http", "path": "/x", "server": ("::1", 8000)}, "http://[::1]:8000/x"),
        ({"type": "http", "path": "/x", "server": ("/run/a.sock", None)}, None),
        ({"type": "http", "path": "/x", "server": None}, None),
        ({"PATH_INFO": "/x", "SERVER_NAME": "a.test", "SERVER_PORT": "80"}, "http://a.test:80/x"),
        ({"PATH_INFO": "/x"}, None),
        ({"PATH_INFO": "/x", "SERVER_NAME": "", "SERVER_PORT": "80"}, None),
        ({"PATH_INFO": "/x", "SERVER_NAME": "a.test"}, None),
        ({"type": "http", "path": "/x", "server": ("", 8000)}, None),
        (None, None),
    ],
)
def test_without_a_host_the_server_names_itself(native, expected):
    assert uri_of(request(native=native)) == expected


@pytest.mark.parametrize(
    "host",
    [
        *("a.test/public", "a.test/public?", "a.test/public#", "a.test?", "a.test#", "a.test\\"),
        *("user@a.test", "a.test:x", "a.test:80:80", "[::1", "a.test, b.test", "a.test ", ""),
    ],
)
def test_a_host_contains_no_part_of_the_path(host):
    """Otherwise a proof for another path of the same host would fit."""
    assert uri_of(request(host=host), trusted=TrustedPeers([])) is None


@pytest.mark.parametrize(
    "host", ["a.test", "a.test:8443", "[::1]:8443", "xn--a_b.test", "10.0.0.1"]
)
def test_a_host_may_have_a_port(host):
    assert uri_of(request(host=host), trusted=TrustedPeers([])) == f"http://{host}/x"


@pytest.mark.parametrize("public_url", [None, "https://api.test", "https://api.test/v1"])
@pytest.mark.parametrize("target", [".evil.test/x", ":8443/x", "*", "@evil.test/x", "/x#y", "/#"])
def test_a_target_without_path_names_no_other_host(public_url, target):
    """A target may be any text: with it, the URI must not name another host or a shorter path."""
    raw = {"type": "http", "path": target, "raw_path": target.encode()}
    assert uri_of(request(host="a.test", native=raw), public_url) is None
    assert uri_of(request(host="a.test", target=target), public_url) is None


@pytest.mark.parametrize(
    "public_url, expected",
    [
        ("https://p.test/v1/", "https://p.test/v1/x"),
        ("https://p.test/vX", "https://p.test/vX/x"),
        ("https://p.test", "https://p.test/x"),
    ],
)
def test_one_slash_separates_the_public_url_from_the_path(public_url, expected):
    assert uri_of(request(), public_url) == expected


def test_an_empty_path_names_the_host_alone():
    assert uri_of(request(host="a.test", native={})) == "http://a.test"
    assert uri_of(request(target="?a=b"), "https://p.test/v1") == "https://p.test/v1"


def test_two_hosts_are_ambiguous():
    assert uri_of(request(host=["a.test", "b.test"])) is None
