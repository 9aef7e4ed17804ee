"""The guard process for gateways: `iiniit-guard serve`, or `create_app` under any ASGI server."""

from __future__ import annotations

from iiniit_guard.sidecar.apps.build import create_app

__all__ = ["create_app"]
