"""Guard the operations of django-ninja behind `iiniit_guard.django.GuardMiddleware`.

`auth=GuardAuth("orders:read")` requires a token with a scope, on an operation, a router or an API.
`describe(api)` adds the scopes, the sign-in and the refusals to the OpenAPI document. The
decorators of `iiniit_guard.django` work on operations too.
"""

from __future__ import annotations

from iiniit_guard.errors import needs_extra

with needs_extra("ninja", "iiniit_guard.ninja"):
    from iiniit_guard.ninja.auth import GuardAuth, NoToken
    from iiniit_guard.ninja.document import describe
    from iiniit_guard.ninja.operations import operations_of
    from iiniit_guard.ninja.registration import register

__all__ = ["GuardAuth", "NoToken", "describe", "operations_of"]

register()
