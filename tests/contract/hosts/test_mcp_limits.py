"""`guard_mcp`: how long one message may hold the event loop."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiniit_guard.mcp import guard_mcp
from iiniit_guard.mcp.message_limits import MAX_DIGITS, MAX_VALUES, Excess, find_excess
from iiniit_guard.testing import Issuer
from tests.contract.cases.mcp_rows import RAN
from tests.contract.hosts.calling import Answer
from tests.contract.hosts.mcp_calls import (
    RESOURCE,
    SCOPES,
    Server,
    bearer,
    make_site,
    message,
    mirrored,
    post,
)

SIZE = 4 * 1024 * 1024
TOO_LARGE = (413, -32600)
MALFORMED = (400, -32700)
BATCH = (400, -32600)
LONGEST_SECONDS = 0.3
"""Of processor time. The slowest of these messages needs about 0.05 s; without limits, 2 s."""


def result_of(answer: Answer, server: Server) -> Any:
    """Return `RAN`, or the status and the JSON-RPC code."""
    if server.bodies:
        return RAN
    return answer.status, answer.json["error"]["code"]


def ping(value: str, *more: str) -> bytes:
    """Return a message whose parameter is `value`, with further members."""
    members = ['"jsonrpc":"2.0","id":1,"method":"ping"', f'"params":{{"x":{value}}}', *more]
    return f"{{{','.join(members)}}}".encode()


def repeated(part: str, between: str = "") -> str:
    """Return the part as often as it fits into a message."""
    return between.join([part] * ((SIZE - 200) // len(part + between)))


def array(part: str) -> bytes:
    return ping(f"[{repeated(part, ',')}]")


def text(part: str) -> bytes:
    return ping(f'"{repeated(part)}"')


def members(value: str) -> str:
    return ",".join(f'"k{number:x}":{value}' for number in range((SIZE - 200) // (10 + len(value))))


HOSTILE = {
    "nested arrays": (lambda: array("[" * 28 + "]" * 28), TOO_LARGE),
    "nested objects": (lambda: array('{"":' * 28 + "0" + "}" * 28), TOO_LARGE),
    "pairs of arrays": (lambda: array("[[]]"), TOO_LARGE),
    "empty arrays": (lambda: array("[]"), TOO_LARGE),
    "empty objects": (lambda: array("{}"), TOO_LARGE),
    "one member each": (lambda: array('{"a":1}'), TOO_LARGE),
    "members": (lambda: ping(f"{{{members('0')}}}"), TOO_LARGE),
    "members with objects": (lambda: ping(f"{{{members('{}')}}}"), TOO_LARGE),
    "members of the message": (lambda: ping("0", members("0")), TOO_LARGE),
    "integers": (lambda: array("1"), TOO_LARGE),
    "floats": (lambda: array("1e9"), TOO_LARGE),
    "empty strings": (lambda: array('""'), TOO_LARGE),
    "strings of brackets": (lambda: array('"[]"'), TOO_LARGE),
    "quotes": (lambda: ping("," * MAX_VALUES + repeated('"')[MAX_VALUES:]), TOO_LARGE),
    "never closed": (lambda: ping(repeated("[")), TOO_LARGE),
    "long integers": (lambda: array("9" * 4300), MALFORMED),
    "one integer": (lambda: ping(repeated("9")), MALFORMED),
    "a batch": (lambda: b"[%b]" % repeated('{"method":"a"}', ",").encode(), BATCH),
    "a batch of nothing": (lambda: b" [%b]" % repeated("{}", ",").encode(), BATCH),
    "escapes": (lambda: text(r"\u0041"), RAN),
    "backslashes": (lambda: text(r"\\"), RAN),
    "escaped quotes": (lambda: text(r"\""), RAN),
    "commas in a string": (lambda: text("a,[{"), RAN),
    "digits in a string": (lambda: text("9"), RAN),
    "white space": (lambda: ping("0") + b" " * (SIZE - 200), RAN),
}


@pytest.fixture(scope="module")
def issuer():
    return Issuer(audience=RESOURCE)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_message_holds_the_loop_for_long(issuer, name):
    write, expected = HOSTILE[name]
    body = write()
    assert SIZE * 0.75 < len(body) <= SIZE
    app, server = make_site(issuer)
    headers = [*mirrored("ping"), *bearer(issuer)]

    started = time.thread_time()
    answer = post(app, body, headers)
    needed = time.thread_time() - started

    assert result_of(answer, server) == expected
    assert needed < LONGEST_SECONDS


@pytest.mark.parametrize(
    "value, count",
    [
        ([0] * 10, 10),
        ({f"k{number}": 0 for number in range(10)}, 10),
        ([[]] * 5, 10),
        ([{"a": [1, 2]}] * 2, 8),
        (["[{,", 'a\\",[', "\\\\", ",,,,"], 4),
    ],
)
def test_members_and_items_count_at_every_level(issuer, value, count):
    whole = message("ping", meta=False, x=value)  # of four members, one of which has one
    for limit, status in ((count + 5, 200), (count + 4, 413)):
        app, server = make_site(issuer, max_values=limit)

        answer = post(app, whole, [*mirrored("ping", version="2025-11-25"), *bearer(issuer)])

        assert (answer.status, len(server.bodies)) == (status, status == 200)


@pytest.mark.parametrize(
    "value, expected",
    [
        ("9" * MAX_DIGITS, RAN),
        ("9" * (MAX_DIGITS + 1), MALFORMED),
        ("-" + "1234567890" * 31, MALFORMED),
        ("0." + "1" * (MAX_DIGITS + 1), MALFORMED),
        (f'"{"9" * 5000}"', RAN),
        (f'"\\"{"9" * 5000}\\\\"', RAN),
        (f'["{"9" * 5000}", {"9" * 5000}]', MALFORMED),
        (f"[{'9' * 200},{'9' * 200}]", RAN),
        (f'{{"{"9" * 200}":{"9" * 200}}}', RAN),
    ],
)
def test_a_number_of_too_many_digits_is_refused(issuer, value, expected):
    app, server = make_site(issuer)

    answer = post(app, ping(value), [*mirrored("ping"), *bearer(issuer)])

    assert result_of(answer, server) == expected


def test_the_event_of_too_many_values_has_its_reason():
    events: list[Any] = []
    issuer = Issuer(audience=RESOURCE)
    guard = issuer.guard(resource=RESOURCE, on_event=events.append)
    app = guard_mcp(Server(), guard, scopes=SCOPES, max_values=3)

    post(app, message("ping"), [*mirrored("ping"), *bearer(issuer)])

    assert [(each.decision, each.reason, each.status) for each in events] == [
        ("allow", None, None),
        ("deny", "malformed_message", 413),
    ]


texts = st.text(st.sampled_from('",[]{}\\:0n é'), max_size=8)
values = st.recursive(
    st.one_of(texts, st.integers(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(texts, inner, max_size=5)),
    max_leaves=30,
)


def counted(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value
    if not isinstance(value, (dict, list)):
        return 0
    return max(1, len(value)) + sum(map(counted, inside))


@given(values, st.booleans())
def test_the_number_of_values_is_exact(value, is_ascii):
    body = json.dumps(value, ensure_ascii=is_ascii).encode()
    number = counted(value)

    assert find_excess(body, number) is None
    assert number == 0 or find_excess(body, number - 1) is Excess.VALUES
