"""A public path makes no other path public, in any spelling."""

from __future__ import annotations

import pytest

from iiniit_guard.testing import Issuer
from tests.contract.hosts.builders import HOSTS

PUBLIC = ("/open", "/files/*", "/ä")

OPEN = ["/open", "/files/", "/files/a", "/files/a/b.css", "/files/.well-known", "/files/a..b", "/ä"]
GUARDED = [
    ("/", "another path"),
    ("/token", "another path"),
    ("/open/", "a slash at the end: another resource (RFC 3986 §6.2.3)"),
    ("//open", "RFC 3986 §3.3 (an empty segment)"),
    ("/open//", "RFC 3986 §3.3 (an empty segment)"),
    ("/./open", "RFC 3986 §5.2.4 (dot segments)"),
    ("/open/.", "RFC 3986 §5.2.4 (dot segments)"),
    ("/open/..", "RFC 3986 §5.2.4 (dot segments)"),
    ("/open/../token", "RFC 3986 §5.2.4 (dot segments)"),
    ("/token/../open", "RFC 3986 §5.2.4 (dot segments)"),
    ("/OPEN", "RFC 3986 §6.2.2.1 (paths are case-sensitive)"),
    ("/Open", "RFC 3986 §6.2.2.1 (paths are case-sensitive)"),
    ("/openx", "no prefix"),
    ("/open.json", "no prefix"),
    ("/open;x", "RFC 3986 §3.3 (parameters)"),
    ("/open;/token", "RFC 3986 §3.3 (parameters)"),
    ("/open%2f", "CVE class: a slash decoded later"),
    ("/open%2ftoken", "CVE class: a slash decoded later"),
    ("/%2e%2e/open", "CVE class: dots decoded later"),
    ("/open%00", "CWE-158"),
    ("/open%0a", "CWE-93; $ in a pattern matches before a line break"),
    ("/open%20", "trailing white space"),
    ("/open\\", "CWE-22 (backslash)"),
    ("/files", "the subtree begins behind its slash"),
    ("/filesx", "no prefix"),
    ("/files/../token", "CWE-22"),
    ("/files/a/../../token", "CWE-22"),
    ("/files/..", "CWE-22"),
    ("/files/./a", "RFC 3986 §5.2.4"),
    ("/files//a", "RFC 3986 §3.3"),
    ("/files/..;/token", "CVE class: parameters stripped before dots"),
    ("/files/..\\token", "CWE-22 (backslash)"),
    ("/files/%2e%2e/token", "CWE-22, decoded by host or application"),
    ("/files/%252e%252e/token", "CWE-22, decoded twice"),
    ("/files/%2e%2e%2ftoken", "CWE-22, decoded by host or application"),
    ("/files/a%00", "CWE-158"),
    ("/FILES/a", "RFC 3986 §6.2.2.1"),
    ("/a\u0308", "Unicode normalization: another spelling of the same letter"),
    ("/Ä", "RFC 3986 §6.2.2.1 (no case folding)"),
]


@pytest.fixture
def guard():
    with Issuer().guard() as guard:
        yield guard


@pytest.mark.parametrize("host", HOSTS, ids=str)
@pytest.mark.parametrize("path", OPEN)
def test_public_paths_are_not_asked_for_a_token(host, guard, path):
    assert call(host, guard, path).status != 401


# Starlette's test client resolves dot segments before it sends anything; the host `asgi` gets the
# same paths unresolved.
SENT = [
    (path, host)
    for path, _ in GUARDED
    for host in HOSTS
    if not (host.name == "starlette" and {".", ".."} & set(path.split("/")))
]


@pytest.mark.parametrize(("path", "host"), SENT, ids=str)
def test_all_other_paths_are(path, host, guard):
    assert call(host, guard, path).status == 401


def call(host, guard, path):
    rules = {"rules": None} if host.name in ("wsgi", "asgi") else {}
    return host.call(guard, "GET", path, public=PUBLIC, **rules)
