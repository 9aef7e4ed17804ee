"""The sidecar: a guard process for API gateways.

Run it with `iiniit-guard serve`, or serve `create_app` with any ASGI server.
"""

from __future__ import annotations

from iiniit_guard.sidecar.apps.build import create_app

__all__ = ["create_app"]
