"""Hostile paths: the possible readings of a path, and the rule for each reading."""

from __future__ import annotations

import posixpath
import re
from random import Random
from typing import Final
from urllib.parse import unquote

ROUTES: Final = (
    ("ab", "/a/b"),
    ("a", "/a/[^/]+"),
    ("admin", "/admin/.+"),
    ("open", "/open/.+"),
    ("n", "/n/[0-9]+"),
)
PIECES: Final = (
    *(
        "/",
        "/",
        "/",
        "/a",
        "/a/b",
        "/b",
        "/admin",
        "/admin/x",
        "/open",
        "/open/x",
        "/n",
        "/7",
        "x",
        "..",
        ".",
        "/..",
        "/.",
        "//",
    ),
    *(
        "%2f",
        "%2F",
        "%5c",
        "\\",
        "%2e",
        "%2E%2e",
        "%252f",
        "%252e",
        "%25",
        "%",
        "%00",
        "%0a",
        ";",
        ";x",
        "%3b",
        "?",
        "?/admin/x",
        "#",
    ),
    *(
        "%61",
        "%62",
        "%41",
        "%c3%a9",
        "%e9",
        "%ef%bf%bd",
        "%ed%a0%80",
        "%u002f",
        "%c0%af",
        " ",
        "+",
        "é",
        "%7f",
        "%c2%85",
        "~",
        "@",
        ":",
        "|",
    ),
)
PLAIN: Final = re.compile(r"(?:/[A-Za-z0-9_-]+)+")


def route(path: str) -> str | None:
    """Find the first rule whose pattern matches."""
    return next((name for name, pattern in ROUTES if re.fullmatch(pattern, path, re.DOTALL)), None)


def make_path(random: Random) -> str:
    """Return a raw target that begins with a slash in most cases."""
    if random.random() < 0.2:  # one that means the same to every reader
        return "".join(
            random.choices(
                ["/a", "/b", "/admin", "/open", "/n", "/7", "/x-y"], k=random.randrange(1, 4)
            )
        )
    return ("/" if random.random() < 0.9 else "") + "".join(
        random.choices(PIECES, k=random.randrange(1, 7))
    ).removeprefix("/")


def readings(path: str) -> set[str]:
    """Return the readings of a decoded path by parsers with special treatment of further
    characters, up to three such parsers in a row.
    """
    found = waiting = {path}
    for _ in range(3):
        waiting = {made for one in waiting for made in _read_on(one)} - found
        found = found | waiting
    return found


def _read_on(path: str) -> set[str]:
    return {
        unquote(path),
        path.replace("\\", "/"),
        re.sub("/+", "/", path),
        re.sub(";[^/]*", "", path),
        path.partition(";")[0],
        path.partition("\0")[0],
        path.partition("#")[0],
        re.sub(r"[\x00-\x1f\x7f-\x9f]", "", path),
        re.sub(r"[\ufffd\ud800-\udfff]", "", path),
        posixpath.normpath(path).replace("//", "/") if path.startswith("/") else path,
        path.rstrip("/") or "/",
    }
