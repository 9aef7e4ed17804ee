"""Forward proxy settings; tests/integration/servers/test_proxy.py sends requests."""

from __future__ import annotations

import pytest

from iiniit_guard.core.issuer.forward_proxy import ForwardProxy, parse_proxy, proxy_fault
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.model.flow import Connection, HttpRequest
from iiniit_guard.errors import SettingsError


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://p.test", ForwardProxy("p.test", 80, None)),
        ("http://p.test:3128/", ForwardProxy("p.test", 3128, None)),
        ("http://[::1]:3128", ForwardProxy("::1", 3128, None)),
        ("http://a:b@p.test", ForwardProxy("p.test", 80, "Basic YTpi")),
        ("http://a@p.test", ForwardProxy("p.test", 80, "Basic YTo=")),
        ("http://:b@p.test", ForwardProxy("p.test", 80, "Basic OmI=")),
        ("http://a%40x:%C3%A9%2F@p.test", ForwardProxy("p.test", 80, "Basic YUB4OsOpLw==")),
    ],
)
def test_a_proxy(url, proxy):
    assert parse_proxy(url) == proxy
    assert proxy_fault(url) is None
    assert "Basic" not in repr(parse_proxy(url))


BAD = [
    "",
    "p.test:3128",
    "//p.test",
    "https://u:canary@p.test",
    "socks5://u:canary@p.test",
    "http://",
    "http://u:canary@",
    "http://u:canary@p.test:0",
    "http://u:canary@p.test:99999",
    "http://u:canary@a..b",
    "http://u:canary@" + "a" * 64 + ".test",
    "http://u:canary@p.test/x",
    "http://u:1/canary@p.test",
    "http://u:canary/1@p.test",
    "http://u:1?canary@p.test",
    "http://u:1#canary@p.test",
    "http://u:canary[@p.test",
    "http://[::1",
    "http://p test",
    "http://é.test",
]


@pytest.mark.parametrize("url", BAD)
def test_what_is_no_proxy_is_a_fault_that_quotes_nothing(url):
    fault = proxy_fault(url)
    assert fault is not None
    assert "canary" not in fault
    with pytest.raises(SettingsError, match=r"^http_proxy: ") as caught:
        TrustedIssuer(issuer="https://issuer.test", audience="a", http_proxy=url)
    assert "canary" not in str(caught.value)


def test_what_is_no_text_is_none_either():
    assert proxy_fault(1) is not None


def test_no_request_shows_it():
    request = HttpRequest(
        "GET", "https://issuer.test", connection=Connection(http_proxy="http://u:canary@p.test")
    )
    assert "canary" not in repr(request)
