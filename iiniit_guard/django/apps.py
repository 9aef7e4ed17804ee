"""The Django application that registers the system checks.

Add `"iiniit_guard.django"` to `INSTALLED_APPS`, so that `manage.py check` runs them.
"""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig, apps
from django.core.checks import Tags, register


class _GuardConfig(AppConfig):
    """The configuration of the application. The middleware and the decorators work without it."""

    name = "iiniit_guard.django"
    label = "iiniit_guard"  # the default is the last part of the name: "django"

    def ready(self) -> None:
        """Register the checks, and the extension of drf-spectacular if it is installed."""
        from iiniit_guard.django.checks import check_project

        register(check_project, Tags.security)
        if apps.is_installed("drf_spectacular"):
            # By name, because the package for Django REST framework is built on this one.
            import_module("iiniit_guard.rest_framework.spectacular")
