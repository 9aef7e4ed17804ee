"""Long texts for every untrusted input, made to be expensive for a parser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from tests.contract.cases.jose_keys import b64


class Hostile(NamedTuple):
    """One way to fill an input.

    Attributes:
        name: Its name.
        make: Returns a text of about the given number of bytes.
    """

    name: str
    make: Callable[[int], bytes]


def filled(unit: bytes, front: bytes = b"", back: bytes = b"") -> Callable[[int], bytes]:
    """Return a maker of `front`, as many units as fit, and `back`."""
    return lambda size: front + unit * max(1, (size - len(front) - len(back)) // len(unit)) + back


def _rows(*units: bytes, front: bytes = b"", back: bytes = b"") -> list[Hostile]:
    return [Hostile(repr(unit)[2:-1], filled(unit, front, back)) for unit in units]


QUERIES: Final = [
    *_rows(
        b";",
        b"&",
        b"a",
        b"=",
        b"=&",
        b"&a",
        b";%61",
        b";a%63",
        b"%",
        b"%%6",
        b"%41",
        b"%20",
        b"+",
        b"& +",
        front=b"%61",
    ),
    *_rows(
        b"access_token",
        b";xaccess_token",
        b"&access_toke",
        b"_method;",
        b"%2561ccess_token=",
        b"%26access_token=",
        front=b"%",
    ),
]

HEADERS: Final = [
    *_rows(b"a", b",", b"=", b" ", b"~", front=b"Bearer "),
    *_rows(b"a", b" \t", b'\\"', front=b'ApiKey a="', back=b","),
    *_rows(b"a=b,", b'a="', b'a = "b" ,', b'a="\\', front=b"ApiKey "),
    *_rows(b"a", b"!", b"\xff"),
]

TARGETS: Final = [
    *_rows(
        b"a",
        b"%41",
        b"a/",
        b"a%2f",
        b"%2F",
        b".",
        b"..a/",
        b"-",
        b"1",
        b"a-",
        b"%c3%a9",
        b"%e9",
        b"%25",
        b"%2541",
        front=b"/a/",
    ),
    *_rows(b"/", b"%", b"a;", b"/.a", b"/..", b"\xe9", front=b"/"),
]

_VALUES: Final = (
    b"{},",
    b"[],",
    b"[[[[]]]],",
    b'{"a":1},',
    b"1,",
    b"1e5,",
    b"true,",
    b'"",',
    b'"a",',
    b'"\\u0041",',
    b'"[",',
    b'"\\\\",',
)

JSON: Final = [
    *_rows(*_VALUES, front=b'{"a":[', back=b"1]}"),
    *(
        Hostile(f"{row.name} and NaN", row.make)
        for row in _rows(*_VALUES[:4], front=b'{"a":[', back=b"NaN]}")
    ),
    Hostile(
        "names",
        lambda size: b"{%b}" % b",".join(b'"%08x":1' % number for number in range(size // 13)),
    ),
    Hostile(
        "a name twice",
        lambda size: (
            b'{%b,"00000000":1}' % b",".join(b'"%08x":1' % number for number in range(size // 13))
        ),
    ),
    *_rows(b"x", b"\\\\", b"\xc3\xa9", front=b'{"a":"', back=b'"}'),
    *_rows(b" ", front=b'{"a":1', back=b"}"),
]
"""Objects; the parser of the standard library reads each to its end."""

CLAIMS: Final = [
    Hostile(
        "scopes",
        lambda size: b'"scope":"%b"' % b" ".join(b"s%d" % number for number in range(size // 7)),
    ),
    Hostile(
        "audiences",
        lambda size: b'"aud":[%b"x"]' % b"".join(b'"%d",' % number for number in range(size // 8)),
    ),
]
"""Members of a token or an answer."""


def forms(size: int) -> dict[str, bytes]:
    """Return bodies of about `size` bytes for an introspection endpoint."""
    good = b"client_id=gateway&client_secret=secret&"
    return {
        "a long token": filled(b"a", good + b"token=")(size),
        "escapes": filled(b"%61", good + b"token=")(size),
        "fields": filled(b"&a=b", good + b"token=x")(size),
        "empty fields": filled(b"&", good + b"token=x")(size),
        "a long secret": filled(b"%41", b"token=x&client_id=gateway&client_secret=")(size),
        "a long name": filled(b"a", good + b"token=x&")(size),
        "not UTF-8": filled(b"%ff", good + b"token=")(size),
        "plus": filled(b"+", good + b"token=")(size),
    }


def tokens(size: int, header: bytes) -> dict[str, bytes]:
    """Return JWTs of about `size` bytes that are refused before any signature is checked.

    Args:
        size: The length of the whole token in bytes.
        header: An encoded JOSE header that the guard has cached from a good token.
    """
    space = size * 3 // 4 - 600
    signature = b64(b"x" * 64).encode()
    made = {}
    for hostile in JSON:
        inner = hostile.make(space)
        payload = b'{"iss":"https://other.test",' + inner[1:]
        made[f"payload: {hostile.name}"] = b".".join((header, b64(payload).encode(), signature))
        if hostile.name in ("{},", "{}, and NaN", "1,", "names", "x"):
            for bound in (6000, space):
                text = b'{"alg":"ES256",' + hostile.make(min(bound, space))[1:]
                made[f"header of {bound}: {hostile.name}"] = b".".join(
                    (b64(text).encode(), b64(b"{}").encode(), signature)
                )
    made["header: cut"] = b".".join(
        (b64(b'{"alg":"ES256","a":[' + b"{}," * 1900).encode(), b64(b"{}").encode(), signature)
    )
    made["payload: foreign characters"] = b".".join((header, b"~" * space, signature))
    made["opaque"] = b"a" * size
    made["dots"] = b"." * size
    made["three parts of nothing"] = b"a" * (size // 2) + b"." + b"b" * (size // 2) + b".c"
    return made
