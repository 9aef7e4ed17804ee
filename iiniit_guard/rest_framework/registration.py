"""What this package adds to that of Django: a check of its views, and pages for refusals."""

from __future__ import annotations

from iiniit_guard.django.pages import shows
from iiniit_guard.django.view_checks import guarded_views, view_checks
from iiniit_guard.rest_framework.checks import check_view, is_guarded
from iiniit_guard.rest_framework.pages import show_refusal


def register() -> None:
    """Register the checks and the pages. Called once, when the package is imported."""
    shows.append(show_refusal)
    view_checks.append(check_view)
    guarded_views.append(is_guarded)
