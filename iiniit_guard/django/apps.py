"""The Django application that registers the system checks.

Add `"iiniit_guard.django"` to `INSTALLED_APPS`, so that `manage.py check` runs them.
"""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import Tags, register


class _GuardConfig(AppConfig):
    """The configuration of the application. The middleware and the decorators work without it."""

    name = "iiniit_guard.django"
    label = "iiniit_guard"  # the default is the last part of the name: "django"

    def ready(self) -> None:
        """Register the checks."""
        from iiniit_guard.django.checks import check_project

        register(check_project, Tags.security)
