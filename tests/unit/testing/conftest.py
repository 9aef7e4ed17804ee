"""Django has its settings before a test imports Django REST framework."""

from __future__ import annotations

from tests.contract.hosts import django_project

assert django_project.BASE
