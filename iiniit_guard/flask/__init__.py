"""Guard a Flask application: `IiniitGuard` guards every request, decorators guard single views."""

from __future__ import annotations

from iiniit_guard.errors import needs_extra

with needs_extra("flask", "iiniit_guard.flask"):
    from iiniit_guard.flask.decorators import (
        access_token,
        forbid_actor,
        public,
        require_actor,
        require_any_scope,
        require_authorization_details,
        require_scope,
        require_token,
    )
    from iiniit_guard.flask.extension import IiniitGuard

__all__ = [
    "IiniitGuard",
    "access_token",
    "forbid_actor",
    "public",
    "require_actor",
    "require_any_scope",
    "require_authorization_details",
    "require_scope",
    "require_token",
]
