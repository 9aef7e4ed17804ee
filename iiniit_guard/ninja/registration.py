"""What this package adds to that of Django: the check that the middleware is there."""

from __future__ import annotations

from iiniit_guard.django.view_checks import guarded_views
from iiniit_guard.ninja.operations import is_guarded


def register() -> None:
    """Register the check. Called once, when the package is imported."""
    guarded_views.append(is_guarded)
