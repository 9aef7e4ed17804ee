"""The settings of the Django project."""

from __future__ import annotations

from iiniit_guard.testing import Issuer

SECRET_KEY = "of no use here"
ROOT_URLCONF = "shop_urls"
INSTALLED_APPS = ["rest_framework"]
MIDDLEWARE = ["iiniit_guard.django.GuardMiddleware"]
IINIIT_GUARD = {"guard": Issuer().guard(), "enforce": "declared"}
REST_FRAMEWORK = {"UNAUTHENTICATED_USER": None}
