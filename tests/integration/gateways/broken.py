"""The attack table, part 5: responses of a broken guard, or of another program on its port."""

from __future__ import annotations

from typing import Final

FORGED: Final = "an-identity-of-no-guard"
_FOUR: Final = "".join(
    f"X-Iiniit-{word}: {FORGED}\r\n" for word in ("Subject", "Client", "Scope", "Issuer")
)
_END: Final = "Content-Length: 0\r\nConnection: close\r\n\r\n"

STATUS_LINES: Final = {
    "four digits": "HTTP/1.1 2000 OK",
    "four digits that begin with 0": "HTTP/1.1 0200 OK",
    "five digits": "HTTP/1.1 20000",
    "two digits": "HTTP/1.1 20 OK",
    "no digits": "HTTP/1.1 OK",
    "no space behind": "HTTP/1.1 200OK",
    "a word right behind": "HTTP/1.1 200-OK",
    "a point right behind": "HTTP/1.1 200.1 OK",
    "two spaces": "HTTP/1.1  200 OK",
    "a tab": "HTTP/1.1\t200 OK",
    "a tab behind": "HTTP/1.1 200\tOK",
    "a sign": "HTTP/1.1 +200 OK",
    "hexadecimal": "HTTP/1.1 0xC8 OK",
    "an exponent": "HTTP/1.1 2e2 OK",
    "an unknown version": "HTTP/9.9 200 OK",
    "HTTP/2": "HTTP/2 200",
    "a version of three parts": "HTTP/1.1.1 200 OK",
    "lower case": "http/1.1 200 OK",
    "another protocol": "ICY 200 OK",
    "a space before": " HTTP/1.1 200 OK",
    "a word before": "xHTTP/1.1 200 OK",
    "no version": "200 OK",
    "an empty line before": "\r\nHTTP/1.1 200 OK",
    "a line of its own before": "hello\r\nHTTP/1.1 200 OK",
    "success of another kind": "HTTP/1.1 204 No Content",
    "a part": "HTTP/1.1 206 Partial Content",
    "an early answer alone": "HTTP/1.1 103 Early Hints",
    "a redirect": "HTTP/1.1 302 Found",
}
"""First lines, each before a complete identity."""

MALFORMED: Final = {
    name: f"{line}\r\n{_FOUR}{_END}".encode() for name, line in STATUS_LINES.items()
} | {
    "nothing": b"",
    "a word": b"hello",
    "half a status line": b"HTTP/1.1 200",
    "a status line alone": b"HTTP/1.1 200 OK\r\n",
    "half a head": f"HTTP/1.1 200 OK\r\n{_FOUR}".encode(),
    "half a field": f"HTTP/1.1 200 OK\r\n{_FOUR}X-Iiniit".encode(),
    "a field without a colon": f"HTTP/1.1 200 OK\r\n{_FOUR}no colon\r\n{_END}".encode(),
    "a field without a name": f"HTTP/1.1 200 OK\r\n{_FOUR}: value\r\n{_END}".encode(),
    "a line break in a value": (
        f"HTTP/1.1 200 OK\r\n{_FOUR}X-Other: a\r\n X-Iiniit-Subject: b\r\n{_END}".encode()
    ),
    "TLS": b"\x15\x03\x01\x00\x02\x02\x46",
}
"""What no gateway may take for a grant, if it reads HTTP strictly."""

_GRANT: Final = "HTTP/1.1 200 OK\r\n"
INCOMPLETE: Final = {
    "no identity": f"{_GRANT}{_END}".encode(),
    "a page": (
        f"{_GRANT}Content-Type: text/html\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
    ).encode(),
    **{
        f"no {missing}": (
            _GRANT
            + "".join(
                f"X-Iiniit-{word}: {FORGED}\r\n"
                for word in ("Subject", "Client", "Scope", "Issuer")
                if word != missing
            )
            + _END
        ).encode()
        for missing in ("Subject", "Client", "Scope", "Issuer")
    },
    "another spelling": f"{_GRANT}{_FOUR.replace('X-Iiniit-', 'X_Iiniit_')}{_END}".encode(),
    "identity in trailers": (
        f"{_GRANT}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n{_FOUR}\r\n".encode()
    ),
}
"""Grants without all four identity headers."""

TWICE: Final = f"{_GRANT}{_FOUR}X-Iiniit-Subject: another\r\n{_END}".encode()
