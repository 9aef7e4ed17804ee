"""An in-memory authorization server, for tests of applications that use this package.

It issues tokens with real signatures and serves the requests that a guard sends, so a test runs the
code that production runs. Only the socket is missing.

>>> from iiniit_guard.testing import Issuer
>>> issuer = Issuer()
>>> guard = issuer.guard()
>>> guard.verify(issuer.token("user:read")).subject
'user-1'
>>> guard.close()

pytest loads `iiniit_guard.testing.plugin`, which has the fixtures `issuer` and `guard`. Importing
this package imports none of its modules, so that pytest starts without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iiniit_guard.testing.clients import (
        bearer,
        django_client,
        fastapi_client,
        flask_client,
        httpx2_async_client,
        httpx2_client,
        rest_framework_client,
        starlette_client,
        webtest_client,
    )
    from iiniit_guard.testing.clock import MachineClock, SettableClock
    from iiniit_guard.testing.dpop import dpop_proof
    from iiniit_guard.testing.issuer import Issuer
    from iiniit_guard.testing.keys import SigningKey, make_key
    from iiniit_guard.testing.server import IssuerServer
    from iiniit_guard.testing.several import network, trusted

__all__ = [
    "Issuer",
    "IssuerServer",
    "MachineClock",
    "SettableClock",
    "SigningKey",
    "bearer",
    "django_client",
    "dpop_proof",
    "fastapi_client",
    "flask_client",
    "httpx2_async_client",
    "httpx2_client",
    "make_key",
    "network",
    "rest_framework_client",
    "starlette_client",
    "trusted",
    "webtest_client",
]

_HOMES = {
    "clients": (
        "bearer",
        "django_client",
        "fastapi_client",
        "flask_client",
        "httpx2_async_client",
        "httpx2_client",
        "rest_framework_client",
        "starlette_client",
        "webtest_client",
    ),
    "clock": ("MachineClock", "SettableClock"),
    "dpop": ("dpop_proof",),
    "issuer": ("Issuer",),
    "keys": ("SigningKey", "make_key"),
    "server": ("IssuerServer",),
    "several": ("network", "trusted"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
