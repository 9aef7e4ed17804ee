"""The gateway or the guard answers a fault of the client with 4xx, never as an outage."""

from __future__ import annotations

import pytest

from tests.integration.gateways.answers import PROFILE
from tests.integration.gateways.client import send
from tests.integration.gateways.recipes import GATEWAY_PORT

HOST = b"Host: api.example\r\n"
TOKEN = b"Authorization: Bearer {good}\r\n"


def _get(
    fields: bytes,
    *,
    method: bytes = b"GET",
    target: bytes = PROFILE.encode(),
    version: bytes = b"HTTP/1.1",
    host: bytes = HOST,
) -> bytes:
    return method + b" " + target + b" " + version + b"\r\n" + host + fields + b"\r\n"


FAULTS = {
    **{
        f"the byte {byte:#04x} in {where}": _get(field + TOKEN)
        for byte in (0x00, 0x01, 0x08, 0x0B, 0x0C, 0x1B, 0x1F, 0x7F)
        for where, field in {
            "a value": b"X-Other: a" + bytes([byte]) + b"b\r\n",
            "Cookie": b"Cookie: a=" + bytes([byte]) + b"\r\n",
            "Origin": b"Origin: " + bytes([byte]) + b"\r\n",
        }.items()
    },
    "a control byte in Authorization": _get(b"Authorization: Bearer {good}\x01\r\n"),
    "three fields of thirty kilobytes": _get(
        TOKEN + b"".join(b"X-%d: " % number + b"x" * 30_000 + b"\r\n" for number in range(3))
    ),
    "two fields of thirty-two kilobytes": _get(
        TOKEN + b"".join(b"X-%d: " % number + b"x" * 32_700 + b"\r\n" for number in range(2))
    ),
    "four hundred fields": _get(
        TOKEN + b"".join(b"X-%d: " % number + b"x" * 200 + b"\r\n" for number in range(400))
    ),
    "a long path": _get(TOKEN, target=b"/v1/files/" + b"x" * 40_000),
    "a long query": _get(TOKEN, target=PROFILE.encode() + b"?" + b"x" * 40_000),
    "an empty Host": _get(TOKEN, host=b"Host: \r\n"),
    "an empty Host without a token": _get(b"", host=b"Host:\r\n"),
    "no Host": _get(TOKEN, host=b""),
    "no Host and an old version": _get(TOKEN, host=b"", version=b"HTTP/1.0"),
    "two Hosts": _get(TOKEN, host=HOST * 2),
    "a Host with a space": _get(TOKEN, host=b"Host: api example\r\n"),
    "a Host with a path": _get(TOKEN, host=b"Host: api.example/x\r\n"),
    "a Host with angle brackets": _get(TOKEN, host=b"Host: <api>\r\n"),
    "a Host with bytes beyond ASCII": _get(TOKEN, host=b"Host: api\xff\r\n"),
    "a Host of three hundred bytes": _get(TOKEN, host=b"Host: " + b"a" * 300 + b"\r\n"),
    "a Host with a bad port": _get(TOKEN, host=b"Host: api.example:port\r\n"),
    "an unknown method": _get(TOKEN, method=b"BREW"),
    "an unknown method without a token": _get(b"", method=b"BREW"),
    "an unknown method and an empty Host": _get(b"", method=b"BREW", host=b"Host: \r\n"),
    "a method in lower case": _get(TOKEN, method=b"patch"),
    "a method with odd characters": _get(TOKEN, method=b"M-SEARCH!#$%"),
    "a method of a hundred letters": _get(TOKEN, method=b"X" * 100),
    "TRACE": _get(TOKEN, method=b"TRACE"),
    "TRACE without a token": _get(b"", method=b"TRACE"),
    "PRI": _get(TOKEN, method=b"PRI"),
    "OPTIONS for everything": _get(b"", method=b"OPTIONS", target=b"*"),
    "a target that is no path": _get(TOKEN, target=b"v1/user/profile"),
    "an escape that is none": _get(TOKEN, target=b"/v1/files/%zz"),
    "a control byte in the path": _get(TOKEN, target=b"/v1/files/a\x01b"),
    "a folded field": _get(b"X-Other: a\r\n b\r\n" + TOKEN),
    "a field without a colon": _get(b"no colon\r\n" + TOKEN),
    "an unknown expectation": _get(TOKEN + b"Expect: something\r\n"),
}


TOLERATED = {
    "a Host with a bad port",
    "a folded field",
    "a long path",
    "a long query",
    "an unknown expectation",
    "two Hosts",
}
"""What some gateways take, or mend before they ask."""


@pytest.mark.parametrize("name", FAULTS)
def test_the_clients_fault_is_no_outage(world, name):
    world.upstream.forget()
    answered = send(
        world.ports[GATEWAY_PORT], FAULTS[name].replace(b"{good}", world.tokens["good"].encode())
    )

    if world.upstream.arrived:
        assert (answered.status, name in TOLERATED) == (200, True)
    elif answered.status == 200:  # the gateway sends this response itself
        assert (name, answered.body) == ("OPTIONS for everything", b"")
    else:
        assert 400 <= answered.status < 500
        assert b"guard_unavailable" not in answered.body
