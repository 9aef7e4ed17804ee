"""With `"iiniit_guard.django"` in `INSTALLED_APPS`, `manage.py check` looks at how the project is guarded."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import Tags, register


class _GuardConfig(AppConfig):
    """The application that brings the system checks; the middleware and the decorators work without it."""

    name = "iiniit_guard.django"
    label = "iiniit_guard"  # the last part of the name would be "django"

    def ready(self) -> None:
        """Register the checks."""
        from iiniit_guard.django.checks import check_project

        register(check_project, Tags.security)
