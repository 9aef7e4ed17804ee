"""Places at which a URL, a challenge or a JSON text may be broken into two lines.

Browsers break a line after a space and after a hyphen between letters (`WWW-`, `Authenticate`).
A text without these would be broken at any character on a narrow screen.
"""

from __future__ import annotations

import re

_AFTER = re.compile(r"(?<=[,/;=&?])(?=\S)")


def pieces(text: str) -> list[str]:
    """Return the parts of `text` between which a browser may begin a new line.

    A part ends after a separator: `https:/`, `/`, `api.example/`, `v1/`, `user`.
    """
    return _AFTER.split(text)
