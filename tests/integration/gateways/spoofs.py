"""The attack table, part 3: header fields by which a client imitates the gateway or the guard."""

from __future__ import annotations

from itertools import product
from typing import Final

NAMES: Final = ("X-Iiniit-Subject", "X-Iiniit-Client", "X-Iiniit-Scope", "X-Iiniit-Issuer")
IDENTITY: Final = frozenset(name.lower() for name in NAMES)
LIE: Final = "a-lie-of-the-client"

_MIXED: Final = [
    "-".join(words) for words in product(("X", "x"), ("Iiniit", "IINIIT"), ("Subject", "sUbJeCt"))
]
_ALIASED: Final = [
    f"X{one}Iiniit{other}Subject"
    for one, other in product("-_.~", repeat=2)
    if (one, other) != ("-", "-")
]

SPOOFS: Final = {
    **{f"{name}": ((name, LIE),) for name in NAMES},
    **{f"{name} in another case": ((name, LIE),) for name in _MIXED},
    **{f"{name}": ((name, LIE),) for name in _ALIASED},
    "twice": ((NAMES[0], LIE), (NAMES[0], LIE)),
    "twice, once with underscores": ((NAMES[0], LIE), ("X_Iiniit_Subject", LIE)),
    "empty and not": ((NAMES[0], ""), (NAMES[0], LIE)),
    "all four": tuple((name, LIE) for name in NAMES),
    "all four with underscores": tuple((name.replace("-", "_"), LIE) for name in NAMES),
    "an assertion": (("X-Iiniit-Assertion", LIE),),
    "the guard's answer": (("X-Iiniit-Answer", LIE),),
    "a cache key": (("X-Iiniit-Cache-Key", LIE),),
    **{f"Connection names {name}": (("Connection", f"keep-alive, {name}"),) for name in NAMES},
    "Connection names it, and it is there": (("Connection", NAMES[0]), (NAMES[0], LIE)),
    "Connection names it twice": (("Connection", "close"), ("Connection", NAMES[0])),
    "Keep-Alive and Proxy-Connection name it": (
        ("Keep-Alive", NAMES[0]),
        ("Proxy-Connection", NAMES[0]),
    ),
}
"""Each goes with a good token and with none to a public path: the API must see the guard's identity
and nothing else.
"""

FORWARDED: Final = (
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Method",
    "X-Forwarded-Uri",
    "X-Forwarded-Prefix",
    "X-Forwarded-Server",
    "Forwarded",
    "X-Real-IP",
    "X-Original-Method",
    "X-Original-Proto",
    "X-Original-Host",
    "X-Original-URI",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Original-Client-Cert",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Tls-Client-Cert",
    "Client-Cert",
    "Client-Cert-Chain",
    "X_Forwarded_For",
    "X_Forwarded_Host",
    "X_Original_URL",
    "X.Forwarded.Host",
)

SMUGGLED: Final = {
    **{
        name: (
            (name, "/healthz" if "UR" in name.upper() else "OPTIONS" if "Method" in name else LIE),
        )
        for name in FORWARDED
    },
    "all that the dialects read": (
        *((f"X-{word}-Method", "GET") for word in ("Original", "Forwarded")),
        *((f"X-{word}-Uri", "/healthz") for word in ("Original", "Forwarded")),
        *((f"X-{word}-Proto", "https") for word in ("Original", "Forwarded")),
        *((f"X-{word}-Host", "elsewhere.example") for word in ("Original", "Forwarded")),
    ),
    "X-Forwarded-Uri twice": (("X-Forwarded-Uri", "/healthz"), ("X-Forwarded-Uri", "/healthz")),
    "Connection drops X-Original-URI": (("Connection", "X-Original-URI, X-Original-Method"),),
}
"""Each goes without a token to a path that wants one, and with one: the lie must neither open a
path nor reach the API.
"""

DROPPED: Final = {
    "what the gateway tells the guard": (
        "X-Forwarded-Uri, X-Forwarded-Method, X-Forwarded-Host, X-Forwarded-Proto"
    ),
    "what the guard decides by": "Authorization, Cookie, Origin, DPoP",
    "what the guard refuses": "X-HTTP-Method-Override",
    "the host": "Host",
}
"""Names in a client's Connection field, which a gateway may drop before it asks, and an API after
it was asked.
"""
