"""Guard the views of Django REST framework behind `iiniit_guard.django.GuardMiddleware`.

`GuardAuthentication` sets `request.user` and `request.auth`. `RequireScope` is a permission class.
`ClientRateThrottle` limits the rate of requests of each client. The decorators of
`iiniit_guard.django` work on the views of Django REST framework too.
"""

from __future__ import annotations

from iiniit_guard.errors import needs_extra

with needs_extra("rest-framework", "iiniit_guard.rest_framework"):
    from iiniit_guard.rest_framework.authentication import GuardAuthentication
    from iiniit_guard.rest_framework.operations import ViewOperation, operations_of
    from iiniit_guard.rest_framework.permissions import (
        ForbidActor,
        RequireActor,
        RequireAnyScope,
        RequireAuthorizationDetails,
        RequireScope,
        RequireToken,
    )
    from iiniit_guard.rest_framework.registration import register
    from iiniit_guard.rest_framework.throttling import ClientRateThrottle
    from iiniit_guard.rest_framework.users import TokenUser

__all__ = [
    "ClientRateThrottle",
    "ForbidActor",
    "GuardAuthentication",
    "RequireActor",
    "RequireAnyScope",
    "RequireAuthorizationDetails",
    "RequireScope",
    "RequireToken",
    "TokenUser",
    "ViewOperation",
    "operations_of",
]

register()
