"""Validation of store URLs; no error message quotes the URL."""

from __future__ import annotations

import pytest

from iiniit_guard.core.settings.store_url import store_url_fault
from iiniit_guard.errors import SettingsError
from tests.unit.core.stepping import make_clock, make_resource

GOOD = [
    "redis://s.test",
    "redis://s.test/",
    "redis://s.test:6379/0",
    "redis://:hunter2@s.test/15",
    "redis://name:p%2Fa%3Fs%23s%40@s.test:1/0",
    "redis://:a@b@s.test/0",  # only the last @ ends the password
    "redis://[::1]:6379",
    "redis://127.0.0.1?db=3",
    "redis://s.test/?db=3&client_name=api",
    "rediss://s.test/0?ssl_ca_certs=/etc/ca.pem&ssl_certfile=/a.pem&ssl_keyfile=/a.key",
    "unix:///run/redis.sock",
    "unix://:hunter2@/run/redis.sock?db=1",
    "unix:///run/redis.sock?username=u&password=hunter2",
]
BAD = [
    None,
    1,
    "",
    "s.test",
    "http://s.test",
    "REDIS://s.test",
    "redis://",
    "redis:///0",
    "redis://:hunter2@",
    "redis://:hunter2/x@s.test:6379/0",
    "redis://u:1/hunter2@s.test/0",
    "redis://:hunter2#x@s.test/0",
    "redis://:1#hunter2@s.test/0",
    "redis://:1?hunter2@s.test/0",
    "redis://:hunter2[x@s.test",
    "redis://s.test#",
    "redis://s.test:99999/0",
    "redis://s.test:0",
    "redis://s.test:hunter2",
    "redis://s.test/hunter2",
    "redis://s.test/0/1",
    "redis://s.test/-1",
    "redis://s.test/1111111111",
    "redis://a..b",
    "redis://" + "a" * 64 + ".test",
    "redis://[::1",
    "redis://s.test/0?hunter2",
    "redis://s.test/0?hunter2=1",
    "redis://s.test/0?db=1&db=2",
    "redis://s.test/0?db=",
    "redis://s.test/0?db=hunter2",
    "redis://s.test/0?db=1&",
    "redis://s.test/0?client_name=",
    "redis://s.test/0?socket_timeout=abc",
    "redis://s.test/0?socket_timeout=30",
    "redis://s.test/0?max_connections=9999",
    "redis://s.test/0?retry_on_timeout=yes",
    "redis://s.test/0?decode_responses=1",
    "redis://s.test/0?ssl_ca_certs=/etc/ca.pem",
    "rediss://s.test/0?ssl_cert_reqs=none",
    "rediss://s.test/0?ssl_check_hostname=false",
    "redis://s test",
    "redis://s.test/\n",
    "redis://é.test",
    "unix://",
    "unix:///",
    "unix://run/redis.sock",
    "unix://:hunter2@",
    "unix:///run/s?ssl_ca_certs=/x",
]


@pytest.mark.parametrize("url", GOOD)
def test_good(url):
    assert store_url_fault(url) is None


@pytest.mark.parametrize("url", BAD)
def test_bad_and_not_quoted(url):
    fault = store_url_fault(url)
    assert fault is not None
    assert "hunter2" not in fault
    assert "s.test" not in fault


def test_a_guard_is_not_made_with_one():
    with pytest.raises(SettingsError, match=r"^store_url: ") as caught:
        make_resource(make_clock(), store_url="redis://:hunter2/x@s.test/0", store_secret="s" * 32)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", GOOD)
def test_whatever_is_good_the_client_takes(url):
    """The client creates its pool without connecting; an unknown option would raise only later."""
    import redis

    with redis.Redis.from_url(url) as client:
        client.connection_pool.make_connection()
