"""An authorization server in memory, for the tests of whoever guards an API with this package.

It mints tokens that are really signed and takes the requests that a guard really makes, so a test runs the code that
production runs; only the socket is missing.

>>> from iiniit_guard.testing import Issuer
>>> issuer = Issuer()
>>> guard = issuer.guard()
>>> guard.verify(issuer.token("user:read")).subject
'user-1'
>>> guard.close()
"""

from __future__ import annotations

from iiniit_guard.testing.clock import SettableClock
from iiniit_guard.testing.issuer import Issuer
from iiniit_guard.testing.keys import SigningKey, make_key
from iiniit_guard.testing.several import network, trusted

__all__ = ["Issuer", "SettableClock", "SigningKey", "make_key", "network", "trusted"]
