"""The commands run in the directory of the sample applications."""

from __future__ import annotations

import sys

import pytest

from tests.contract.hosts import django_project
from tests.unit.cli.running import APPS

# Django must have its settings before a sample application imports Django REST framework.
assert django_project.BASE


@pytest.fixture(autouse=True)
def in_apps(monkeypatch):
    monkeypatch.chdir(APPS)
    monkeypatch.setattr(sys, "path", [str(APPS), *sys.path])
    for name in ("NO_COLOR", "FORCE_COLOR", "DJANGO_SETTINGS_MODULE"):
        monkeypatch.delenv(name, raising=False)
