"""Guard a FastAPI application: a security scheme, OpenAPI with the issuer's sign-in, one call."""

from __future__ import annotations

from iiniit_guard.errors import needs_extra

with needs_extra("fastapi", "iiniit_guard.fastapi"):
    from iiniit_guard.fastapi.document import describe
    from iiniit_guard.fastapi.install import install
    from iiniit_guard.fastapi.operations import Operation, operations
    from iiniit_guard.fastapi.scheme import GuardScheme

__all__ = ["GuardScheme", "Operation", "describe", "install", "operations"]
