"""The normal form of a URI (RFC 3986 §6.2; RFC 9449 §4.3 item 9)."""

from __future__ import annotations

import pytest

from iiniit_guard.core.dpop.uri import normalize

URI = "https://api.test/a/b"


@pytest.mark.parametrize(
    "spelling",
    [
        *("HTTPS://api.test/a/b", "https://API.TEST/a/b", "https://api.test:443/a/b"),
        *("https://api.test:/a/b", "https://%61pi.test/a/b", "https://api.test/%61/%62"),
        *("https://api.test/a/./b", "https://api.test/a/x/../b", "https://api.test/../a/b"),
        *("https://api.test/a/%2E/b", "https://api.test/a/x/%2e%2e/b", "wss://api.test/a/b"),
        *("https://api.test/a/b?c=d", "https://api.test/a/b#c", "https://api.test/a/b?\n#?"),
    ],
)
def test_equivalent_spellings_have_one_form(spelling):
    assert normalize(spelling) == URI


@pytest.mark.parametrize(
    "uri, form",
    [
        ("https://api.test", "https://api.test/"),
        ("http://api.test:80", "http://api.test/"),
        ("ws://api.test:80/", "http://api.test/"),
        ("https://api.test:80/", "https://api.test:80/"),
        ("https://api.test:0443/", "https://api.test:0443/"),
        ("https://[::1]:8443/a", "https://[::1]:8443/a"),
        ("https://[2001:DB8::1]/a", "https://[2001:db8::1]/a"),
        ("https://api.test./", "https://api.test./"),
        ("https://api%2Dx.test/", "https://api-x.test/"),
        ("https://api%c3%bc.test/", "https://api%C3%BC.test/"),
        ("https://api.test/a%2fb", "https://api.test/a%2Fb"),
        ("https://api.test/a%3Bb", "https://api.test/a%3Bb"),
        ("https://api.test/a;b", "https://api.test/a;b"),
        ("https://api.test/%2561", "https://api.test/%2561"),
        ("https://api.test//a", "https://api.test//a"),
        ("https://api.test/a/", "https://api.test/a/"),
        ("https://api.test/a/.", "https://api.test/a/"),
        ("https://api.test/a/b/..", "https://api.test/a/"),
        ("https://api.test/a/b/../", "https://api.test/a/"),
        ("https://api.test/..", "https://api.test/"),
        ("https://api.test/.a/..b", "https://api.test/.a/..b"),
        ("https://api.test/A", "https://api.test/A"),
        ("https://api.test/a%c3%a9", "https://api.test/a%C3%A9"),
    ],
)
def test_other_parts_are_kept(uri, form):
    assert normalize(uri) == form
    assert normalize(form) == form


@pytest.mark.parametrize(
    "uri",
    [
        *("", "/a", "//api.test/a", "api.test/a", "urn:a", "ftp://api.test/", "https:/api.test/a"),
        *("https://", "https:///a", "https://user@api.test/", "https://user:x@api.test/"),
        *("https://api.test@evil.test/", "https://api.test:x/", "https://api.test:123456/"),
        *("https://api.test/ ", " https://api.test/", "https://api.test/\n", "https://api.test\\a"),
        *("https://api.test/a\\b", "https://api.test/é", "https://é.test/", "https://api.test/%"),
        *("https://api.test/%2", "https://api.test/%zz", "https://api.test/a|b", "https://[::1/"),
        *("https://[x]/", "https://api.test/a\x00", "https://" + "a" * 256 + "/"),
    ],
)
def test_what_is_no_absolute_http_uri_has_no_form(uri):
    assert normalize(uri) is None
