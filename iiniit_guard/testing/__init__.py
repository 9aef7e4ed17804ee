"""An in-memory authorization server, for tests of applications that use this package.

It issues tokens with real signatures and serves the requests that a guard sends, so a test runs the
code that production runs. Only the socket is missing.

>>> from iiniit_guard.testing import Issuer
>>> issuer = Issuer()
>>> guard = issuer.guard()
>>> guard.verify(issuer.token("user:read")).subject
'user-1'
>>> guard.close()
"""

from __future__ import annotations

from iiniit_guard.testing.clock import SettableClock
from iiniit_guard.testing.dpop import dpop_proof
from iiniit_guard.testing.issuer import Issuer
from iiniit_guard.testing.keys import SigningKey, make_key
from iiniit_guard.testing.several import network, trusted

__all__ = [
    "Issuer",
    "SettableClock",
    "SigningKey",
    "dpop_proof",
    "make_key",
    "network",
    "trusted",
]
