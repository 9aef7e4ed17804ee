"""Guard a Django project.

Add `"iiniit_guard.django.GuardMiddleware"` to `MIDDLEWARE`, set `IINIIT_GUARD` in the settings, and
decorate views.
"""

from __future__ import annotations

from iiniit_guard.errors import needs_extra

with needs_extra("django", "iiniit_guard.django"):
    from iiniit_guard.django.decorators import (
        forbid_actor,
        public,
        require_actor,
        require_any_scope,
        require_authorization_details,
        require_scope,
        require_token,
    )
    from iiniit_guard.django.middleware import GuardMiddleware

__all__ = [
    "GuardMiddleware",
    "forbid_actor",
    "public",
    "require_actor",
    "require_any_scope",
    "require_authorization_details",
    "require_scope",
    "require_token",
]
